import MartletWorld
import NIOCore
import NIOPosix

/// A project's folder as the user named it, and how to its routes.
struct ProjectFolder {
    let path: String

    /// - Throws: a failure with a hint if there is no project.
    init(_ path: String) throws(CommandFailure) {
        self.path = path
        guard PathKind.of(path) == .folder else {
            throw CommandFailure(
                "no_project", "there is no folder '\(path)'", hint: "make a project with 'martlet init NAME', or name its folder with --project")
        }
        let signs = ["martlet.yaml", "streams", ".martlet"]
        guard signs.contains(where: { PathKind.of(path + "/" + $0) != nil }) else {
            throw CommandFailure(
                "no_project", "the folder '\(path)' holds no project: neither martlet.yaml nor a folder 'streams'",
                hint: "make one with 'martlet init NAME', or name its folder with --project")
        }
    }

    /// Opens the way to the holder of the project's lock, or holds it in this process.
    ///
    /// A holder that has just begun may not answer yet; it is waited for, for a bounded time.
    func openDoor(patience: Int = 100, interval: TimeAmount = .milliseconds(100)) async throws -> any Door {
        let socket = SocketDoor(path: path + "/.martlet/socket")
        for attempt in 0..<patience {
            if PathKind.of(path + "/.martlet/socket") != nil, await socket.isAnswering() { return socket }
            if let local = try await LocalDoor.open(projectFolder: path) { return local }
            if attempt < patience - 1 {
                try await MultiThreadedEventLoopGroup.singleton.next().scheduleTask(in: interval) {}.futureResult.get()
            }
        }
        throw CommandFailure(
            "held", "another process holds the project and does not answer at '\(path)/.martlet/socket'",
            hint: "it may be busy with starting; if not, end it and try again")
    }
}
