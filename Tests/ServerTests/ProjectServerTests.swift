import Foundation
#if canImport(FoundationNetworking)
import FoundationNetworking
#endif
import MartletAccess
import MartletBytes
import MartletPlatform
import MartletWorld
import Testing

@testable import MartletServer

@Suite("the project's server")
struct ProjectServerTests {
    @Test("a command reaches the server through its socket, which only the owner can open")
    func socket() async throws {
        let project = try await TestProject()
        try await project.server.listenOnSocket()
        let path = ProjectServer.socketPath(ofProject: project.path)
        let permissions = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        let folder = try FileManager.default.attributesOfItem(atPath: project.path + "/.martlet")[.posixPermissions] as? Int
        #expect(permissions == 0o600)
        #expect(folder == 0o700)
        let answer = try await SocketClient(path: path).send(
            Request(method: .get, segments: [], peer: .owner), target: "/api/v1/streams")
        #expect(answer.status == 200)
        #expect(answer.text.contains("orders"))
        try await project.server.close()
        #expect(!FileManager.default.fileExists(atPath: path))
        try FileManager.default.removeItem(at: project.folder)
    }

    @Test("a streamed file comes in over the socket; one for a stream that does not exist is refused while it is sent")
    func ingestion() async throws {
        let project = try await TestProject()
        try await project.server.listenOnSocket()
        let client = SocketClient(path: ProjectServer.socketPath(ofProject: project.path))
        func pieces() -> BodyStream {
            BodyStream([Array("id,time,buyer,amount,returned\n".utf8)] + (0..<2_000).map { piece in
                Array((0..<10).map { "\(piece)-\($0),2026-01-01T00:00:00Z,b,1.5,true\n" }.joined().utf8)
            })
        }
        let request = Request(method: .post, segments: [], body: .stream(pieces()), peer: .owner)
        let answer = try await client.send(request, target: "/api/v1/streams/orders/ingest?format=csv&history=true&source=orders.csv")
        #expect(try answer.json["accepted"]?.int64 == 20_000)
        let lost = Request(method: .post, segments: [], body: .stream(pieces()), peer: .owner)
        let refused = try await client.send(lost, target: "/api/v1/streams/nothing/ingest?format=csv")
        #expect(refused.status == 404)
        let page = try await client.send(
            Request(method: .get, segments: [], peer: .owner), target: "/api/v1/streams/orders/events?from=0&limit=7")
        #expect(page.text.split(separator: "\n").count == 7)
        #expect(page.headers["x-next-position"] == "7")
        try await project.close()
    }

    @Test("a batch gives a line a row in the file's order, and says why where there is no prediction")
    func batch() async throws {
        let project = try await TestProject()
        let csv = "id,time,buyer,amount,note\n1,2026-01-01T00:00:00Z,b,1.5,x\n2,soon,b,1.5,x\n3,2026-01-02T00:00:00Z,c,2.5,x\n"
        let answer = await project.send(.post, "/api/v1/endpoints/returns/predict/batch?format=csv", csv)
        #expect(answer.status == 200)
        let lines = try answer.text.split(separator: "\n").map { try JSONValue(parsing: String($0)) }
        #expect(lines.count == 3)
        #expect(lines[0]["output"]?.double == 0.25 && lines[2]["output"]?.double == 0.25)
        #expect(lines[1]["row"]?.string == "line 3")
        #expect(lines[1]["error"]?["code"]?.string == "bad_time")
        // Each prediction is recorded as a single one would be, and the stream has no event of it.
        let id = try #require(lines[2]["prediction_id"]?.string)
        #expect(try await project.send(.get, "/api/v1/predictions/\(id)").json["inputs"]?["amount"]?.double == 2.5)
        #expect(await project.send(.get, "/api/v1/streams/orders/events").text.isEmpty)
        let recent = try await project.send(.get, "/api/v1/predictions?endpoint=returns").json["items"]?.array
        #expect(recent?.first?["prediction_id"]?.string == id)
        try await project.close()
    }

