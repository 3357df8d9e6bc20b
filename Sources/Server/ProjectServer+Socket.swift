import Glibc
import NIOCore
import Synchronization

extension ProjectServer {
    /// The socket through which commands of the same user reach the server.
    public static func socketPath(ofProject folder: String) -> String {
        folder + "/" + dataFolder + "/socket"
    }

    /// The most bytes that a socket's path may have: a C string of 108.
    static let socketPathLimit = 107

    /// Starts to listen on the project's socket, which only the owner of the folder can reach.
    public func listenOnSocket() async throws {
        let path = Self.socketPath(ofProject: projectFolder)
        guard path.utf8.count <= Self.socketPathLimit else { throw ListenError.socketPath(path, limit: Self.socketPathLimit) }
        // First the folder, so that there is no moment in which others could connect.
        guard chmod(projectFolder + "/" + Self.dataFolder, 0o700) == 0 else {
            throw ListenError.socketFile(path, reason: String(cString: strerror(errno)))
        }
        do {
            _ = try await listener.listen(on: .socket(path: path))
        } catch let error as IOError {
            throw ListenError.socketFile(path, reason: "\(error)")
        }
        socketPath.withLock { $0 = path }
        guard chmod(path, 0o600) == 0 else {
            throw ListenError.socketFile(path, reason: String(cString: strerror(errno)))
        }
    }

    func removeSocket() {
        let path = socketPath.withLock { path in
            defer { path = nil }
            return path
        }
        if let path { unlink(path) }
    }
}
