/// What a command tells its caller by its exit code; `martlet --help` lists them.
enum ExitStatus: Int32, CaseIterable, Error {
    case done = 0
    /// It was refused or failed; the error says why.
    case failed = 1
    case usage = 2
    case mistakes = 3
    case gateFailed = 4
    case difference = 5

    var summary: String {
        switch self {
        case .done: "done"
        case .failed: "refused or failed; the error is printed"
        case .usage: "the command line is not understood"
        case .mistakes: "the project's files have mistakes"
        case .gateFailed: "a model does not meet its gates, or a pipeline's run did not succeed"
        case .difference: "a check found a difference: replay, audit --verify, doctor"
        }
    }

    static var help: String {
        "EXIT CODES:\n" + allCases.map { "  \($0.rawValue)  \($0.summary)" }.joined(separator: "\n")
    }
}
