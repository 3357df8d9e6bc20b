import Crypto
import Foundation

/// A key that signs packages (Ed25519).
public struct PackageSigningKey: Sendable, CustomStringConvertible {
    private let key: Curve25519.Signing.PrivateKey

    /// Takes the key's 32 secret bytes, or 32 bytes fresh from a secure generator to make one.
    ///
    /// - Throws: ``PackageError`` with code `malformed` for another length.
    public init(secret: [UInt8]) throws(PackageError) {
        guard secret.count == 32, let key = try? Curve25519.Signing.PrivateKey(rawRepresentation: secret) else {
            throw PackageError(.malformed, "a signing key has 32 bytes; \(secret.count) were given")
        }
        self.key = key
    }

    public var publicKey: PackagePublicKey { PackagePublicKey(key.publicKey) }

    /// Never the secret.
    public var description: String { "PackageSigningKey(\(publicKey.id), secret redacted)" }

    func signature(of bytes: [UInt8]) throws(PackageError) -> [UInt8] {
        do {
            return Array(try key.signature(for: bytes))
        } catch {
            throw PackageError(.signatureInvalid, "the manifest could not be signed")
        }
    }
}

/// The public half: who trusts it accepts packages that its owner signed.
public struct PackagePublicKey: Hashable, Sendable {
    /// The key's 32 bytes.
    public let bytes: [UInt8]

    init(_ key: Curve25519.Signing.PublicKey) { bytes = Array(key.rawRepresentation) }

    /// - Throws: ``PackageError`` with code `malformed` if the bytes are no key.
    public init(bytes: [UInt8]) throws(PackageError) {
        guard bytes.count == 32, (try? Curve25519.Signing.PublicKey(rawRepresentation: bytes)) != nil else {
            throw PackageError(.malformed, "a public key has 32 bytes; \(bytes.count) were given")
        }
        self.bytes = bytes
    }

    /// The SHA-256 of the key, in hexadecimal: how packages name it.
    public var id: String { sha256(bytes) }

    func accepts(_ signature: [UInt8], of bytes: [UInt8]) -> Bool {
        guard let key = try? Curve25519.Signing.PublicKey(rawRepresentation: self.bytes) else { return false }
        return key.isValidSignature(signature, for: bytes)
    }
}

/// In hexadecimal.
func sha256(_ bytes: [UInt8]) -> String {
    hexadecimal(SHA256.hash(data: bytes))
}

func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
    let digits = Array("0123456789abcdef")
    var text = ""
    for byte in bytes {
        text.append(digits[Int(byte >> 4)])
        text.append(digits[Int(byte & 15)])
    }
    return text
}

/// Nil unless the text is an even number of lower-case digits.
func bytes(fromHexadecimal text: String) -> [UInt8]? {
    let digits = Array(text.utf8)
    guard digits.count % 2 == 0 else { return nil }
    func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case 0x30...0x39: digit - 0x30
        case 0x61...0x66: digit - 0x61 + 10
        default: nil
        }
    }
    var bytes: [UInt8] = []
    for index in stride(from: 0, to: digits.count, by: 2) {
        guard let high = value(digits[index]), let low = value(digits[index + 1]) else { return nil }
        bytes.append(high << 4 | low)
    }
    return bytes
}
