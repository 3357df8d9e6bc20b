import MartletBytes
public import MartletDefinitions
public import MartletPlatform

/// What a program adds to the command line: definitions that are compiled into it, and the functions that their tasks run.
public struct BuiltIn: Sendable {
    /// As a project's folder would hold them.
    public var files: [ProjectSource.File]
    public var functions: TaskFunctions?
    /// What is wrong with them before they are texts; told wherever they are used.
    public var mistakes: [DefinitionError]

    public init(files: [ProjectSource.File] = [], functions: TaskFunctions? = nil, mistakes: [DefinitionError] = []) {
        self.files = files
        self.functions = functions
        self.mistakes = mistakes
    }

    /// Of this process.
    @TaskLocal static var current = BuiltIn()

    /// The member `definitions` of a request to plan or apply; nil if there are none.
    func json() throws(CommandFailure) -> JSONValue? {
        if !mistakes.isEmpty {
            var failure = CommandFailure("definitions", "the program's definitions have mistakes", status: .mistakes)
            failure.mistakes = mistakes.map { mistake in
                CommandFailure("\(mistake.code)", mistake.message, place: mistake.place.map { "\($0)" }, hint: mistake.hint)
            }
            throw failure
        }
        return files.isEmpty ? nil : .array(files.map(Self.json))
    }

    private static func json(_ file: ProjectSource.File) -> JSONValue {
        let origins: [JSONValue] = file.origins.map { origin in
            var object = JSONObject()
            object["line"] = .int64(Int64(origin.line))
            object["file"] = .string(origin.place.file)
            object["file_line"] = .int64(Int64(origin.place.line))
            object["file_column"] = .int64(Int64(origin.place.column))
            return .object(object)
        }
        var object = JSONObject()
        object["path"] = .string(file.path)
        object["text"] = .string(file.text)
        object["origins"] = .array(origins)
        return .object(object)
    }
}

/// The command line as a whole.
public enum MartletCommandLine {
    /// Runs the command that the process's arguments name, and ends the process with its exit code if it failed.
    public static func main(with builtIn: BuiltIn = BuiltIn()) async {
        await BuiltIn.$current.withValue(builtIn) { await Root.main() }
    }
}
