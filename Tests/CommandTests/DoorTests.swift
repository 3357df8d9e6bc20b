import MartletBytes
import MartletPlatform
import MartletServer
import MartletWorld
import Testing

@testable import MartletCommand

@Suite("What goes through the door")
struct DoorTests {
    @Test("a body is fed no faster than it is taken, and arrives whole and in order", arguments: [1, 2, 4])
    func backPressure(_ depth: Int) async throws {
        let feeder = BodyFeeder(depth: depth)
        async let taken: [[UInt8]] = {
            var pieces: [[UInt8]] = []
            while let piece = try await feeder.body.next() {
                #expect(feeder.body.backlog < depth + 1)
                pieces.append(piece)
            }
            return pieces
        }()
        for number in 0..<200 {
            #expect(await feeder.feed([UInt8(number)]))
            #expect(feeder.body.backlog < depth)
        }
        feeder.finish(failed: false)
        #expect(try await taken == (0..<200).map { [UInt8($0)] })
    }

    @Test("feeding ends when the answer is there before the body was read")
    func stopping() async {
        let feeder = BodyFeeder(depth: 1)
        async let fed: Bool = feeder.feed([1])
        feeder.stop()
        #expect(await fed == false)
        #expect(await feeder.feed([2]) == false)
    }

    @Test("an input that fails breaks the body off")
    func failing() async {
        let feeder = BodyFeeder()
        _ = await feeder.feed([1])
        feeder.finish(failed: true)
        await #expect(throws: BodyError.connectionClosed) {
            while try await feeder.body.next() != nil {}
        }
    }

    @Test("a format is told from the name, else from the first bytes", arguments: [
        ("a.csv", FileInput.Format.csv), ("A.CSV.GZ", .csv), ("a.tsv", .csv), ("a.ndjson", .ndjson), ("a.jsonl.gz", .ndjson),
    ])
    func names(_ name: String, _ format: FileInput.Format) {
        #expect(FileInput.Format(fileName: name) == format)
        #expect(FileInput.Format(fileName: "a.txt") == nil)
    }

    @Test("first bytes", arguments: [
        ("  {\"a\":1}", FileInput.Format.ndjson), ("\n[{}]", .json), ("a,b\n", .csv), ("\u{FEFF}{}", .ndjson), ("", .csv),
    ])
    func starts(_ text: String, _ format: FileInput.Format) {
        #expect(FileInput.Format(start: Array(text.utf8)) == format)
    }

    @Test("a folder that holds no project is refused with the next step")
    func noProject() {
        do {
            _ = try ProjectFolder("/nonexistent/folder")
            Issue.record("it was taken")
        } catch {
            #expect(
                error.text() == "error: there is no folder '/nonexistent/folder'\n hint: make a project with 'martlet init NAME', or name its folder with --project")
        }
    }

    /// Answers every request with what it was given, and remembers what was asked.
    struct EchoDoor: Door {
        let response: Response

        func send(_ request: Request, target: String) async throws -> Response {
            guard case .stream(let body) = request.body else { return response }
            var size = 0
            while let piece = try await body.next() { size += piece.count }
            return .json(Array("{\"size\":\(size),\"target\":\"\(target)\"}".utf8))
        }

        func close() async throws {}
    }

    @Test("an answer that is no success is thrown with its text")
    func refused() async throws {
        let problem = Problem(status: 403, code: "denied", message: "the token may not do this", hint: "ask for another")
        let session = Session(console: try Console(), door: EchoDoor(response: .json(problem.json.serialized(), status: 403)), isJSON: false)
        await #expect(throws: CommandFailure.self) { try await session.value(Ask(.get, "doctor")) }
        do {
            _ = try await session.value(Ask(.get, "doctor"))
        } catch let failure as CommandFailure {
            #expect(failure.text() == "error: the token may not do this\n hint: ask for another")
        }
    }

    @Test("an answer that is not JSON is told as such")
    func notJSON() async throws {
        let session = Session(console: try Console(), door: EchoDoor(response: .text("hello")), isJSON: false)
        do {
            _ = try await session.value(Ask(.get, "models"))
            Issue.record("it was taken")
        } catch let failure as CommandFailure {
            #expect(failure.text().hasPrefix("error: the answer to GET /api/v1/models is not JSON"))
        }
    }
}

@Suite("The last line of what comes in pieces")
struct LastLineTests {
    @Test("is found wherever the pieces are cut", arguments: 1...12)
    func cuts(_ size: Int) {
        let text = Array("one\ntwo\n\nthree\nfour".utf8)
        for end in 0...text.count {
            var line = LastLine()
            for start in stride(from: 0, to: end, by: size) { line.append(Array(text[start..<min(start + size, end)])) }
            let whole = text[..<end]
            let trimmed = whole.last == 0x0A ? whole.dropLast() : whole
            let expected = trimmed.lastIndex(of: 0x0A).map { trimmed[($0 + 1)...] } ?? trimmed
            #expect(line.bytes == Array(expected))
        }
    }
}
