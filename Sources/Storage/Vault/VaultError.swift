internal import MartletWorld

/// A failure of the vault. Messages never hold an identifier, a pseudonym or a key.
public struct VaultError: Error, Sendable {
    /// What kind of failure; the only part that tests and callers compare.
    public struct Code: Hashable, Sendable {
        private enum Raw { case keyMissing, wrongKey, damaged, newerFormat, tooLarge, unreadable, full, failed, stopped, notPermitted }
        private let raw: Raw
        private init(_ raw: Raw) { self.raw = raw }

        /// The vault exists but its root key does not.
        public static let keyMissing = Self(.keyMissing)
        /// The root key is another than the one that sealed the vault.
        public static let wrongKey = Self(.wrongKey)
        /// A file of the vault was changed or is damaged beyond a torn tail.
        public static let damaged = Self(.damaged)
        /// A newer program wrote the file.
        public static let newerFormat = Self(.newerFormat)
        /// An identifier or a batch is over its limit.
        public static let tooLarge = Self(.tooLarge)
        /// Sealed bytes do not open at this place.
        public static let unreadable = Self(.unreadable)
        /// No space is left; nothing was stored, and a later call may succeed.
        public static let full = Self(.full)
        /// The device or a sync failed; the vault takes nothing new until it is opened again.
        public static let failed = Self(.failed)
        /// An earlier failure stopped all writes.
        public static let stopped = Self(.stopped)
        /// The files cannot be used by this user.
        public static let notPermitted = Self(.notPermitted)
    }

    public var code: Code
    /// What was asked, and what was found instead.
    public var message: String
    /// The next thing to try.
    public var hint: String?
    /// What went wrong below.
    public var cause: (any Error)?

    init(_ code: Code, _ message: String, hint: String? = nil, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.hint = hint
        self.cause = cause
    }
}

extension VaultError: CustomStringConvertible {
    public var description: String { message + (hint.map { "\n hint: " + $0 } ?? "") }
}

extension VaultError {
    static func keyMissing(_ path: RelativePath) -> Self {
        Self(
            .keyMissing, "the vault exists but its root key '\(path)' does not",
            hint: "put the key file back from where it is kept; without it the vault cannot be opened, and no new key is made over it")
    }

    static func wrongKey(_ path: RelativePath) -> Self {
        Self(
            .wrongKey, "'\(path)' does not open with this root key",
            hint: "use the root key that was made with this vault; if the key is right, the file was changed: restore it")
    }

    static func damaged(_ path: RelativePath, at offset: Int, _ what: String) -> Self {
        Self(.damaged, "'\(path)' is damaged at byte \(offset): \(what)", hint: "restore the vault from its backup; nothing was changed")
    }

    static func newerFormat(_ path: RelativePath, found: Int, known: Int) -> Self {
        Self(
            .newerFormat, "'\(path)' has format \(found); this program knows formats up to \(known)",
            hint: "use the newer program that wrote it")
    }

    static func identifierTooLong(size: Int, limit: Int) -> Self {
        Self(
            .tooLarge, "an identifier has \(size) bytes where at most \(limit) are taken",
            hint: "give a shorter identifier of the person, or raise the limit")
    }

    static func tooManyPseudonyms(limit: Int) -> Self {
        Self(.tooLarge, "the vault holds \(limit) pseudonyms, the most it takes", hint: "raise the limit if memory allows")
    }

    static func unreadable(at location: String) -> Self {
        Self(
            .unreadable, "the sealed bytes at '\(location)' do not open there",
            hint: "they were changed, moved from another place, or sealed by another vault")
    }

    static func stopped(after cause: String) -> Self {
        Self(
            .stopped, "the vault takes nothing new since an earlier failure: \(cause)",
            hint: "check the disk, then restart; what was stored before the failure is kept")
    }

    /// A failure of the file system below.
    static func file(_ error: FileError) -> Self {
        switch error.kind {
        case .full: Self(.full, "\(error)", hint: "free space on the disk of the vault; nothing needs a restart", cause: error)
        case .notPermitted: Self(.notPermitted, "\(error)", hint: "check the owner of the vault folder", cause: error)
        case .notFound, .alreadyExists, .failed: Self(.failed, "\(error)", hint: "check the disk, then restart", cause: error)
        }
    }
}
