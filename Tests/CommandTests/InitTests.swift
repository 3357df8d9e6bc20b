import MartletBytes
@testable import MartletCommand
import MartletDefinitions
import MartletExpressions
import MartletFrames
import MartletIngestion
import MartletPlan
import MartletSimulation
import MartletTraining
import MartletWorld
import Testing


@Suite("A project from a file")
struct InitTests {
    /// What `init` writes for a file with these bytes.
    func draft(_ text: String, source: String = "data/rows.csv", label: String? = nil) throws -> ProjectDraft {
        var reader = SampleReader()
        try reader.append(Array(text.utf8))
        return ProjectDraft("my project", from: InferredStream(try reader.finish(), label: label), source: source)
    }

    func check(_ files: [ProjectDraft.File]) throws -> CheckedProject {
        do {
            return try ProjectPlan.check(ProjectSource(files.map { .init(path: $0.path, text: $0.text) }))
        } catch {
            Issue.record("\(error)\n\(files.map { $0.path + "\n" + $0.text }.joined(separator: "\n"))")
            throw error
        }
    }

    /// Sales over sixty days of forty buyers, with an answer, a column that gives it away, and a missing marker.
    static func sales(_ rows: Int = 400, label: (Int) -> String = { $0 % 7 == 0 ? "yes" : "no" }) -> String {
        var text = "order_id,placed_at,buyer_id,amount,colour,refund_code,returned\n"
        for row in 0..<rows {
            let minute = row * 60 * 24 * 60 / rows
            let day = minute / 1_440
            let date = "2026-0\(day / 28 + 1)-\(day % 28 < 9 ? "0" : "")\(day % 28 + 1)"
            let time = "\(minute / 60 % 24 < 10 ? "0" : "")\(minute / 60 % 24):00:00"
            let answer = label(row)
            text += "o\(row),\(date) \(time),b\(row * 7 % 40),\(row % 50).25,\(["red", "?", "blue"][row % 3]),\(answer == "yes" ? "R1" : "none"),\(answer)\n"
        }
        return text
    }

