/// Files below one root folder; the only way to the disk.
///
/// All calls block, so shells run them on threads of their own. Paths are relative to the root and cannot leave it.
/// A name in a folder is durable only after ``syncFolder(_:)``, bytes of a file only after ``File/sync()``:
/// the simulated implementation loses everything else at a crash.
public protocol FileSystem: Sendable {
    /// Opens a file for reading and, by `access`, writing.
    func open(_ path: RelativePath, _ access: FileAccess) throws(FileError) -> any File
    /// The names in a folder, sorted by their bytes.
    func list(_ folder: RelativePath) throws(FileError) -> [String]
    /// Creates a folder and those above it; one that exists is left as it is.
    func createFolder(_ folder: RelativePath) throws(FileError)
    /// Replaces `target` in one step if it exists.
    func rename(_ source: RelativePath, to target: RelativePath) throws(FileError)
    /// Removes a file.
    func remove(_ path: RelativePath) throws(FileError)
    /// Removes a folder that has nothing in it.
    func removeFolder(_ folder: RelativePath) throws(FileError)
    /// Makes creations, renames and removals in a folder durable.
    func syncFolder(_ folder: RelativePath) throws(FileError)
    /// Nil if nothing is there.
    func size(_ path: RelativePath) throws(FileError) -> Int?
    /// Takes the exclusive lock that a file stands for, creating the file; nil if another process or holder has it.
    func lock(_ path: RelativePath) throws(FileError) -> (any FileLock)?
    /// The absolute path of a file, for a library that opens files itself; nil where files are not on a disk.
    func absolutePath(_ path: RelativePath) -> String?
}

/// An exclusive lock, given back when the last reference goes or the process dies.
public protocol FileLock: Sendable {}

/// One open file. Closed when the last reference goes.
public protocol File: Sendable {
    /// Reads up to `count` bytes at an offset; fewer at the end of the file, none past it.
    func read(at offset: Int, count: Int) throws(FileError) -> [UInt8]
    /// Writes all bytes at an offset, extending the file as needed.
    func write(_ bytes: [UInt8], at offset: Int) throws(FileError)
    /// Returns when every byte written is on stable storage. After a failure nothing may be assumed of unsynced bytes.
    func sync() throws(FileError)
    func truncate(to size: Int) throws(FileError)
    func size() throws(FileError) -> Int
}

/// What a file is opened for.
public enum FileAccess: Sendable {
    case read
    /// Read and write; created if absent.
    case write
    /// Read and write; refused if it exists.
    case createNew
}

/// A path below a root: components that are neither empty, `.` nor `..` and hold no slash or NUL.
public struct RelativePath: Hashable, Sendable {
    public let components: [String]

    /// The root itself.
    public static let root = RelativePath(unchecked: [])

    /// Nil for a path that would leave the root or means another than it says.
    public init?(_ text: String) {
        self.init(text.split(separator: "/", omittingEmptySubsequences: false).map(String.init))
    }

    public init?(_ components: [String]) {
        for part in components where part.isEmpty || part == "." || part == ".." || part.utf8.contains(0) || part.contains("/") || part.utf8.count > 255 {
            return nil
        }
        self.components = components
    }

    private init(unchecked components: [String]) {
        self.components = components
    }

    /// The path of a child named by the program itself.
    public static func / (folder: Self, name: StaticString) -> Self {
        RelativePath(unchecked: folder.components + ["\(name)"])
    }

    /// The path of a child named by data; nil for a name that no child can have.
    public func appending(_ name: String) -> RelativePath? {
        RelativePath(components + [name])
    }

    public var parent: RelativePath { RelativePath(unchecked: Array(components.dropLast())) }
    public var name: String { components.last ?? "" }
}

extension RelativePath: CustomStringConvertible {
    public var description: String { components.joined(separator: "/") }
}

/// A failure of a file operation.
public struct FileError: Error, Hashable, Sendable {
    /// What a caller would react to differently.
    public enum Kind: Hashable, Sendable {
        case notFound
        case alreadyExists
        /// No space or quota is left.
        case full
        /// The device or a sync failed: unsynced bytes may be gone.
        case failed
        case notPermitted
    }

    public var kind: Kind
    public var operation: String
    public var path: String
    /// The system's error number, or 0 for one that the simulator planted.
    public var number: Int32

    public init(_ kind: Kind, operation: String, path: String, number: Int32 = 0) {
        self.kind = kind
        self.operation = operation
        self.path = path
        self.number = number
    }
}

extension FileError: CustomStringConvertible {
    public var description: String {
        let reason =
            switch kind {
            case .notFound: "it does not exist"
            case .alreadyExists: "it exists already"
            case .full: "the disk is full"
            case .failed: "the device failed"
            case .notPermitted: "it is not permitted"
            }
        return "cannot \(operation) '\(path)': \(reason)" + (number == 0 ? "" : " (errno \(number))")
    }
}
