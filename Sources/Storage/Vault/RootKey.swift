internal import Crypto
internal import MartletBytes
public import MartletWorld

/// The key under which everything in the vault is sealed. It prints as *redacted*.
public struct RootKey: Sendable {
    /// How many bytes a root key has.
    public static let size = 32

    let key: SymmetricKey

    /// Takes 32 random bytes; nil for any other number of them.
    public init?(bytes: [UInt8]) {
        guard bytes.count == Self.size else { return nil }
        key = SymmetricKey(data: bytes)
    }

    /// A key for one use, so that what is sealed for one cannot be opened as another.
    func derived(for use: String, salt: [UInt8] = []) -> SymmetricKey {
        HKDF<SHA256>.deriveKey(inputKeyMaterial: key, salt: salt, info: Array(use.utf8), outputByteCount: 32)
    }
}

extension RootKey: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { "redacted" }
    public var debugDescription: String { "redacted" }
    public var customMirror: Mirror { Mirror(self, children: []) }
}

/// Where the vault's root key comes from.
///
/// The default is a file beside the vault, ``FileRootKey``. A key-management service conforms to this protocol instead.
public protocol RootKeyProvider: Sendable {
    /// The root key.
    ///
    /// - Parameter creating: whether this is the vault's first start, when a key may be made. Otherwise a missing key
    ///   is an error: a new key over an old vault would be its loss.
    func rootKey(creating: Bool) throws(VaultError) -> RootKey
}

/// A root key in the file `root.key`, made from the world's randomness at first start.
///
/// The limit of this choice: whoever takes the whole disk has the key with the vault. Kept beside the data, the key
/// protects copies and backups of the data that leave the vault's folder out; to protect against a stolen disk, keep
/// the vault's folder on another volume, or use a provider that asks a key-management service.
///
/// The file's bytes: `MVRK`, format (1 byte, 1), the key (32 bytes), CRC-32C of all before (4 bytes).
public struct FileRootKey: RootKeyProvider {
    private static let magic = Array("MVRK".utf8)
    private static let format: UInt8 = 1

    private let world: World
    private let folder: RelativePath

    /// The key in the vault's own folder.
    public init(in world: World, folder: RelativePath) {
        self.world = world
        self.folder = folder
    }

    public func rootKey(creating: Bool) throws(VaultError) -> RootKey {
        let path = folder / "root.key"
        do {
            if try world.files.size(path) == nil {
                guard creating else { throw VaultError.keyMissing(path) }
                var writer = ByteWriter()
                writer.write(contentsOf: Self.magic)
                writer.write(Self.format)
                writer.write(contentsOf: world.random.bytes(RootKey.size))
                writer.write(fixed: CRC32C.checksum(writer.bytes))
                try world.files.replace(path, with: writer.bytes)
            }
            // Read back even when just written: what counts is what a restart will find.
            let bytes = try world.files.contents(of: path, limit: 64)
            guard bytes.starts(with: Self.magic), bytes.count > Self.magic.count else {
                throw VaultError.damaged(path, at: 0, "it is no root key")
            }
            let format = bytes[Self.magic.count]
            guard format == Self.format else {
                throw VaultError.newerFormat(path, found: Int(format), known: Int(Self.format))
            }
            let body = bytes.dropLast(4)
            var reader = ByteReader(bytes.suffix(4))
            guard bytes.count == Self.magic.count + 1 + RootKey.size + 4, try reader.readFixed(UInt32.self) == CRC32C.checksum(body),
                let key = RootKey(bytes: Array(body.suffix(RootKey.size)))
            else {
                throw VaultError.damaged(path, at: 0, "its length or checksum is wrong")
            }
            return key
        } catch {
            throw VaultError.translated(error)
        }
    }
}

extension VaultError {
    /// Errors of the layers below, in our words.
    static func translated(_ error: any Error) -> VaultError {
        switch error {
        case let error as VaultError: error
        case let error as FileError: .file(error)
        default: VaultError(.failed, "\(error)", cause: error)
        }
    }
}

extension FileSystem {
    /// Puts a whole small file in place of another: old or new after a crash, durable on return.
    func replace(_ path: RelativePath, with bytes: [UInt8]) throws(FileError) {
        guard let temporary = path.parent.appending(path.name + ".new") else {
            preconditionFailure("a file's name is short")
        }
        let file = try open(temporary, .write)
        try file.truncate(to: 0)
        try file.write(bytes, at: 0)
        try file.sync()
        try rename(temporary, to: path)
        try syncFolder(path.parent)
    }

    /// The bytes of a small file, at most `limit` of them.
    func contents(of path: RelativePath, limit: Int) throws(FileError) -> [UInt8] {
        try open(path, .read).read(at: 0, count: limit)
    }
}
