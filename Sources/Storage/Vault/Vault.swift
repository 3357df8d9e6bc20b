internal import Crypto
public import MartletFrames
public import MartletWorld

/// The keeper of what must not lie with the data: keys, and who is behind each pseudonym.
///
/// It is a folder of its own (`.martlet/vault`), with its own backup. Everything in it is sealed under the root key:
/// - `root.key`: the root key itself, unless another ``RootKeyProvider`` keeps it elsewhere (see ``FileRootKey`` for
///   what that protects from, and what not);
/// - `keys.sealed`: the signing key, the data key, the pepper;
/// - `pseudonyms.log`: identifiers and their pseudonyms.
///
/// Calls block, so shells run them on threads of their own.
public final class Vault: Sendable {
    private let keys: VaultKeys
    private let random: any RandomSource
    private let log: PseudonymLog

    /// Limits on what the vault takes.
    public struct Limits: Sendable {
        /// The longest identifier, in bytes.
        public var identifierSize: Int
        /// The most pseudonyms held; each takes about 60 bytes of memory and its identifier.
        public var pseudonyms: Int

        public init(identifierSize: Int = 1_024, pseudonyms: Int = 100_000_000) {
            self.identifierSize = identifierSize
            self.pseudonyms = pseudonyms
        }
    }

    /// Opens the vault, creating it at first start.
    ///
    /// - Parameters:
    ///   - folder: the vault's folder below the world's root.
    ///   - rootKey: where the root key is kept; nil for the file `root.key` in the folder.
    /// - Throws: `keyMissing`, `wrongKey` or `damaged` rather than starting over.
    public init(in world: World, folder: RelativePath, rootKey: (any RootKeyProvider)? = nil, limits: Limits = Limits())
        throws(VaultError)
    {
        precondition(limits.identifierSize > 0 && limits.pseudonyms > 0 && limits.pseudonyms < Int(UInt32.max))
        do {
            try world.files.createFolder(folder)
            try world.files.syncFolder(folder.parent)
            let keyPath = folder / "keys.sealed"
            let logPath = folder / "pseudonyms.log"
            // The keys are written after the root key and before the log, so any of them marks a vault that exists.
            let keysExist = try world.files.size(keyPath) != nil
            let logExists = try world.files.size(logPath) != nil
            if logExists && !keysExist { throw VaultError.damaged(keyPath, at: 0, "it is missing") }
            let provider = rootKey ?? FileRootKey(in: world, folder: folder)
            let root = try provider.rootKey(creating: !keysExist)
            keys = try VaultKeys(in: world, at: keyPath, under: root)
            log = try PseudonymLog(in: world, at: logPath, under: root, limits: limits)
            random = world.random
        } catch {
            throw VaultError.translated(error)
        }
    }

    // MARK: - Pseudonyms

    /// The pseudonym of each identifier.
    ///
    /// New ones are on the disk when this returns, with one sync for the whole call, so events that bear them may be
    /// written. Equal identifiers in one space have one pseudonym for ever; pseudonyms are random and never 0.
    ///
    /// - Parameters:
    ///   - identifiers: *n* texts; an identifier of another type is given in the one text form that its field has.
    ///   - space: the field name space in which identifiers mean persons.
    ///   - creating: whether unknown identifiers get a pseudonym; otherwise they give nil.
    /// - Returns: *n* pseudonyms.
    /// - Throws: `tooLarge`, `full`, `failed`, `stopped`; then no new pseudonym was given out.
    /// - Complexity: O(*n*), about 0.2 µs for a known identifier; no allocation per identifier.
    public func pseudonyms(for identifiers: StringStorage, in space: PseudonymSpace, creating: Bool)
        throws(VaultError) -> [UInt64?]
    {
        try log.pseudonyms(for: identifiers, in: space, creating: creating)
    }

    /// The identifier behind a pseudonym; nil for one that was never given out.
    public func identifier(of pseudonym: UInt64, in space: PseudonymSpace) -> [UInt8]? {
        log.identifier(of: pseudonym, in: space)
    }

    /// How many pseudonyms a space has.
    public func pseudonymCount(in space: PseudonymSpace) -> Int {
        log.count(in: space)
    }

    // MARK: - Signatures

