import MartletServer

/// The way to a project's routes, through the one table and the one guard.
protocol Door: Sendable {
    /// - Parameter target: the path and query as they stand in a request's first line.
    func send(_ request: Request, target: String) async throws -> Response
    /// Lets go of what the door holds.
    func close() async throws
}

/// To another process that holds the project's lock: a server, or a command that still runs.
struct SocketDoor: Door {
    private let client: SocketClient

    /// - Parameter path: the socket's path.
    init(path: String) {
        client = SocketClient(path: path)
    }

    /// Whether someone answers.
    func isAnswering() async -> Bool {
        let request = Request(method: .get, segments: ["healthz"], peer: .owner)
        return (try? await client.send(request, target: "/healthz")) != nil
    }

    func send(_ request: Request, target: String) async throws -> Response {
        try await client.send(request, target: target)
    }

    func close() async throws {}
}
