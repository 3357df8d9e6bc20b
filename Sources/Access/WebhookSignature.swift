internal import Crypto
internal import MartletBytes
public import MartletFrames

/// What a signed request carries: its body, and what says who sent it.
///
/// Two forms are known. Standard Webhooks (https://www.standardwebhooks.com): the HMAC-SHA-256 of `id.timestamp.body` in base 64 as
/// `v1,…`, at most ``tolerance`` away from the clock. GitHub: the HMAC-SHA-256 of the body in hexadecimal digits as `sha256=…`,
/// which says nothing of when it was made.
public struct WebhookSignature: Sendable {
    /// How far the time that is signed may be from the clock.
    public static let tolerance = Timestamp.Span.minutes(5)
    /// Signatures of one request that are looked at: while a secret is changed, a sender signs with both.
    static let limit = 8

    private let signed: [UInt8]
    /// Any of them, 32 bytes each.
    private let signatures: [[UInt8]]
    /// When it was signed; nil where that is not told.
    private let time: Timestamp?
    /// What the sender calls this delivery; the same when it sends it again.
    public let delivery: String?

    /// Nil for a request without a signature of either form, or with a malformed one.
    ///
    /// - Parameter header: the value of a header field; nil for one that is missing or stands there twice.
    public init?(body: [UInt8], header: (String) -> String?) {
        if let text = header("webhook-signature") {
            guard let id = header("webhook-id"), !id.isEmpty, let stamp = header("webhook-timestamp"), let seconds = Self.seconds(stamp)
            else { return nil }
            signatures = text.split(separator: " ").prefix(Self.limit).compactMap { part in
                part.hasPrefix("v1,") ? Base64Text.decode(part.utf8.dropFirst(3)) : nil
            }
            signed = Array("\(id).\(stamp).".utf8) + body
            time = Timestamp(microseconds: seconds * 1_000_000)
            delivery = id
        } else if let text = header("x-hub-signature-256"), text.hasPrefix("sha256="), let bytes = Self.bytes(text.utf8.dropFirst(7)) {
            signatures = [bytes]
            signed = body
            time = nil
            delivery = header("x-github-delivery").flatMap { $0.isEmpty ? nil : $0 }
        } else {
            return nil
        }
    }

    /// Whether somebody who has one of the secrets signed this, not too long ago.
    ///
    /// Each comparison takes a time that depends on lengths alone.
    public func isValid(under secrets: [Secret], at now: Timestamp) -> Bool {
        var isSigned = false
        for secret in secrets {
            let key = SymmetricKey(data: Self.key(secret))
            for signature in signatures where HMAC<SHA256>.isValidAuthenticationCode(signature, authenticating: signed, using: key) {
                isSigned = true
            }
        }
        guard let time else { return isSigned }
        return isSigned && now - Self.tolerance <= time && time <= now + Self.tolerance
    }

    /// The bytes of the text; of `whsec_…`, as Standard Webhooks gives secrets out, those that its base 64 says.
    private static func key(_ secret: Secret) -> [UInt8] {
        let text = secret.utf8
        let prefix = Array("whsec_".utf8)
        guard text.starts(with: prefix), let decoded = Base64Text.decode(text.dropFirst(prefix.count)), !decoded.isEmpty else { return text }
        return decoded
    }

    /// Whole seconds since 1970, far from where microseconds overflow.
    private static func seconds(_ text: String) -> Int64? {
        guard (1...11).contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return Int64(text)
    }

    private static func bytes(_ digits: some Collection<UInt8>) -> [UInt8]? {
        func value(_ digit: UInt8) -> UInt8? {
            switch digit {
            case 0x30...0x39: digit - 0x30
            case 0x41...0x46: digit - 0x41 + 10
            case 0x61...0x66: digit - 0x61 + 10
            default: nil
            }
        }
        guard digits.count == 64 else { return nil }
        var bytes: [UInt8] = []
        var high: UInt8?
        for digit in digits {
            guard let value = value(digit) else { return nil }
            if let first = high {
                bytes.append(first << 4 | value)
                high = nil
            } else {
                high = value
            }
        }
        return bytes
    }
}
