import MartletAccess
import MartletBytes
import MartletServer
import MartletWorld

/// A command at work: the door it goes through, and where its words go.
struct Session {
    let console: Console
    let door: any Door
    let isJSON: Bool
    /// Whose rights it has; nil for the folder's owner.
    var token: Secret?

    /// The variable that holds the token.
    static let tokenVariable = "MARTLET_TOKEN"

    /// The token of the environment; an empty one is none.
    static var givenToken: Secret? { Environment.value(tokenVariable).flatMap { $0.isEmpty ? nil : Secret($0) } }

    /// Opens the project's door, works, and closes it.
    ///
    /// With `--json`, an answer that tells an error is printed as it came, and the command ends with its status.
    static func run(_ options: ProjectOptions, _ work: (Session) async throws -> Void) async throws {
        let console = try Console()
        try await Session.reporting(isJSON: options.json, to: console) {
            let door = try await ProjectFolder(options.project).openDoor()
            do {
                try await work(Session(console: console, door: door, isJSON: options.json, token: givenToken))
            } catch {
                try? await door.close()
                throw error
            }
            try await door.close()
        }
    }

    /// With `--json`, prints a failure as one JSON value before it is thrown on.
    static func reporting(isJSON: Bool, to console: Console, _ work: () async throws -> Void) async throws {
        do {
            try await work()
        } catch {
            guard isJSON, let failure = CommandFailure(error) else { throw error }
            try console.say(failure.json)
            throw failure
        }
    }

    /// Asks, and gives the answer as it came.
    func response(_ ask: Ask) async throws -> Response {
        let response = try await door.send(ask.request(token: token), target: ask.target)
        guard (200..<300).contains(response.status) else {
            throw CommandFailure(status: response.status, answer: try? JSONValue(parsing: response.body, lengthLimit: 64 << 20))
        }
        return response
    }

    /// Asks for one JSON value.
    func value(_ ask: Ask) async throws -> JSONValue {
        let response = try await response(ask)
        if response.body.isEmpty { return .object(JSONObject()) }
        do throws(JSONError) {
            return try JSONValue(parsing: response.body, lengthLimit: max(response.body.count, 1))
        } catch {
            throw CommandFailure("bad_answer", "the answer to \(ask.method.rawValue) \(ask.target) is not JSON: \(error)")
        }
    }

    /// Asks for a list. With `--json` prints one item a line, else hands it to `show`.
    ///
    /// - Parameter inspecting: sees the items in both cases.
    func list(
        _ ask: Ask, _ show: (_ items: [JSONValue]) throws -> Void,
        inspecting: (_ items: [JSONValue]) -> Void = { _ in }
    ) async throws {
        let answer = try await value(ask)
        let items = answer.array ?? answer["items"]?.array ?? []
        inspecting(items)
        if isJSON {
            for item in items { try console.say(item) }
        } else {
            try show(items)
        }
    }

    /// Asks for one value. With `--json` prints it, else hands it to `show`. Gives it back for what depends on it.
    @discardableResult
    func answer(_ ask: Ask, _ show: (JSONValue) throws -> Void) async throws -> JSONValue {
        let answer = try await value(ask)
        if isJSON { try console.say(answer) } else { try show(answer) }
        return answer
    }

    /// Sends an input as the body of a request, piece by piece as it is taken, with a progress bar on a terminal.
    ///
    /// - Parameters:
    ///   - title: of the progress bar; nil for none.
    ///   - write: takes the answer's body, piece by piece if it comes so, which it may do while the input is still sent.
    @discardableResult
    func upload(
        _ ask: Ask, from input: FileInput, title: String?, write: @escaping @Sendable (_ piece: [UInt8]) throws -> Void = { _ in }
    ) async throws -> Response {
        let feeder = BodyFeeder()
        var ask = ask
        ask.body = .stream(feeder.body)
        let sent = ask
        var progress = title.flatMap { console.progress($0, total: input.size) }
        let response = try await withThrowingTaskGroup(of: Response?.self) { group in
            group.addTask {
                do {
                    let response = try await self.response(sent)
                    try await Self.write(response, write)
                    feeder.stop()
                    return response
                } catch {
                    feeder.stop()
                    throw error
                }
            }
            var failure: (any Error)?
            do {
                var done = 0
                while let piece = try input.next() {
                    guard await feeder.feed(piece) else { break }
                    done += piece.count
                    progress?.show(done)
                }
            } catch {
                failure = error
            }
            feeder.finish(failed: failure != nil)
            var response: Response?
            do {
                for try await answer in group { response = answer ?? response }
            } catch {
                progress?.clear()
                // What went wrong here is why the server saw a broken body.
                throw failure ?? error
            }
            if let failure { throw failure }
            return response
        }
        progress?.clear()
        guard let response else { throw CommandFailure("no_answer", "there was no answer to \(ask.method.rawValue) \(ask.target)") }
        return response
    }

    /// Writes an answer that comes in pieces. One that breaks off tells why in its last line.
    private static func write(_ response: Response, _ write: (_ piece: [UInt8]) throws -> Void) async throws {
        guard let rest = response.rest else { return try write(response.body) }
        var lastLine = LastLine()
        do {
            var next: [UInt8]? = response.body
            while let piece = next {
                try write(piece)
                lastLine.append(piece)
                next = try await rest.next()
            }
        } catch is BodyError {
            guard let answer = try? JSONValue(parsing: lastLine.bytes), answer["error"] != nil, answer["row"] == nil else {
                throw CommandFailure("answer_broke_off", "the answer broke off before its end", hint: "the server's log may say why")
            }
            throw CommandFailure(status: 500, answer: answer)
        } catch {
            rest.abandon()
            throw error
        }
    }
}
