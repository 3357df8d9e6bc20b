import MartletAccess
import MartletFrames
import MartletPipelines
import Testing

@Suite("Kinds of tasks")
struct TaskKindTests {
    private func work<Work: TaskWork>(_ text: String, _ type: Work.Type) throws -> Work {
        let pipeline = try Reading.tasks("  before: { train: returns }\n  it: \(text)\n")
        return try #require(pipeline.task("it")?.work.base as? Work)
    }

    private func permissions(_ text: String) throws -> [String] {
        try Reading.tasks("  it: \(text)\n").permissions.map { "\($0.required.permission.rawValue) on \($0.required.resource(in: "shop"))" }
    }

    @Test("an evaluation is of the newest version, of a number, or of an alias; it gives what a check reads")
    func evaluate() throws {
        #expect(try work("{ evaluate: returns }", EvaluateWork.self).version == .newest)
        #expect(try work("{ evaluate: returns, version: 3 }", EvaluateWork.self).version == .number(.literal(.int64(3))))
        #expect(try work("{ evaluate: returns, version: champion }", EvaluateWork.self).version == .alias("champion"))
        let work = try work("{ evaluate: returns, version: \"${tasks.before.version}\", after: before }", EvaluateWork.self)
        guard case .number(let number) = work.version else {
            Issue.record("no number")
            return
        }
        #expect(try number.value(in: TaskScope(["tasks.before.version": .int64(4)])) == .int64(4))
        #expect(work.outputs.map { "\($0.name): \($0.type)" } == [
            "version: int64", "rows: int64", "average_precision: float64", "roc_auc: float64",
        ])
        // Metrics are what `models.read` shows.
        #expect(try permissions("{ evaluate: returns }") == ["models.read on model:shop/returns"])
        for wrong in ["0", "-1", "1.5", "3rd", "[1]", "\"${tasks.before.run}\"", "\"${\""] {
            #expect(!Reading.complaints(tasks: "  before: { train: returns }\n  it: { evaluate: returns, version: \(wrong), after: before }\n").isEmpty, "\(wrong)")
        }
    }
}
