import Foundation
import MartletAccess
import MartletBytes
import MartletPlatform
import Testing

@testable import MartletServer

@Suite("answers that are sent as they are made", .timeLimit(.minutes(5)))
struct StreamedAnswerTests {
    private static func row(_ id: Int) -> [UInt8] {
        Array(#"{"id":"\#(id)","time":"2026-01-01T00:00:00Z","buyer":"b","amount":1.5}"#.utf8) + [0x0A]
    }

    private static let batch = "/api/v1/endpoints/returns/predict/batch"

    private func withSocket(_ body: (TestProject, SocketClient) async throws -> Void) async throws {
        let project = try await TestProject()
        try await project.server.listenOnSocket()
        try await body(project, SocketClient(path: ProjectServer.socketPath(ofProject: project.path)))
        try await project.close()
    }

    /// Sends a batch's first row, and gives what takes the next ones and what is answered.
    private func begin(_ client: SocketClient) async throws -> (BodyFeeder, Response) {
        let feeder = BodyFeeder()
        #expect(await feeder.feed(Self.row(0)))
        let answer = try await client.send(
            Request(method: .post, segments: [], body: .stream(feeder.body), peer: .owner), target: Self.batch)
        return (feeder, answer)
    }

    @Test("a row's prediction comes before the next row is sent, and the answer ends with the request")
    func rowByRow() async throws {
        try await withSocket { _, client in
            let (feeder, answer) = try await begin(client)
            #expect(answer.status == 200 && answer.body.isEmpty)
            let rest = try #require(answer.rest)
            for id in 1...3 {
                let piece = try #require(try await rest.next())
                #expect(try JSONValue(parsing: piece)["output"]?.double == 0.25)
                #expect(await feeder.feed(Self.row(id)))
            }
            #expect(try await rest.next() != nil)
            feeder.finish(failed: false)
            #expect(try await rest.next() == nil)
        }
    }

    @Test("what is wrong before the first row is an answer of its own")
    func refused() async throws {
        try await withSocket { _, client in
            let answer = try await client.send(
                Request(method: .post, segments: [], body: .stream(BodyStream([Self.row(0)])), peer: .owner),
                target: "/api/v1/endpoints/nothing/predict/batch")
            #expect(answer.status == 404 && answer.rest == nil && answer.errorCode == "not_found")
            let empty = try await client.send(
                Request(method: .post, segments: [], body: .bytes([]), peer: .owner), target: Self.batch)
            #expect(empty.status == 200 && empty.body.isEmpty && empty.rest == nil)
        }
    }

    @Test("what goes wrong later is told in the last line, and the answer does not end as a whole one does")
    func broken() async throws {
        try await withSocket { project, client in
            let (feeder, answer) = try await begin(client)
            let rest = try #require(answer.rest)
            #expect(try await rest.next() != nil)
            // The log takes no more records.
            try await project.server.platform.close()
            #expect(await feeder.feed(Self.row(1)))
            var last: [UInt8] = []
            await #expect(throws: BodyError.connectionClosed) {
                while let piece = try await rest.next() { last = piece }
            }
            let problem = try JSONValue(parsing: last)
            #expect(problem["error"]?["code"]?.string != nil && problem["row"] == nil)
        }
    }

    @Test("who hangs up is written no more to")
    func hangingUp() async throws {
        let project = try await TestProject()
        let feeder = BodyFeeder()
        #expect(await feeder.feed(Self.row(0)))
        let answer = await project.server.gatekeeper.answer(
            Request(
                method: .post, segments: ["api", "v1", "endpoints", "returns", "predict", "batch"],
                headers: Headers([("host", "localhost")]), body: .stream(feeder.body), peer: .owner))
        #expect(!answer.body.isEmpty)
        try #require(answer.rest).abandon()
        #expect(await feeder.feed(Self.row(1)))
        #expect(await feeder.feed(Self.row(2)))
        // The maker has ended with the row that nobody takes; the body ends with it.
        await #expect(throws: BodyError.connectionClosed) { while try await answer.rest?.next() != nil {} }
        feeder.finish(failed: false)
        try await project.close()
    }

    @Test("chunks to HTTP/1.1, after which the connection serves the next request; to HTTP/1.0 until the connection ends")
    func onTheWire() async throws {
        let project = try await TestProject()
        let token = try await project.token(.admin)
        let url = try await project.server.listen(host: "127.0.0.1", port: 0)
        let wire = Wire(port: try #require(URL(string: url)?.port))
        let body = String(decoding: Self.row(0) + Self.row(1), as: UTF8.self)
        func post(_ version: String) -> String {
            "POST \(Self.batch) \(version)\r\nhost: localhost\r\nauthorization: Bearer \(token)\r\ncontent-length: \(body.utf8.count)\r\n\r\n\(body)"
        }
        let next = "GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
        let answer = try await wire.exchange(post("HTTP/1.1") + next)
        let parts = answer.split(separator: "\r\n\r\n", maxSplits: 1).map(String.init)
        try #require(parts.count == 2, "\(answer)")
        #expect(parts[0].contains("transfer-encoding: chunked") && !parts[0].contains("content-length"))
        let end = try #require(parts[1].firstRange(of: "0\r\n\r\n"))
        #expect(WireAnswers(String(parts[1][end.upperBound...])).statuses == [200])
        var chunks = Substring(parts[1][..<end.lowerBound])
        var text = ""
        while let line = chunks.firstRange(of: "\r\n"), let size = Int(chunks[..<line.lowerBound], radix: 16) {
            let piece = chunks[line.upperBound...].utf8.prefix(size)
            text += String(decoding: piece, as: UTF8.self)
            chunks = Substring(chunks[line.upperBound...].utf8.dropFirst(size + 2))
        }
        #expect(chunks.isEmpty)
        #expect(text.split(separator: "\n").count == 2)
        let old = try await wire.exchange(post("HTTP/1.0"))
        let oldParts = old.split(separator: "\r\n\r\n", maxSplits: 1).map(String.init)
        try #require(oldParts.count == 2, "\(old)")
        #expect(!oldParts[0].contains("chunked") && oldParts[0].contains("connection: close"))
        #expect(try oldParts[1].split(separator: "\n").map { try JSONValue(parsing: Array($0.utf8))["output"]?.double } == [0.25, 0.25])
        try await project.close()
    }
}
