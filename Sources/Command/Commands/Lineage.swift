import ArgumentParser
import MartletBytes
import MartletServer

/// `martlet lineage`
struct Lineage: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show what a pipeline's run read and made, where something came from and what was made of it, or what led to a decision.",
        discussion: """
            martlet lineage 0199c3a2-7d50-7d9f-8f2c-3c1d5c8e9a10
            martlet lineage --model churn@3
            martlet lineage --prediction 01a21011-c10d-7f15-931f-3147771cacf1
            martlet lineage --dataset file:new.csv

            With --json a run is told as events of OpenLineage, one a line.
            """)

    @OptionGroup var options: ProjectOptions

    @Option(help: ArgumentHelp("A version of a model.", valueName: "name@version"))
    var model: String?

    @Option(
        help: ArgumentHelp(
            "A stream, file, blob, dataset, model or endpoint; without a version all versions of it.", valueName: "kind:name[@version]"))
    var dataset: String?

    @Option(help: ArgumentHelp("A decision, by its prediction's id.", valueName: "id"))
    var prediction: String?

    @Option(help: "How many steps to go each way.")
    var depth = 5

    @Argument(help: "The run.")
    var pipelineRun: String?

    func validate() throws {
        guard [model, dataset, prediction, pipelineRun].count(where: { $0 != nil }) == 1 else {
            throw ValidationError("name one of a run, --model, --dataset and --prediction")
        }
    }

    func run() async throws {
        try await Session.run(options) { session in
            if let pipelineRun {
                try await show(pipelineRun, session)
            } else if let prediction {
                try await session.answer(Ask(.get, "predictions", prediction, "lineage")) {
                    try session.console.say(LineageText.decision($0, session.console.style))
                }
            } else {
                let ask = Ask(.get, "lineage").with("model", model).with("dataset", dataset).with("depth", String(depth))
                try await session.answer(ask) { try session.console.say(LineageText.tree($0, session.console.style)) }
            }
        }
    }

    private func show(_ run: String, _ session: Session) async throws {
        var events: [JSONValue] = []
        var next: Int64? = 0
        while let after = next {
            let answer = try await session.value(Ask(.get, "pipeline-runs", run, "lineage").with("after", String(after)))
            let items = answer["items"]?.array ?? []
            if session.isJSON { for item in items { try session.console.say(item) } } else { events += items }
            next = answer["next"]?.int64
        }
        if !session.isJSON { try session.console.say(LineageText.run(events, session.console.style)) }
    }
}
