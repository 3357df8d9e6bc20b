import MartletDefinitions
import MartletExpressions
import MartletFeatureStore
import MartletFeatures
import MartletFrames
import MartletIngestion
import MartletPlan
import MartletTraining
import Testing

/// Shapes of projects that real files need: no time of their own, parts in two files, joins as of a time.
@Suite("Projects for files as they are")
struct DataSetProjectTests {
    @Test("rows without a time are timed by arrival, and tested on a stream of their own")
    func arrival() throws {
        let fields = """
            fields:
              age: int64
              workclass: { type: string, optional: true, missing: "?" }
              sex: string
              income: string
            """
        let project = try ProjectPlan.check(
            Projects.source([
                ("streams/a.yaml", "stream: people\n\(fields)\n---\nstream: people_test\n\(fields)"),
                (
                    "features/f.yaml",
                    "feature_view: row\nsource: people\nderive: { age: age, workclass: workclass, sex: sex }"
                ),
                (
                    "models/m.yaml",
                    """
                    model: rich
                    task: binary
                    from: people
                    label: income == ">50K"
                    features: [row.*]
                    split: { train: {}, test: { stream: people_test } }
                    """
                ),
            ]))
        let stream = try #require(project.stream("people"))
        #expect(stream.contract.isTimedByArrival)
        #expect(stream.contract.eventTime == "arrival_time")
        #expect(stream.contract.schema["arrival_time"]?.type == .timestamp)
        #expect(stream["workclass"]?.missingTexts == ["?"])
        let model = try #require(project.model("rich"))
        guard case .stated(let train, let test) = model.split else {
            Issue.record("the split is not stated")
            return
        }
        #expect(
            train.stream == "people" && train.to == nil && test.stream == "people_test" && test.from == nil)
        #expect(
            model.features.map(\.type) == [.int64, .string, .string].sorted { "\($0)" < "\($1)" }
                || model.features.count == 3)
        #expect(model.metrics.map(\.name) == ["average_precision", "roc_auc", "log_loss"])
    }

    @Test("a test stream must have the fields that the model reads")
    func otherFields() {
        let said = Projects.complaints(
            Projects.source([
                (
                    "streams/a.yaml",
                    "stream: a\nfields: { x: int64, y: bool }\n---\nstream: b\nfields: { x: float64, y: bool }"
                ),
                ("features/f.yaml", "feature_view: row\nsource: a\nderive: { x: x }"),
                (
                    "models/m.yaml",
                    "model: m\ntask: binary\nfrom: a\nlabel: y\nfeatures: [row.*]\nsplit: { train: {}, test: { stream: b } }"
                ),
            ]))
        #expect(
            said == """
                error: models/m.yaml:6:8: the test stream 'b' of model 'm' has no int64 field 'x', which the model reads
                 hint: a test stream has the fields of 'a' that the model reads
                """)
    }

    @Test("rows in order of time are parted by shares")
    func shares() throws {
        let project = try ProjectPlan.check(
            Projects.source([
                (
                    "streams/a.yaml",
                    "stream: a\nevent_time: time\nfields: { time: { type: timestamp, unit: seconds }, v: float64, class: int64 }"
                ),
                ("features/f.yaml", "feature_view: row\nsource: a\nderive: { v: v }"),
                (
                    "models/m.yaml",
                    "model: m\ntask: binary\nfrom: a\nlabel: class == 1\nfeatures: [row.v]\nsplit: { train: 75% }"
                ),
            ]))
        guard case .shares(let train, let gap, let test) = try #require(project.model("m")).split else {
            Issue.record("the split is not by shares")
            return
        }
        #expect(train == 0.75 && test == 0.25 && gap == .zero)
        #expect(project.stream("a")?["time"]?.timeUnit == .seconds)
    }

    @Test(
        "a view is read at other keys under other names, and the latest value is a join as of the row's time")
    func joins() throws {
        let project = try ProjectPlan.check(
            Projects.source([
                (
                    "streams/s.yaml",
                    """
                    stream: weather
                    event_time: at
                    unique: [station, at]
                    fields: { station: string, at: timestamp, temperature: { type: float64, optional: true } }
                    ---
                    stream: flights
                    event_time: at
                    fields: { at: timestamp, origin: string, dest: string, carrier: string, delay: { type: float64, known_after: 1d } }
                    """
                ),
                (
                    "features/f.yaml",
                    """
                    feature_view: weather
                    entity: station
                    source: weather
                    aggregate: [{ function: last, of: temperature, windows: [6h] }]
                    ---
                    feature_view: route
                    entity: { name: route, key: [origin, dest] }
                    source: flights
                    aggregate:
                      - { function: count, windows: [7d] }
                      - { function: mean, of: delay, windows: [7d] }
                    """
                ),
                (
                    "models/m.yaml",
                    """
                    model: delay
                    task: regression
                    from: flights
                    label: delay
                    features:
                      - { view: weather, on: origin, as: here }
                      - { view: weather, on: dest, as: there }
                      - route.*
                    except: there.*
                    """
                ),
            ]))
        let model = try #require(project.model("delay"))
        #expect(
            model.features.map(\.name) == [
                "here.last_temperature_6h", "route.count_7d", "route.mean_delay_7d",
            ])
        #expect(
            model.views == [
                .init(view: "weather", alias: "here", on: ["origin"]),
                .init(view: "route", alias: "route", on: ["origin", "dest"]),
            ])
        #expect(model.features.map(\.viewIndex) == [0, 1, 1])
        guard case .aggregate(let plan, let entity) = try #require(project.view("route")).body else { return }
        #expect(entity.keys.map(\.name) == ["origin", "dest"])
        #expect(plan.aggregations.map(\.offset) == [.zero, .days(1)])
    }

    @Test("derived features are planned after those that they read, wherever they stand")
    func order() throws {
        let project = try ProjectPlan.check(
            Projects.source([
                ("streams/s.yaml", "stream: s\nfields: { x: float64 }"),
                (
                    "features/f.yaml",
                    "feature_view: z\nsource: s\nderive: { c: z.b * 2.0, a: x, b: z.a + y.q }\n---\nfeature_view: y\nsource: s\nderive: { q: x * x }"
                ),
            ]))
        guard case .derive(let plan) = try #require(project.view("z")).body else { return }
        #expect(plan.features.map(\.name) == ["a", "b", "c"])
        #expect(plan.readsFeatures.map(\.description) == ["y.q"])
        #expect(project.view("z")?["c"]?.rowFields == ["x"])
        #expect(project.view("z")?["c"]?.views == ["y"])
    }

    @Test("a mistake in a stream is told once, not again by what reads the stream")
    func once() {
        let said = Projects.complaints(
            Projects.design("streams/transactions.yaml", "terminal_id: string", "terminal_id: strng"))
        #expect(said.split(separator: "\n").filter { $0.hasPrefix("error") }.count == 1)
    }

    @Test("a file that cannot be read does not make its definitions unknown")
    func unreadable() {
        let said = Projects.complaints(Projects.design("streams/transactions.yaml", "fields:", "fields: [}"))
        #expect(said.split(separator: "\n").filter { $0.hasPrefix("error") }.count == 1)
    }

    @Test("the definitions of the other features of a subject: it may be counted and asked for, and be a key")
    func subjects() throws {
        let project = try ProjectPlan.check(
            Projects.design(
                "features/terminal.yaml",
                "  - { function: mean, of: is_fraud, windows: [1d, 7d, 30d], as: risk }",
                "  - { function: distinct_count, of: customer_id, windows: [7d] }\n  - { function: sum, of: has(customer_id), windows: [7d], as: known }\n  - { function: mean, of: is_fraud, windows: [1d, 7d, 30d], as: risk }"
            ))
        #expect(
            project.view("terminal")?.features.map(\.name).prefix(2) == [
                "distinct_count_customer_id_7d", "known_7d",
            ])
    }
}
