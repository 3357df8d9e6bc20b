import MartletFrames
import MartletIngestion
import MartletPipelines
import MartletStorage
import MartletWorld
import Synchronization

/// A file that is read once, piece by piece.
final class ProjectFileReader: Sendable {
    static let pieceBytes = 1 << 20
    private let file: any File
    /// Where the next piece begins.
    private let offset = Mutex(0)
    /// Of what was read so far; and whether that is all.
    private let digest = Mutex((hasher: BlobHasher(), isWhole: false))

    init(_ file: any File) {
        self.file = file
    }

    /// The format of rows that the name says, or else the first bytes.
    func format(named name: String) throws -> IngestOptions.Format {
        try IngestOptions.Format(fileName: name) ?? IngestOptions.Format(start: file.read(at: 0, count: 4_096))
    }

    /// Nil at the end.
    func next() throws -> [UInt8]? {
        let start = offset.withLock { $0 }
        let piece = try file.read(at: start, count: Self.pieceBytes)
        offset.withLock { $0 = start + piece.count }
        digest.withLock { digest in
            digest.hasher.add(piece)
            digest.isWhole = piece.isEmpty
        }
        return piece.isEmpty ? nil : piece
    }

    /// The hash of the file's bytes once all of them were read; nil before.
    var hashOfAll: String? { digest.withLock { $0.isWhole ? "\($0.hasher.hash)" : nil } }

    /// Reads the rest, and gives the hash of the file's bytes.
    func hash() throws -> String? {
        while try next() != nil {}
        return hashOfAll
    }
}

/// A file that a task writes from start to end, in a place that nobody reads until it is whole.
final class TaskFileWriter: Sendable {
    let path: RelativePath
    let files: any FileSystem
    let file: any File
    private let size = Mutex(0)

    init(_ path: RelativePath, in files: any FileSystem) throws {
        self.path = path
        self.files = files
        try files.createFolder(path.parent)
        file = try files.open(path, .write)
        try file.truncate(to: 0)
    }

    func write(_ bytes: [UInt8]) throws {
        let offset = size.withLock { $0 }
        try file.write(bytes, at: offset)
        size.withLock { $0 = offset + bytes.count }
    }
}

extension Platform {
    /// The most bytes of one file that tasks pass to one another.
    static let taskFileBytes = 1 << 30

    /// Opens a file of the project's folder for reading. Links are not followed.
    func projectFile(_ path: String) throws -> ProjectFileReader {
        guard let relative = RelativePath(Self.plain(path)) else {
            throw TaskFailure(reason: "'\(path)' is no path inside the project")
        }
        do {
            return ProjectFileReader(try projectFiles.open(relative, .read))
        } catch {
            throw TaskFailure(reason: "\(error)", isRetryable: true)
        }
    }

    /// A path without `.` and empty parts.
    static func plain(_ path: String) -> [String] {
        path.split(separator: "/").map(String.init).filter { $0 != "." }
    }

    /// Where an attempt writes a file before it is whole: beside its place in the project, or in its own folder.
    func taskFile(_ path: String?, for context: TaskContext) throws -> TaskFileWriter {
        if let path, let relative = RelativePath(Self.plain(path)), let name = relative.parent.appending(relative.name + ".part") {
            return try TaskFileWriter(name, in: projectFiles)
        }
        let folder = try workFolder(of: context.start)
        return try TaskFileWriter(folder / "output", in: world.files)
    }

    /// Makes a file that is whole durable, puts it in its place, and stores its bytes for tasks after it.
    func keep(_ target: TaskFileWriter, atProjectPath path: String?) throws -> TaskValue {
        try target.file.sync()
        let reader = ProjectFileReader(target.file)
        let count = try target.file.size()
        guard count <= Self.taskFileBytes else {
            throw TaskFailure(reason: "the file has \(count) bytes; tasks pass at most \(Self.taskFileBytes) to one another")
        }
        let hash = try blobs.put(pieces: { try reader.next() })
        if let path, let relative = RelativePath(Self.plain(path)) {
            try target.files.rename(target.path, to: relative)
            try target.files.syncFolder(relative.parent)
        }
        return .file(hash: "\(hash)", byteCount: count)
    }

    /// The folder of one attempt, below the project's data folder.
    func workFolder(of start: AttemptStart) throws -> RelativePath {
        let name = "\(start.address.task).\(start.address.index).\(start.attempt)"
        guard let run = (RelativePath.root / "pipelines" / "work").appending(start.address.run), let folder = run.appending(name) else {
            throw TaskFailure(reason: "the attempt has no folder")
        }
        try world.files.createFolder(folder)
        return folder
    }

    /// A copy of a stored file in an attempt's folder; its absolute path.
    func copy(ofBlob hash: String, named name: String, for start: AttemptStart) throws -> String {
        let folder = try workFolder(of: start)
        guard let path = folder.appending(name), let absolute = world.files.absolutePath(path) else {
            throw TaskFailure(reason: "files need a disk")
        }
        let bytes = try blobs.read(try blobHash(hash), limit: Self.taskFileBytes)
        let file = try world.files.open(path, .write)
        try file.truncate(to: 0)
        try file.write(bytes, at: 0)
        return absolute
    }
}
