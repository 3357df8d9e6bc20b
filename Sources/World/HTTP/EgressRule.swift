/// Which machines may be connected to: every public address, and of the inner networks those that are named.
///
/// It speaks of the address that is connected to, whatever name led there. Addresses by which a machine in a cloud is
/// told its credentials, link-local addresses and those that are no machine's are never allowed.
public struct EgressRule: Hashable, Sendable {
    /// Inner networks that may be connected to.
    public var inner: [AddressRange]

    public init(inner: [AddressRange] = []) {
        self.inner = inner
    }

    /// Why an address is not connected to; nil if it may be.
    public func refusal(of address: InternetAddress) -> Refusal? {
        if let part = Self.neverAllowed.first(where: { $0.range.contains(address) }) { return Refusal(what: part.what, canBeAllowed: false) }
        guard let part = Self.innerNetworks.first(where: { $0.range.contains(address) }) else { return nil }
        return inner.contains { $0.contains(address) } ? nil : Refusal(what: part.what, canBeAllowed: true)
    }

    /// What an address is that is not connected to.
    public struct Refusal: Hashable, Sendable {
        /// `a private address`.
        public var what: String
        /// Whether a project may name it.
        public var canBeAllowed: Bool
    }

    private typealias Part = (range: AddressRange, what: String)

    private static func parts(_ texts: KeyValuePairs<String, [String]>) -> [Part] {
        texts.flatMap { what, ranges in ranges.compactMap { AddressRange($0) }.map { (range: $0, what: what) } }
    }

    /// Sources: RFC 6890 and the registries of special-purpose addresses; the documentation of the clouds.
    private static let neverAllowed: [Part] = parts([
        "an address at which a cloud gives credentials": [
            "169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254",
        ],
        "a link-local address": ["169.254.0.0/16", "fe80::/10"],
        "no address of a machine": ["0.0.0.0/8", "224.0.0.0/4", "240.0.0.0/4", "::", "ff00::/8"],
    ])

    private static let innerNetworks: [Part] = parts([
        "this machine": ["127.0.0.0/8", "::1"],
        "a private address": ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7", "fec0::/10"],
        // Old forms that carry another address within them, and ranges for documents and measurements.
        "a reserved address": [
            "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "::/96", "64:ff9b:1::/48",
            "100::/64", "2001::/23", "2001:db8::/32", "2002::/16",
        ],
    ])
}