    /// What a signature is for; one made for one use does not verify for another.
    public struct SignatureUse: Hashable, Sendable {
        let label: String
        private init(_ label: String) { self.label = label }

        public static let modelPackage = Self("martlet model package 1")
        public static let receipt = Self("martlet receipt 1")
        public static let auditCheckpoint = Self("martlet audit checkpoint 1")
    }

    /// The public half of the signing key: 32 bytes, Ed25519.
    public var publicKey: [UInt8] { Array(keys.signing.publicKey.rawRepresentation) }

    /// Signs bytes for one use: 64 bytes, Ed25519 over the use's label, a zero byte and the bytes.
    public func signature(of bytes: [UInt8], for use: SignatureUse) throws(VaultError) -> [UInt8] {
        do {
            return Array(try keys.signing.signature(for: Self.signed(bytes, use)))
        } catch {
            throw VaultError.translated(error)
        }
    }

    /// Whether a signature was made over these bytes, for this use, by the holder of that public key.
    public static func isValid(signature: [UInt8], of bytes: [UInt8], for use: SignatureUse, publicKey: [UInt8]) -> Bool
    {
        guard let key = try? Curve25519.Signing.PublicKey(rawRepresentation: publicKey) else { return false }
        return key.isValidSignature(signature, for: signed(bytes, use))
    }

    private static func signed(_ bytes: [UInt8], _ use: SignatureUse) -> [UInt8] {
        Array(use.label.utf8) + [0] + bytes
    }

    // MARK: - Sealed data

    /// What sealed bytes are for; each use has a key of its own.
    public struct SealUse: Hashable, Sendable {
        let label: String
        private init(_ label: String) { self.label = label }

        /// Raw bytes of records that broke their contract, which may hold anything.
        public static let deadLetters = Self("martlet dead letters 1")
        /// What users keep secret: passwords and keys of what their tasks speak to.
        public static let secrets = Self("martlet secrets 1")
        /// What people write about decisions that they judge.
        public static let reviews = Self("martlet reviews 1")
    }

    /// Seals bytes so that they open only for the same use at the same location (ChaChaPoly; 28 bytes longer).
    ///
    /// - Parameter location: names the place that the bytes will stand at; sealed bytes cannot be moved.
    public func seal(_ bytes: [UInt8], for use: SealUse, at location: String) throws(VaultError) -> [UInt8] {
        do {
            let nonce = try ChaChaPoly.Nonce(data: random.bytes(12))
            return Array(
                try ChaChaPoly.seal(bytes, using: dataKey(use), nonce: nonce, authenticating: Array(location.utf8))
                    .combined)
        } catch {
            throw VaultError.translated(error)
        }
    }

    /// Opens what ``seal(_:for:at:)`` sealed there.
    ///
    /// - Throws: `unreadable` for bytes that were changed, moved, or sealed by another vault.
    public func open(_ sealed: [UInt8], for use: SealUse, at location: String) throws(VaultError) -> [UInt8] {
        guard let box = try? ChaChaPoly.SealedBox(combined: sealed),
            let bytes = try? ChaChaPoly.open(box, using: dataKey(use), authenticating: Array(location.utf8))
        else {
            throw .unreadable(at: location)
        }
        return Array(bytes)
    }

    private func dataKey(_ use: SealUse) -> SymmetricKey {
        HKDF<SHA256>.deriveKey(inputKeyMaterial: keys.data, info: Array(use.label.utf8), outputByteCount: 32)
    }

    // MARK: - Tokens

    /// Hashes tokens under the pepper, so that the database alone is no list to guess against.
    public var tokenHasher: TokenHasher { TokenHasher(pepper: keys.pepper) }
}

/// Hashes tokens under the vault's pepper: HMAC-SHA-256, 32 bytes. It prints as *redacted*.
public struct TokenHasher: Sendable, CustomStringConvertible, CustomReflectable {
    private let pepper: SymmetricKey

    init(pepper: SymmetricKey) {
        self.pepper = pepper
    }

    /// The hash of a token's bytes.
    public func hash(_ token: [UInt8]) -> [UInt8] {
        Array(HMAC<SHA256>.authenticationCode(for: token, using: pepper))
    }

    public var description: String { "redacted" }
    public var customMirror: Mirror { Mirror(self, children: []) }
}
