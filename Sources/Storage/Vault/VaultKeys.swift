internal import Crypto
internal import MartletBytes
internal import MartletWorld

/// The server's own secrets, sealed together in the file `keys.sealed`.
///
/// The file's bytes: `MVKS`, format (1 byte, 1), then a ChaChaPoly box (nonce 12, ciphertext 96, tag 16) whose
/// associated data are the five bytes before it and the name of the file. In it, 32 bytes each: the Ed25519 signing
/// key, the data key, the pepper.
struct VaultKeys {
    let signing: Curve25519.Signing.PrivateKey
    let data: SymmetricKey
    let pepper: SymmetricKey

    private static let header = Array("MVKS".utf8) + [1]

    /// Opens the keys, or makes them at first start.
    init(in world: World, at path: RelativePath, under root: RootKey) throws {
        let key = root.derived(for: "martlet vault keys")
        let associated = Self.header + Array(path.name.utf8)
        if try world.files.size(path) == nil {
            let secrets = world.random.bytes(96)
            let nonce = try ChaChaPoly.Nonce(data: world.random.bytes(12))
            let box = try ChaChaPoly.seal(secrets, using: key, nonce: nonce, authenticating: associated)
            try world.files.replace(path, with: Self.header + Array(box.combined))
        }
        let bytes = try world.files.contents(of: path, limit: 1024)
        guard bytes.starts(with: Self.header.prefix(4)), bytes.count > Self.header.count else {
            throw VaultError.damaged(path, at: 0, "it holds no vault keys")
        }
        guard bytes[4] == Self.header[4] else {
            throw VaultError.newerFormat(path, found: Int(bytes[4]), known: Int(Self.header[4]))
        }
        guard let box = try? ChaChaPoly.SealedBox(combined: bytes.dropFirst(Self.header.count)),
            let opened = try? ChaChaPoly.open(box, using: key, authenticating: associated), opened.count == 96
        else {
            throw VaultError.wrongKey(path)
        }
        let secrets = Array(opened)
        signing = try Curve25519.Signing.PrivateKey(rawRepresentation: secrets[0..<32])
        data = SymmetricKey(data: secrets[32..<64])
        pepper = SymmetricKey(data: secrets[64..<96])
    }
}