    @Test("a path that is too long for a socket is said to be so")
    func longPath() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: String(repeating: "x", count: 100) + UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let server = try await ProjectServer.open(projectFolder: TestProject.path(of: folder))
        await #expect(throws: ListenError.self) { try await server.listenOnSocket() }
        try await server.close()
        try FileManager.default.removeItem(at: folder)
    }

    @Test("a project that is open is held")
    func held() async throws {
        let project = try await TestProject()
        do {
            _ = try await ProjectServer.open(projectFolder: project.path)
            Issue.record("it was opened twice")
        } catch {
            let problem = try #require(Problem(error))
            #expect(problem.code == "project_held")
            #expect(problem.hint?.contains("socket") == true)
        }
        try await project.close()
    }

    @Test("the first session is opened by the code in the URL's fragment, once")
    func setup() async throws {
        let project = try await TestProject(isApplied: false)
        let url = try await project.server.listen(host: "127.0.0.1", port: 0)
        #expect(url.wholeMatch(of: #/http://127\.0\.0\.1:\d+/#) != nil)
        let setup = try #require(try project.server.setupURL(url))
        #expect(setup.hasPrefix(url + "/#setup="))
        let code = setup.dropFirst((url + "/#setup=").count)
        let body = #"{"code":"\#(code)"}"#
        let answer = await project.stranger(.post, "/api/v1/setup", body)
        #expect(answer.status == 200)
        let cookie = try #require(answer.headers["set-cookie"])
        #expect(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict") && cookie.contains("Path=/"))
        #expect(answer.headers["cache-control"] == "no-store")
        let session = ("cookie", String(cookie.prefix { $0 != ";" }))
        #expect(await project.stranger(.get, "/api/v1/tokens", headers: [session]).status == 200)
        #expect(await project.stranger(.post, "/api/v1/setup", body).status == 401)
        #expect(try project.server.setupURL(url) == nil)
        try await project.close()
    }

    @Test("a token opens a session, and signing out drops it")
    func signIn() async throws {
        let project = try await TestProject()
        let token = try await project.token(.viewer)
        let answer = await project.stranger(.post, "/api/v1/session", #"{"token":"\#(token)"}"#)
        #expect(answer.status == 200)
        #expect(answer.headers["set-cookie"]?.hasPrefix("martlet_session=\(token); ") == true)
        #expect(await project.stranger(.post, "/api/v1/session", #"{"token":"x; Domain=evil"}"#).status == 401)
        let out = await project.stranger(.delete, "/api/v1/session")
        #expect(out.headers["set-cookie"]?.contains("Max-Age=0") == true)
        try await project.close()
    }

    @Test("an answer over the network is the one that the gatekeeper gives")
    func network() async throws {
        let project = try await TestProject()
        let url = try await project.server.listen(host: "127.0.0.1", port: 0)
        let token = try await project.token(.engineer)
        var request = URLRequest(url: try #require(URL(string: url + "/api/v1/streams/orders/events")))
        request.httpMethod = "POST"
        request.setValue("Bearer \(token)", forHTTPHeaderField: "authorization")
        request.httpBody = Data(#"{"id":"1","time":"2026-01-01T00:00:00Z","buyer":"b","amount":2}"#.utf8)
        let (data, response) = try await URLSession.shared.data(for: request)
        #expect((response as? HTTPURLResponse)?.statusCode == 200)
        #expect(try JSONValue(parsing: Array(data))["accepted"]?.int64 == 1)
        await #expect(throws: ListenError.self) {
            _ = try await project.server.listen(host: "192.0.2.1", port: 7070)
        }
        try await project.close()
    }

    @Test("a failure of ours is answered without its text and logged with its request")
    func failures() async throws {
        struct Unexpected: Error { var secret = "swordfish" }
        let lines = LogLines()
        let project = try await TestProject()
        let log = ServerLog(clock: project.server.platform.world.clock, write: { lines.append($0) })
        let route = Route(
            "broken", .get, "/broken", "Fails.", access: .open, audit: .refusalsOnly, output: .any,
            handler: .asynchronous { _ in throw Unexpected() })
        let observer = ProjectObserver(metrics: Metrics(), audit: project.server.platform.audit, log: log)
        let gatekeeper = Gatekeeper(
            table: try RouteTable([route]), settings: .init(hosts: ["localhost"], project: { "shop" }),
            authenticator: ProjectAuthenticator(tokens: project.server.platform.tokens, owner: .owner(named: "owner")),
            observer: observer, world: project.server.platform.world, problem: { Problem($0) })
        let answer = await gatekeeper.answer(Request(method: .get, segments: ["broken"], peer: .owner))
        #expect(answer.status == 500)
        #expect(answer.errorCode == "internal")
        #expect(!answer.text.contains("swordfish"))
        let line = try JSONValue(parsing: try #require(lines.all.first))
        #expect(line["request"]?.string == answer.headers["x-request-id"])
        #expect(line["error_type"]?.string == "Unexpected")
        #expect(!lines.all.joined().contains("swordfish"))
        try await project.close()
    }
}

@Suite("answers in the middle of things")
struct InterruptionTests {
    /// Answers a streamed body at once, unread, and anything else when it is told to.
    private final class Slow: RequestResponder {
        let gate = BodyStream()

        func admit(_ head: Request) -> Admission { head.segments.first == "stream" ? .stream(limit: 1 << 30, 0) : .collect(limit: 0, 0) }

        func respond(
        to request: Request, admission: Admission.Ticket, on thread: RequestThread?, _ answer: @escaping @Sendable (Response) -> Void
    ) {
            if case .stream = request.body { return answer(.text("not wanted", status: 404)) }
            Task { [gate] in
                _ = try? await gate.next()
                answer(.text("late"))
            }
        }
    }

    @Test("a body that is not wanted does not keep its sender from the answer", .timeLimit(.minutes(5)))
    func unwantedBody() async throws {
        let listener = HTTPListener(responder: Slow(), threads: 1, limits: .patient)
        let port = try #require(try await listener.listen(on: .network(host: "127.0.0.1", port: 0)))
        var request = URLRequest(url: try #require(URL(string: "http://127.0.0.1:\(port)/stream")))
        request.httpMethod = "POST"
        request.httpBody = Data(count: 20_000_000)
        let (data, response) = try await URLSession.shared.data(for: request)
        #expect((response as? HTTPURLResponse)?.statusCode == 404)
        #expect(String(decoding: data, as: UTF8.self) == "not wanted")
        await listener.stop()
    }

    @Test("a request that has begun is answered before the server ends", .timeLimit(.minutes(5)))
    func gracefulStop() async throws {
        let responder = Slow()
        let connections = ConnectionCount()
        let listener = HTTPListener(responder: responder, threads: 1, limits: .patient, connections: connections)
        let port = try #require(try await listener.listen(on: .network(host: "127.0.0.1", port: 0)))
        async let answer = URLSession.shared.data(from: try #require(URL(string: "http://127.0.0.1:\(port)/slow")))
        while connections.underWay == 0 { await Task.yield() }
        async let stopped: Void = listener.stop(waitingSeconds: 30)
        responder.gate.finish()
        #expect(String(decoding: try await answer.0, as: UTF8.self) == "late")
        await stopped
        #expect(connections.underWay == 0)
    }
}
