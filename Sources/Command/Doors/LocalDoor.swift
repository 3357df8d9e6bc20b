import MartletPlatform
import MartletServer

/// To the project in this process, which holds its lock meanwhile and answers other commands at its socket.
struct LocalDoor: Door {
    private let server: ProjectServer

    /// Opens the project; nil if another process holds it.
    static func open(projectFolder: String) async throws -> LocalDoor? {
        do {
            var settings = ProjectServer.Settings()
            settings.tasks.functions = BuiltIn.current.functions
            let server = try await ProjectServer.open(projectFolder: projectFolder, settings: settings)
            // In a folder whose path is too long for a socket, other commands wait until this one is done.
            try? await server.listenOnSocket()
            return LocalDoor(server: server)
        } catch let error as PlatformError where error.code == .held {
            return nil
        }
    }

    func send(_ request: Request, target: String) async throws -> Response {
        // What changes something of pipelines needs them at work; their schedules are the server's.
        if request.method == .post, request.segments.count > 2, request.segments[2].hasPrefix("pipeline") {
            try await server.platform.startPipelines(schedules: false)
        }
        return await server.gatekeeper.answer(request)
    }

    func close() async throws {
        try await server.close()
    }
}