    @Test("the written project has no mistakes, and its parts are those of the file")
    func whole() throws {
        let draft = try draft(Self.sales(), source: "shop/sales.2026.csv.gz")
        let project = try check(draft.files)
        let stream = try #require(project.stream("sales"))
        #expect(stream.contract.eventTime == "placed_at" && stream.contract.unique == ["order_id"])
        let types = Dictionary(uniqueKeysWithValues: stream.contract.fields.map { ($0.name, $0.type) })
        #expect(types == [
            "order_id": .string, "placed_at": .timestamp, "buyer_id": .string, "amount": .float64, "colour": .string, "refund_code": .string,
            "returned": .bool,
        ])
        #expect(stream.contract.fields.filter(\.isOptional).map(\.name) == ["colour", "refund_code", "returned"])
        #expect(stream.contract.fields.first { $0.name == "colour" }?.missingTexts == ["?"])
        let model = try #require(project.model("returned"))
        #expect(draft.model == "returned" && project.endpoint("returned") != nil)
        let features = model.features.map(\.name)
        #expect(features.contains("request.amount") && features.contains("buyer.count_30d") && features.contains("request.placed_at_hour"))
        // A column that gives the label away is no feature, and its line says so.
        #expect(!features.contains { $0.contains("refund_code") || $0.contains("returned") || $0.contains("order_id") }, "\(features)")
        let request = try #require(draft.files.first { $0.path == "features/request.yaml" })
        #expect(request.text.contains("#   refund_code: alone it tells 'returned'"))
    }

    @Test("columns that cannot be fields are left out of the contract and named")
    func badNames() throws {
        var text = "order id,placed_at,2nd,in,amount\n"
        for row in 0..<50 { text += "\(row),2026-01-\(row % 27 + 10 > 27 ? 27 : row % 27 + 10) 00:00:0\(row % 10),\(row),\(row),\(row).5\n" }
        let draft = try draft(text)
        _ = try check(draft.files)
        #expect(draft.renames.map(\.column) == ["order id", "2nd", "in"])
        #expect(draft.renames.map(\.name) == ["order_id", "column_2nd", "in_"])
        #expect(draft.renames.allSatisfy { FieldNames.isName($0.name) })
        #expect(Init.next(draft, folder: "p", file: "rows.csv").contains("martlet ingest --ignore-unknown --project p rows rows.csv"))
    }

    @Test("a file without times is a stream without an event time")
    func timeless() throws {
        var text = "age,job,arrival_time,income\n"
        for row in 0..<200 { text += "\(20 + row % 50),\(["a", "b", "c"][row % 3]),x\(row % 9),\(row % 4 == 0 ? ">50K" : "<=50K")\n" }
        let draft = try draft(text, label: "income")
        let project = try check(draft.files)
        #expect(project.streams.first?.contract.isTimedByArrival == true)
        let model = try #require(project.model("income"))
        #expect(model.task == .binary && model.label.canonicalText == #"income == ">50K""#)
        #expect(model.features.map(\.name) == ["request.age", "request.job"])
        #expect(draft.renames.map(\.column) == ["arrival_time"])
    }

    @Test("labels of several kinds get the task that fits", arguments: [
        ("kind", "multiclass"), ("length", "regression"), ("flag", "binary"), ("grade", "multiclass"),
    ])
    func tasks(_ label: String, _ task: String) throws {
        var text = "id,size,kind,length,flag,grade\n"
        for row in 0..<300 {
            text += "\(row),\(row * 37 % 101).5,\(["a", "b \\\"c\\\"", "d#e"][row % 3].replacing("\\\"", with: "'")),\(row * 31 % 211).25,\(row % 2 + 1),\(row % 5)\n"
        }
        let draft = try draft(text, label: label)
        let project = try check(draft.files)
        #expect(project.models.first?.task.rawValue == task)
    }

    @Test("names that YAML or the expressions would read otherwise", arguments: ["y", "no", "On", "null_", "class", "count", "day"])
    func awkwardNames(_ name: String) throws {
        var text = "\(name),x,label\n"
        for row in 0..<100 { text += "\(row % 7).5,\(row * 17 % 29).5,\(row % 2 == 0)\n" }
        let project = try check(try draft(text, label: "label").files)
        #expect(project.model("label")?.features.map(\.name).sorted() == ["request.\(name)", "request.x"].sorted())
    }

    @Test("a file without a label gives a project without a model")
    func unlabelled() throws {
        let draft = try draft("a,b\n1,2.5\n2,3.5\n3,9.25\n")
        #expect(draft.model == nil)
        #expect(try check(draft.files).models.isEmpty)
        #expect(Init.next(draft, folder: "p", file: "f").contains("there is no model yet"))
    }

    @Test("lines of JSON are a file of rows too")
    func json() throws {
        var text = ""
        for row in 0..<60 { text += "{\"at\":\"2026-01-01T00:\(row < 10 ? "0" : "")\(row):00Z\",\"user_id\":\"u\(row % 5)\",\"n\":\(row),\"is_new\":\(row % 3 == 0)}\n" }
        let draft = try draft(text, source: "clicks.ndjson")
        let project = try check(draft.files)
        #expect(project.streams.first?.name == "clicks" && project.streams.first?.contract.eventTime == "at")
    }

    @Test("data's own line breaks and quotes stay inside comments and texts")
    func hostileTexts() throws {
        var text = "state,x,label\n"
        for row in 0..<100 { text += "\"a\nfields: {}\n\(row % 3)\",\(row % 13).5,\"\(row % 2 == 0 ? "it's \"\"so\"\"" : "not")\"\n" }
        let project = try check(try draft(text, source: "x\ny.csv", label: "label").files)
        #expect(project.models.first?.label.canonicalText == #"label == "it's \"so\"""#)
    }

    @Test("the example project has no mistakes")
    func example() throws {
        let project = try check(ExampleProject.files("shop"))
        #expect(project.project.name == "shop" && project.models.map(\.name) == ["returns"])
    }

    @Test("nothing that is there is overwritten")
    func existing() throws {
        let files = SimulatedFileSystem(seed: 1)
        try ProjectWriter(files).write([.init(path: "martlet.yaml", text: "project: a\n"), .init(path: "streams/a.yaml", text: "x")])
        #expect(try files.list(.root) == ["martlet.yaml", "streams"])
        let path = try #require(RelativePath("martlet.yaml"))
        #expect(try files.open(path, .read).read(at: 0, count: 100) == Array("project: a\n".utf8))
        do {
            try ProjectWriter(files).write([.init(path: "features/b.yaml", text: "y")])
            Issue.record("it was written")
        } catch {
            #expect(error.text().hasPrefix("error: the folder holds 'martlet.yaml' already\n hint: "))
        }
        #expect(try files.list(.root) == ["martlet.yaml", "streams"])
    }

    @Test("what was inferred is told with how sure it is")
    func words() throws {
        var reader = SampleReader()
        try reader.append(Array(Self.sales().utf8))
        let inferred = InferredStream(try reader.finish(), label: nil)
        let draft = ProjectDraft("p", from: inferred, source: "sales.csv")
        let text = InferenceText.text(inferred, source: "sales.csv", isComplete: true, rejected: 0, draft: draft)
        #expect(text.hasPrefix("sales.csv: CSV, 400 rows looked at\n"))
        #expect(text.contains("event time  placed_at"))
        #expect(text.contains("Columns that give 'returned' away, left out of the features:\n  refund_code  95%  alone it tells"))
    }
}
