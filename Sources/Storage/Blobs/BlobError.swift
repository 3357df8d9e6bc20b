internal import MartletWorld

/// A failure of the blob store.
public struct BlobError: Error, Sendable {
    /// What kind of failure; the only part that tests and callers compare.
    public struct Code: Hashable, Sendable {
        private enum Raw { case notFound, changed, tooLarge, full, failed, stopped, notPermitted }
        private let raw: Raw
        private init(_ raw: Raw) { self.raw = raw }

        /// No blob has that hash.
        public static let notFound = Self(.notFound)
        /// The stored bytes are not those that were put.
        public static let changed = Self(.changed)
        /// The blob is over a limit.
        public static let tooLarge = Self(.tooLarge)
        /// No space is left; nothing was stored, and a later put may succeed.
        public static let full = Self(.full)
        /// The device or a sync failed; the store takes no puts until it is opened again.
        public static let failed = Self(.failed)
        /// An earlier failure stopped all puts.
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

extension BlobError: CustomStringConvertible {
    public var description: String { message + (hint.map { "\n hint: " + $0 } ?? "") }
}

extension BlobError {
    static func notFound(_ hash: BlobHash) -> Self {
        Self(.notFound, "no blob has the hash \(hash)", hint: "restore the blobs from the backup that belongs to this database")
    }

    static func changed(_ hash: BlobHash, found: BlobHash, size: Int) -> Self {
        Self(
            .changed, "the blob \(hash) was changed on disk: its \(size) bytes now have the hash \(found)",
            hint: "restore it from a backup, or put the original bytes again")
    }

    static func tooLarge(size: Int, limit: Int, hash: BlobHash? = nil) -> Self {
        Self(
            .tooLarge, (hash.map { "the blob \($0)" } ?? "the blob") + " has at least \(size) bytes where at most \(limit) are taken",
            hint: "raise the limit if this is meant")
    }

    static func stopped(after cause: String) -> Self {
        Self(
            .stopped, "the blob store takes no writes since an earlier failure: \(cause)",
            hint: "check the disk, then restart; what was stored before the failure is kept")
    }

    /// A failure of the file system below.
    static func file(_ error: FileError) -> Self {
        switch error.kind {
        case .full: Self(.full, "\(error)", hint: "free space on the disk of the blobs; nothing needs a restart", cause: error)
        case .notPermitted: Self(.notPermitted, "\(error)", hint: "check the owner of the blob folder", cause: error)
        case .notFound, .alreadyExists, .failed: Self(.failed, "\(error)", hint: "check the disk, then restart", cause: error)
        }
    }
}
