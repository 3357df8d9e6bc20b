import MartletWorld
import Testing

@Suite("Which addresses may be connected to")
struct EgressRuleTests {
    private func refusal(_ text: String, inner: [String] = []) throws -> EgressRule.Refusal? {
        EgressRule(inner: try inner.map { try #require(AddressRange($0)) }).refusal(of: try #require(InternetAddress(text)))
    }

    @Test("public addresses may, without a word", arguments: [
        "1.1.1.1", "8.8.8.8", "93.184.216.34", "172.15.255.255", "172.32.0.0", "100.63.255.255", "100.128.0.0", "169.253.255.255", "169.255.0.0",
        "126.255.255.255", "128.0.0.0", "223.255.255.255", "2606:4700::1111", "2a00::1", "64:ff9b::8.8.8.8", "::ffff:8.8.8.8", "fe00::1",
    ])
    func open(_ address: String) throws {
        #expect(try refusal(address) == nil)
    }

    @Test("inner addresses may only if they are named", arguments: [
        ("127.0.0.1", "127.0.0.0/8"), ("127.255.255.255", "127.0.0.0/8"), ("::1", "::1"), ("10.0.0.0", "10.0.0.0/8"), ("10.255.255.255", "10.0.0.0/8"),
        ("172.16.0.0", "172.16.0.0/12"), ("172.31.255.255", "172.16.0.0/12"), ("192.168.1.1", "192.168.1.0/24"), ("100.64.0.1", "100.64.0.0/10"),
        ("192.0.2.1", "192.0.2.0/24"), ("198.18.0.1", "198.18.0.0/15"), ("198.51.100.7", "198.51.100.7"), ("203.0.113.9", "203.0.113.0/24"),
        ("192.0.0.8", "192.0.0.0/24"), ("192.88.99.1", "192.88.99.0/24"), ("fc00::1", "fc00::/7"), ("fdff::1", "fd00::/8"), ("fec0::1", "fec0::/10"),
        ("2001:db8::1", "2001:db8::/32"), ("2002:7f00:1::", "2002::/16"), ("2001::1", "2001::/23"), ("64:ff9b:1::1", "64:ff9b:1::/48"),
        ("100::1", "100::/64"), ("::7f00:1", "::/96"),
        // The same by other spellings.
        ("::ffff:127.0.0.1", "127.0.0.1"), ("64:ff9b::10.0.0.1", "10.0.0.0/8"), ("::ffff:7f00:1", "127.0.0.0/8"),
    ])
    func inner(_ address: String, _ network: String) throws {
        #expect(try refusal(address)?.canBeAllowed == true)
        #expect(try refusal(address, inner: [network]) == nil)
        #expect(try refusal(address, inner: ["10.9.9.9", "fd99::/16"])?.canBeAllowed == true)
    }

    @Test("where credentials lie, link-local addresses and those of no machine never may", arguments: [
        "169.254.169.254", "169.254.170.2", "169.254.0.0", "169.254.255.255", "100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254",
        "fd00:ec2::23", "fd20:ce::254", "fe80::1", "febf::1", "0.0.0.0", "0.1.2.3", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255",
        "::", "ff02::1", "::ffff:169.254.169.254", "64:ff9b::169.254.169.254", "::ffff:a9fe:a9fe", "::ffff:0.0.0.0",
    ])
    func never(_ address: String) throws {
        let everything = ["0.0.0.0/0", "::/0", "169.254.0.0/16", "fe80::/10", "fd00:ec2::/32"]
        #expect(try refusal(address, inner: everything)?.canBeAllowed == false)
    }

    @Test("a network is an address with the bits that count, and no other bit set")
    func ranges() throws {
        for text in ["", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/08x", "10.0.0.1/8", "10.0.0.0/8/8", "10.0.0", "127.1", "0x7f.0.0.1", "::1/129", "fe80::1%1", "::1/-1", "a"] {
            #expect(AddressRange(text) == nil, "\(text)")
        }
        let odd = try #require(AddressRange("10.32.0.0/11"))
        #expect("\(odd)" == "10.32.0.0/11")
        for (text, isIn) in [("10.32.0.0", true), ("10.63.255.255", true), ("10.64.0.0", false), ("10.31.255.255", false), ("::ffff:10.33.0.1", true), ("a20::", false)] {
            #expect(odd.contains(try #require(InternetAddress(text))) == isIn, "\(text)")
        }
        #expect("\(try #require(AddressRange("2001:DB8:0:0::/32")))" == "2001:db8::/32")
    }
}
