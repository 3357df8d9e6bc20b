import MartletCommand
import MartletDefinitions
import MartletPlatform
import MartletStorage
import MartletWorld

/// Runs the whole command line with pipelines that are compiled into the program.
///
/// ```swift
/// import Martlet
///
/// infix operator >> : StepOrder
///
/// await Martlet.main {
///     Pipeline("nightly", schedule: .daily) {
///         Run("load", "./load.sh") >> Train("train", "returns") >> Promote("promote", "returns")
///     }
/// }
/// ```
///
/// The program is used as `martlet` is, in the project's folder: `plan`, `apply`, `up`, `pipelines run nightly`. What stands in the
/// folder's files holds beside what is built in.
public func main(@PipelinesBuilder _ pipelines: () -> [Pipeline]) async {
    await MartletCommandLine.main(with: builtIn(pipelines()))
}

/// What a program's pipelines add to the command line.
func builtIn(_ pipelines: [Pipeline]) -> BuiltIn {
    var mistakes = pipelines.flatMap(\.mistakes)
    let hasFunctions = pipelines.contains { !$0.bodies.isEmpty }
    var build = ""
    if hasFunctions {
        if let hash = programHash() {
            build = hash
        } else {
            mistakes.append(
                DefinitionError(
                    .unreadable, at: pipelines.first?.place.sourcePlace,
                    "the program's own file cannot be read, and what its closures are is told by it",
                    hint: "run it from a file that stays where it is"))
        }
    }
    var functions = TaskFunctions(build: build)
    for pipeline in pipelines {
        for (name, body) in pipeline.bodies { functions[pipeline.name, name] = body.call }
    }
    var files: [ProjectSource.File] = []
    for (number, pipeline) in pipelines.enumerated() {
        let writer = YAMLWriter(pipeline.written, at: pipeline.place, build: build)
        files.append(.init(path: "program/\(number + 1).yaml", text: writer.text, origins: writer.places))
    }
    return BuiltIn(files: files, functions: hasFunctions ? functions : nil, mistakes: mistakes)
}

/// The hash of the file that this process runs; nil if it cannot be read.
private func programHash() -> String? {
    guard let path = Environment.programPath, let input = try? SequentialInput(path: path) else { return nil }
    let hash = try? BlobHash(ofPieces: {
        let piece = try input.read(upTo: 1 << 20)
        return piece.isEmpty ? nil : piece
    })
    return hash.map { "\($0)" }
}

extension Pipeline {
    /// What it says, as the text of a project's file.
    public var yaml: String { YAMLWriter(written, at: place, build: "").text }
}
