import Foundation
import MartletDefinitions
import MartletPlan
import Testing

@Suite("Error sentences")
struct ErrorSentenceTests {
    /// What was said of each planted mistake when a person last read it: `ErrorSentences.txt`, one paragraph a mistake.
    ///
    /// Set `MARTLET_RECORD_ERRORS` to write the file anew, and read the difference.
    static let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("ErrorSentences.txt")

    static let recorded: [String: String] = {
        let text = (try? String(contentsOf: file, encoding: .utf8)) ?? ""
        var result: [String: String] = [:]
        for part in text.components(separatedBy: "\n## ") {
            let lines = part.split(separator: "\n", omittingEmptySubsequences: false)
            guard let title = lines.first else { continue }
            result[title.hasPrefix("## ") ? String(title.dropFirst(3)) : String(title)] =
                lines.dropFirst().joined(separator: "\n").trimmingCharacters(in: .newlines)
        }
        return result
    }()

    @Test("every planted mistake is told as recorded", arguments: PlantedMistake.all)
    func sentence(mistake: PlantedMistake) throws {
        let said = Projects.complaints(Projects.design(mistake.file, mistake.old, mistake.new))
        #expect(said == Self.recorded[mistake.title], "'\(mistake.title)' is told otherwise than in \(Self.file.lastPathComponent)")
    }

    @Test("every planted mistake is told with its file, and with at most two sentences", arguments: PlantedMistake.all)
    func place(mistake: PlantedMistake) throws {
        let source = Projects.design(mistake.file, mistake.old, mistake.new)
        let thrown = #expect(throws: DefinitionErrors.self) { try ProjectPlan.check(source) }
        let errors = try #require(thrown).errors
        #expect((1...2).contains(errors.count), "\(errors)")
        for error in errors { #expect(error.place != nil && !error.message.isEmpty) }
        #expect(errors.contains { $0.place?.file == mistake.file })
    }

    @Test("a project with every mistake tells them all at once, up to the limit")
    func collected() throws {
        var files = Projects.design
        let mistakes: [(String, String, String)] = [
            (PlantedMistake.customer, "mean, max", "men, max"), (PlantedMistake.model, "roc_auc", "auc_roc"),
            (PlantedMistake.endpoint, "score: 0.0", "score: high"), (PlantedMistake.terminal, "as: risk", "as: risk, offset: 1d"),
        ]
        for (file, old, new) in mistakes {
            let index = try #require(files.firstIndex { $0.0 == file })
            files[index].1 = files[index].1.replacingOccurrences(of: old, with: new)
        }
        let source = Projects.source(files)
        let thrown = #expect(throws: DefinitionErrors.self) { try ProjectPlan.check(source) }
        #expect(try #require(thrown).errors.count == 4)
        let few = #expect(throws: DefinitionErrors.self) { try ProjectPlan.check(source, limits: .init(errors: 3)) }
        #expect(try #require(few).errors.count == 3 && few?.omittedCount == 1)
    }

    @Test("recording writes what is said now", .enabled(if: ProcessInfo.processInfo.environment["MARTLET_RECORD_ERRORS"] != nil))
    func record() throws {
        let parts = PlantedMistake.all.map {
            "## \($0.title)\n\(Projects.complaints(Projects.design($0.file, $0.old, $0.new)))\n"
        }
        try parts.joined(separator: "\n").write(to: Self.file, atomically: true, encoding: .utf8)
    }

    @Test("titles differ, and there are at least forty")
    func titles() {
        #expect(Set(PlantedMistake.all.map(\.title)).count == PlantedMistake.all.count)
        #expect(PlantedMistake.all.count >= 40)
    }
}
