import MartletDefinitions
import MartletFeatureStore
import MartletPlan
import Testing

@Suite("Versions")
struct HashStabilityTests {
    static let base: DefinitionSet = {
        do {
            return try ProjectPlan.check(Projects.source(Projects.design)).definitions
        } catch {
            preconditionFailure("\(error)")
        }
    }()

    @Test(
        "spelling leaves no trace",
        arguments: [
            PlantedMistake("a comment", "streams/transactions.yaml", "fields:", "# note\nfields:"),
            PlantedMistake(
                "quotes around a text", "streams/transactions.yaml", "unique: tx_id", "unique: \"tx_id\""),
            PlantedMistake("a list of one", "streams/transactions.yaml", "unique: tx_id", "unique: [tx_id]"),
            PlantedMistake(
                "a doc", "streams/transactions.yaml", "unique: tx_id", "unique: tx_id\ndoc: paid things"),
            PlantedMistake(
                "the long form of a field", "streams/transactions.yaml", "terminal_id: string",
                "terminal_id: { type: string, doc: where }"),
            PlantedMistake(
                "defaults of a stream", "streams/transactions.yaml", "unique: tx_id",
                "unique: tx_id\ndelay: 0s\nahead: 300s"),
            PlantedMistake(
                "defaults of a field", "streams/transactions.yaml", "terminal_id: string",
                "terminal_id: { optional: false, type: string, clean: [] }"),
            PlantedMistake(
                "spaces and parentheses of a check", "streams/transactions.yaml", "amount >= 0.0",
                "(amount>=0.0)"),
            PlantedMistake(
                "another spelling of a span", "streams/transactions.yaml", "known_after: 7d",
                "known_after: 168h"),
            PlantedMistake(
                "order of keys", "streams/transactions.yaml", "stream: transactions\nevent_time: tx_time\n",
                "event_time: tx_time\nstream: transactions\n"),
            PlantedMistake(
                "order of fields", "streams/transactions.yaml",
                "  tx_id:       string\n  tx_time:     timestamp            # RFC 3339\n",
                "  tx_time:     timestamp\n  tx_id:       string\n"),
            PlantedMistake(
                "the long form of an entity", "features/customer.yaml", "entity: customer_id",
                "entity: { key: customer_id, name: customer }"),
            PlantedMistake(
                "block style", "features/terminal.yaml",
                "  - { function: mean, of: is_fraud, windows: [1d, 7d, 30d], as: risk }",
                "  - as: risk\n    function: [mean]\n    of: is_fraud\n    windows:\n      - 1d\n      - 7d\n      - 30d"
            ),
            PlantedMistake(
                "spaces of an expression", "features/request.yaml",
                "amount / (customer.mean_amount_30d + 1.0)", "amount/(customer.mean_amount_30d+1.0)"),
            PlantedMistake(
                "order of derived features", "features/request.yaml",
                "  amount:       amount\n  is_night:     tx_time.getHours() <= 6\n",
                "  is_night:     tx_time.getHours() <= 6\n  amount:       amount\n"),
            PlantedMistake("another spelling of a number", "models/fraud.yaml", "eta: 0.1", "eta: 0.10"),
            PlantedMistake(
                "a default of the trainer", "models/fraud.yaml", "seed: 7", "seed: 7, lambda: 1, max_bin: 256"
            ),
            PlantedMistake(
                "a feature list spelled out", "models/fraud.yaml", "[request.*, customer.*, terminal.*]",
                "[request.*, { view: customer, on: customer_id, as: customer }, terminal.risk_1d, terminal.risk_7d, terminal.risk_30d]"
            ),
            PlantedMistake(
                "the end of a gap", "models/fraud.yaml", "gap: 7d, test: { to: 2018-08-25 }",
                "test: { from: 2018-08-01, to: 2018-08-25 }"),
            PlantedMistake("the default alias", "endpoints/fraud.yaml", "fraud@champion", "fraud"),
            PlantedMistake(
                "defaults of an endpoint", "endpoints/fraud.yaml", "score: 0.0 }",
                "score: 0 }\nrecord: before_answer\nlimits: { deadline: 2000ms }"),
            PlantedMistake(
                "defaults of a pipeline", "pipelines/daily.yaml", "catchup: false",
                "catchup: false\ntime_zone: UTC\nmax_active_runs: 16\ndoc: the usual"),
            PlantedMistake(
                "defaults of a task", "pipelines/daily.yaml", "{ train: fraud, after: ingest }",
                "{ after: [ingest], train: fraud, retries: 0, needs: { cpu: 1 }, trigger_rule: all_success }"),
        ])
    func unchanged(change: PlantedMistake) throws {
        let after = try ProjectPlan.check(Projects.design(change.file, change.old, change.new)).definitions
        #expect(
            DefinitionDifference(from: Self.base, to: after).description
                == "nothing changes; 8 definitions stay as they are")
        #expect(after.hash == Self.base.hash)
    }

    @Test(
        "a change of meaning is shown where it is, and in what depends on it",
        arguments: [
            (
                PlantedMistake("a check", "streams/transactions.yaml", "amount >= 0.0", "amount > 0.0"),
                ["stream transactions"]
            ),
            (
                PlantedMistake(
                    "a delay", "streams/transactions.yaml", "unique: tx_id", "unique: tx_id\ndelay: 1h"),
                ["stream transactions"]
            ),
            (
                PlantedMistake(
                    "a new field", "streams/transactions.yaml", "  tx_id: ", "  note: string\n  tx_id: "),
                ["stream transactions"]
            ),
            (
                PlantedMistake("lateness", "streams/transactions.yaml", "known_after: 7d", "known_after: 6d"),
                ["feature_view terminal", "model fraud", "stream transactions"]
            ),
            (
                PlantedMistake("a zone", "streams/transactions.yaml", "Europe/Brussels", "Europe/Paris"),
                [
                    "feature_view customer", "feature_view request", "feature_view terminal", "model fraud",
                    "stream transactions",
                ]
            ),
            (
                PlantedMistake(
                    "a view's condition", "features/customer.yaml", "amount > 0.0", "amount > 1.0"),
                ["feature_view customer", "feature_view request", "model fraud"]
            ),
            (
                PlantedMistake("a view's doc and window", "features/terminal.yaml", "30d]", "31d]"),
                ["feature_view terminal", "model fraud"]
            ),
            (
                PlantedMistake("an offset", "features/terminal.yaml", "as: risk", "as: risk, offset: 8d"),
                ["feature_view terminal", "model fraud"]
            ),
            (
                PlantedMistake("an expression", "features/request.yaml", "<= 6", "<= 5"),
                ["feature_view request", "model fraud"]
            ),
            (PlantedMistake("a depth", "models/fraud.yaml", "max_depth: 6", "max_depth: 5"), ["model fraud"]),
            (PlantedMistake("a gap", "models/fraud.yaml", "gap: 7d", "gap: 8d"), ["model fraud"]),
            (
                PlantedMistake(
                    "order of a model's features", "models/fraud.yaml", "customer.*, terminal.*",
                    "terminal.*, customer.*"), ["model fraud"]
            ),
            (PlantedMistake("a gate", "models/fraud.yaml", ">= champion", "> champion"), ["model fraud"]),
            (PlantedMistake("a route", "endpoints/fraud.yaml", "@champion", "@3"), ["endpoint fraud"]),
            (
                PlantedMistake("a fallback", "endpoints/fraud.yaml", "score: 0.0", "score: 0.5"),
                ["endpoint fraud"]
            ),
            (PlantedMistake("a schedule", "pipelines/daily.yaml", "@daily", "@hourly"), ["pipeline daily"]),
            (PlantedMistake("a pool", "martlet.yaml", "project: fraud", "project: fraud\npools: { gpu: 1 }"), ["project fraud"]),
            (PlantedMistake("a retention", "martlet.yaml", "project: fraud", "project: fraud\nretention: { runs: forever }"), ["project fraud"]),
        ])
    func changed(change: PlantedMistake, expected: [String]) throws {
        let after = try ProjectPlan.check(Projects.design(change.file, change.old, change.new)).definitions
        let difference = DefinitionDifference(from: Self.base, to: after)
        #expect(difference.changes.map { "\($0.kind) \($0.name)" } == expected)
        #expect(difference.changes.allSatisfy { $0.action == .changed && !$0.details.isEmpty })
        #expect(after.hash != Self.base.hash)
    }

    @Test("only the features that change have new versions")
    func features() throws {
        let before = try ProjectPlan.check(Projects.source(Projects.design))
        let after = try ProjectPlan.check(
            Projects.design(
                "features/customer.yaml", "count, windows: [1d, 7d, 30d]", "count, windows: [1d, 7d, 31d]"))
        let old = try #require(before.view("customer"))
        let new = try #require(after.view("customer"))
        #expect(old.features.filter { new[$0.name]?.hash != $0.hash }.map(\.name) == ["count_30d"])
        #expect(new.features.filter { old[$0.name]?.hash != $0.hash }.map(\.name) == ["count_31d"])
        // What does not read the changed feature keeps its version.
        #expect(before.view("request")?.features == after.view("request")?.features)
    }

    @Test("a difference names keys, for people and for programs")
    func difference() throws {
        let after = try ProjectPlan.check(
            Projects.design("models/fraud.yaml", "max_depth: 6, eta: 0.1", "max_depth: 8, eta: 0.1, gamma: 2")
        ).definitions
        let difference = DefinitionDifference(from: Self.base, to: after)
        #expect(
            difference.description == """
                ~ model fraud
                    ~ trainer.parameters.gamma: 0.0 → 2.0
                    ~ trainer.parameters.max_depth: 6 → 8
                0 to add, 1 to change, 0 to remove, 7 unchanged
                """)
        #expect(difference.json.contains(#"{"path":"trainer.parameters.max_depth","before":6,"after":8}"#))
        let back = DefinitionDifference(from: after, to: .empty)
        #expect(back.changes.count == 8 && back.changes.allSatisfy { $0.action == .removed })
    }

    @Test("the set survives its bytes")
    func encoded() throws {
        #expect(try DefinitionSet(encoded: Self.base.encoded) == Self.base)
    }

    @Test(
        "the version of the design's stream is what it was: a change here is a change of every stored version"
    )
    func pinned() {
        #expect(
            Self.base["stream", "transactions"]?.hash.description
                == "59cfe755cc536b8dc364d49fd13775b0654014606f71f09219a3d6c3c33a036f")
        #expect(
            Self.base["model", "fraud"]?.hash.description
                == "981bca07b7439630b58fdffd472bfb1e02925fe39aa699be0cc4ec6e5576dfa0")
    }
}
