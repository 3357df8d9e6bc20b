import MartletAccess
import MartletFrames
import Testing

@Suite("Signatures of webhooks")
struct WebhookSignatureTests {
    /// From the documentation of Svix, who wrote Standard Webhooks.
    static let standard = [
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek", "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    ]
    static let standardBody = Array(#"{"test": 2432232314}"#.utf8)
    static let standardSecret = Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    static let standardTime = Timestamp(microseconds: 1_614_265_330_000_000)
    /// From GitHub's documentation.
    static let github = ["x-hub-signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"]
    static let githubSecret = Secret("It's a Secret to Everybody")

    private func isValid(
        _ headers: [String: String], _ body: [UInt8], _ secrets: Secret..., at time: Timestamp = standardTime
    ) -> Bool {
        WebhookSignature(body: body) { headers[$0] }?.isValid(under: secrets, at: time) ?? false
    }

    @Test("those that their inventors show are valid, under the right secret, over the whole body")
    func vectors() {
        let (body, hello) = (Self.standardBody, Array("Hello, World!".utf8))
        #expect(isValid(Self.standard, body, Self.standardSecret))
        #expect(isValid(Self.standard, body, Secret("another"), Self.standardSecret))
        #expect(!isValid(Self.standard, body, Secret("another")) && !isValid(Self.standard, body))
        #expect(!isValid(Self.standard, body + [0x20], Self.standardSecret) && !isValid(Self.standard, [], Self.standardSecret))
        #expect(isValid(Self.github, hello, Self.githubSecret))
        #expect(!isValid(Self.github, hello, Secret("It's a secret to everybody")) && !isValid(Self.github, hello.dropLast(), Self.githubSecret))
        #expect(WebhookSignature(body: body) { Self.standard[$0] }?.delivery == "msg_p5jXN8AQM9LWM0D4loKWxJek")
        #expect(WebhookSignature(body: body) { Self.github[$0] }?.delivery == nil)
        #expect(WebhookSignature(body: body) { Self.github.merging(["x-github-delivery": "d1"]) { $1 }[$0] }?.delivery == "d1")
    }

    @Test("a signed time holds for five minutes either way", arguments: [
        (-301, false), (-300, true), (0, true), (300, true), (301, false), (86_400 * 365, false),
    ])
    func times(_ seconds: Int64, _ isFresh: Bool) {
        #expect(isValid(Self.standard, Self.standardBody, Self.standardSecret, at: Self.standardTime + .seconds(seconds)) == isFresh)
    }

    @Test("a signature among others is found, what is changed or malformed is none")
    func malformed() {
        func standard(_ changes: [String: String?]) -> Bool {
            var headers = Self.standard
            for (name, value) in changes { headers[name] = value }
            return isValid(headers, Self.standardBody, Self.standardSecret)
        }
        let signature = Self.standard["webhook-signature"] ?? ""
        #expect(standard(["webhook-signature": "v1a,xx v1,AAAA \(signature)"]))
        for changes: [String: String?] in [
            ["webhook-id": "msg_2"], ["webhook-id": ""], ["webhook-id": nil], ["webhook-timestamp": nil], ["webhook-timestamp": "1614265331"],
            ["webhook-timestamp": "01614265330"], ["webhook-timestamp": "+1614265330"], ["webhook-timestamp": "99999999999999999999"],
            ["webhook-timestamp": "999999999999999999"], ["webhook-timestamp": "99999999999"],
            ["webhook-timestamp": ""], ["webhook-signature": ""], ["webhook-signature": String(signature.dropFirst(3))],
            ["webhook-signature": "v2," + signature.dropFirst(3)], ["webhook-signature": signature.dropLast(2) + "=="],
            ["webhook-signature": String(repeating: "v1,AAAA ", count: 8) + signature],
        ] { #expect(!standard(changes), "\(changes)") }
        for text in ["", "sha256=", "sha1=757107ea", String((Self.github["x-hub-signature-256"] ?? "").dropLast()) + "g"] {
            #expect(!isValid(["x-hub-signature-256": text], Array("Hello, World!".utf8), Self.githubSecret), "\(text)")
        }
        #expect(WebhookSignature(body: []) { _ in nil } == nil)
    }

    @Test("a secret that says no bytes in base 64 is its text, and not the empty key that anybody has")
    func empty() {
        let hello = Array("Hello, World!".utf8)
        let (underNothing, underText) = (
            "2bbcfa9524f3218c7a34b30e6936f8b1a4516cb097f1a85a1c7d98b5977ec769", "1a38013b55d4d143df22e09be15224eddb2eccb92d0729e6830388a42780cc80"
        )
        #expect(!isValid(["x-hub-signature-256": "sha256=" + underNothing], hello, Secret("whsec_")))
        #expect(isValid(["x-hub-signature-256": "sha256=" + underText], hello, Secret("whsec_")))
    }
}
