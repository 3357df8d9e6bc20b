import MartletBytes
import MartletPlatform
import MartletServer
import MartletWorld

/// Why a command ends without having done what was asked.
struct CommandFailure: Error {
    /// As in the native API's errors; commands' own are `usage` and `failed`.
    var code: String
    /// What was asked, and what was found instead.
    var message: String
    /// The place in the user's files or input.
    var place: String?
    /// The next thing to try.
    var hint: String?
    var status = ExitStatus.failed
    /// The mistakes of a project, each one whole.
    var mistakes: [CommandFailure] = []
    /// The API's answer, which `--json` prints as it came.
    var answer: JSONValue?

    init(_ code: String = "failed", _ message: String, place: String? = nil, hint: String? = nil, status: ExitStatus = .failed) {
        self.code = code
        self.message = message
        self.place = place
        self.hint = hint
        self.status = status
    }

    init(_ error: FileError) {
        self.init("file", "\(error)")
    }

    /// An error of the parts that a command calls itself; nil for one that none of them is expected to throw.
    init?(_ error: any Error) {
        switch error {
        case let failure as CommandFailure: self = failure
        case let error as FileError: self.init(error)
        case let error as PlatformError: self.init("failed", error.message, place: error.place, hint: error.hint)
        case let error as ListenError: self.init("listen", error.message, hint: error.hint)
        case SocketError.closedBeforeAnswer:
            self.init("closed", "the project's holder hung up before it answered", hint: "it was ended or has crashed; try again")
        case SocketError.answerTooLarge(let limit): self.init("too_large", "the answer is larger than \(NumberText.bytes(limit))")
        case let error as JSONError: self.init("bad_json", error.message, hint: error.hint)
        default: return nil
        }
    }

    /// The failure that an answer of the API tells.
    ///
    /// Several mistakes come as a list, `details`, each with its file, line and column.
    init(status httpStatus: Int, answer: JSONValue?) {
        let error = answer?["error"]
        code = error?["code"]?.string ?? "http_\(httpStatus)"
        message = error?["message"]?.string ?? "the server answered with status \(httpStatus) and no reason"
        place = error?["where"]?.string
        hint = error?["hint"]?.string
        self.answer = answer
        mistakes = (error?["details"]?.array ?? []).map(CommandFailure.init(mistake:))
        if code == "definition_invalid" {
            status = .mistakes
        } else if code == "gate_failed" {
            status = .gateFailed
        }
    }

    /// One mistake in a project's files.
    private init(mistake: JSONValue) {
        code = mistake["code"]?.string ?? "mistake"
        message = mistake["message"]?.string ?? "\(mistake)"
        if let file = mistake["file"]?.string {
            place = file + (mistake["line"]?.int64.map { ":\($0)" } ?? "") + (mistake["column"]?.int64.map { ":\($0)" } ?? "")
        } else {
            place = mistake["where"]?.string
        }
        let nearest = mistake["nearest"]?.string.map { "did you mean '\($0)'?" }
        let hints = [nearest, mistake["hint"]?.string].compactMap { $0 }
        hint = hints.isEmpty ? nil : hints.joined(separator: " ")
    }

    /// As a person reads it: the sentence with its place, and the hint below it.
    func text(_ style: Style = .plain) -> String {
        guard mistakes.isEmpty else { return mistakes.map { $0.text(style) }.joined(separator: "\n") }
        return style.bad("error:") + " " + (place.map { $0 + ": " } ?? "") + message + (hint.map { "\n" + style.faint(" hint:") + " " + $0 } ?? "")
    }

    /// As `--json` prints it: the API's answer, or the same shape for what no answer told.
    var json: JSONValue {
        if let answer { return answer }
        return Problem(status: 0, code: code, message: message, place: place, hint: hint).json
    }
}
