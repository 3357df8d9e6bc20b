import MartletFrames
@testable import MartletIngestion
import Testing

func sample(_ text: String, rowLimit: Int = 100_000, chunk: Int = 1_000) throws -> FileSample {
    var reader = SampleReader(rowLimit: rowLimit)
    let bytes = Array(text.utf8)
    for start in stride(from: 0, to: bytes.count, by: chunk) where !reader.isFull {
        try reader.append(Array(bytes[start..<min(bytes.count, start + chunk)]))
    }
    return try reader.finish()
}

func inferred(_ text: String, label: String? = nil) throws -> InferredStream {
    InferredStream(try sample(text), label: label)
}

/// A table of rows made by a seeded generator.
func table(_ header: String, rows: Int, _ row: (Int, (Int) -> Int) -> String) -> String {
    var state: UInt64 = 42
    func random(_ bound: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int(state >> 33) % bound
    }
    return header + "\n" + (0..<rows).map { row($0, random) }.joined(separator: "\n") + "\n"
}

@Suite("Inference") struct InferenceTests {
    @Test("events with ids, a time and a flag become a whole stream; a column that equals the label is named")
    func events() throws {
        let text = table("event_id,seen_at,customer_id,shop_id,amount,note,is_bad,bad_kind", rows: 2_000) {
            row, random in
            let isBad = random(20) == 0
            let kind = isBad ? 1 + random(3) : 0
            let at = Timestamp(microseconds: 1_530_000_000_000_000 + Int64(row) * 60_000_000).description
                .dropLast()
            return
                "\(row),\(at.replacing("T", with: " ")),\(random(200)),S\(random(90)),\(random(10_000)).5,\(["NA", "x", "y"][random(3)]),\(isBad ? 1 : 0),\(kind)"
        }
        let stream = try inferred(text)
        #expect(stream.rowCount == 2_000)
        #expect(
            stream.columns.map(\.type) == [
                .int64, .timestamp, .int64, .string, .float64, .string, .bool, .int64,
            ])
        #expect(stream.eventTime?.column == "seen_at")
        #expect(stream.uniqueKey?.column == "event_id")
        #expect(stream.entityKeys.map(\.column) == ["customer_id", "shop_id"])
        #expect(stream.label?.column == "is_bad")
        #expect(stream.positive == "1")
        #expect(stream["note"]?.missingTexts == ["NA"])
        #expect((0.28...0.38).contains(stream["note"]?.missingShare ?? 0))
        #expect(stream.leaks.map(\.column) == ["event_id", "bad_kind"])
        #expect(stream.leaks.map(\.kind) == [.identifier, .predictsLabel])
        #expect(
            stream.leaks.last?.finding.reason
                == "alone it tells 'is_bad' with an area under the ROC curve of 1.000")

        // What was inferred keeps its own file.
        let contract = try #require(stream.contract(stream: "events"))
        #expect(contract.unique == ["event_id"])
        let batch = try parseCSV(text, contract)
        #expect(batch.deadLetters.isEmpty)
        #expect(batch.frame.rowCount == 2_000)
        #expect((batch.frame["note"]?.missingCount ?? 0) > 500)
    }

    @Test(
        "types of single columns",
        arguments: [
            (["1", "2", "-3"], ValueType.int64), (["1", "2.5", "1e3"], .float64), (["true", "FALSE"], .bool),
            (["yes", "no"], .bool),
            (["0", "1"], .bool), (["0", "0"], .int64), (["1", "2"], .int64), (["007", "012"], .string),
            (["a", "1"], .string),
            (["2018-07-25", "2018-07-26"], .timestamp),
            (["2018-07-25T06:00:00Z", "2018-07-25 06:00:00+02:00"], .timestamp),
            (["2018-07-25", "soon"], .string), (["9223372036854775808", "1"], .float64),
            (["1", "NA", "?"], .int64), (["NA", "NA"], .string),
            (["9223372036854775807", "-9223372036854775808"], .int64), (["1 ", "2"], .string),
            (["1,5", "2"], .string), (["", ""], .string),
        ])
    func types(values: [String], type: ValueType) throws {
        let text = "x,other\n" + values.map { "\"\($0)\",z" }.joined(separator: "\n")
        #expect(try inferred(text)["x"]?.type == type)
    }

    @Test("a few values that do not fit are said to become dead letters")
    func misfits() throws {
        let column = try #require(
            try inferred(table("x,y", rows: 1_000) { row, _ in "\(row == 700 ? "oops" : "\(row * 3)"),a" })[
                "x"])
        #expect(column.type == .int64)
        #expect(column.typeFinding.confidence < 0.85)
        #expect(
            column.typeFinding.reason
                == "nearly all of its values are whole numbers; 'oops' is not, and such rows will be dead letters"
        )
        let text = try #require(
            try inferred(
                table("x,y", rows: 1_000) { row, _ in "\(row % 50 == 0 ? "oops" : "\(row * 3)"),a" })["x"])
        #expect(text.type == .string)
    }

    @Test(
        "numbers are times only by name and age",
        arguments: [
            ("event_time", 1_532_498_400, TimeUnit?.some(.seconds)),
            ("event_time", 1_532_498_400_000, .milliseconds),
            ("ts", 1_532_498_400_000_000, .microseconds),
            ("createdAt", 1_532_498_400_000_000_000, .nanoseconds),
            ("amount", 1_532_498_400, nil), ("Time", 0, .seconds), ("dep_time", 517, nil),
            ("time_to_pay", 30, nil),
        ])
    func numericTimes(name: String, first: Int, unit: TimeUnit?) throws {
        let column = try #require(
            try inferred(table("\(name),y", rows: 100) { row, _ in "\(first + row * 7),a" })[name])
        #expect(column.timeUnit == unit)
        #expect(column.type == (unit == nil ? .int64 : .timestamp))
    }

    @Test("different amounts are no key without a name for it")
    func chanceKeys() throws {
        let stream = try inferred(
            table("amount,place", rows: 500) { row, random in "\(row * 37 + random(30)),P" })
        #expect(stream.uniqueKey == nil)
        #expect(stream["place"]?.isConstant == true)
    }

    @Test("of two values the positive one, and labels by name and place")
    func labels() throws {
        let income = try inferred(
            table("sex,hours,income", rows: 300) { _, random in
                "\(["f", "m"][random(2)]),\(random(60)),\([">50K", "<=50K", "<=50K"][random(3)])"
            })
        #expect(income.label?.column == "income")
        #expect(income.positive == ">50K")
        let none = try inferred(
            table("a,b,c", rows: 300) { _, random in "\(random(100)),\(random(1_000)),x\(random(300))" })
        #expect(none.label == nil && none.leaks.isEmpty)
        #expect(
            try inferred(
                table("y,b", rows: 300) { _, random in "\(["yes", "no"][random(2)]),\(random(1_000))" }
            ).positive == "yes")
    }

    /// A label with a noisy column, a column that is filled only where the label is true, and one known afterwards.
    @Test("leaks: by presence, by name, by value; noise, luck and rare values are none")
    func leaks() throws {
        let text = table("label,noise,strong,refund_day,label_note,code,call_duration", rows: 3_000) {
            _, random in
            let isTrue = random(10) == 0
            // Right in nine of ten rows, which is a good feature and no leak.
            let strong = random(10) == 0 ? random(2) : isTrue ? 1 : 0
            return
                "\(isTrue ? 1 : 0),\(random(1_000)),\(strong),\(isTrue ? "\(random(28))" : ""),n\(random(4)),c\(random(2_500)),\(random(100))"
        }
        let stream = try inferred(text)
        #expect(stream.label?.column == "label")
        #expect(stream.leaks.map(\.column) == ["refund_day", "label_note", "call_duration"])
        #expect(stream.leaks.map(\.kind) == [.predictsLabel, .knownAfterwards, .knownAfterwards])
    }

    @Test("leaks need support: five positives prove nothing")
    func support() throws {
        let text = table("label,copy", rows: 400) { row, _ in "\(row < 5 ? 1 : 0),\(row < 5 ? 7 : 3)" }
        #expect(try inferred(text, label: "label").leaks.isEmpty)
    }

    @Test("a label that is the sum of two columns, or ordered as one, is given away by them")
    func numericLeaks() throws {
        let text = table("casual,registered,temperature,tripled,total", rows: 500) { _, random in
            let (a, b) = (random(300), random(500))
            return "\(a),\(b),\((a + b) / 50 + random(12)),\((a + b) * 3 + random(4)),\(a + b)"
        }
        let stream = try inferred(text, label: "total")
        #expect(stream.leaks.map(\.column) == ["casual", "registered", "tripled"])
        #expect(stream.leaks.map(\.kind) == [.partOfLabel, .partOfLabel, .predictsLabel])
        #expect(stream.leaks.first?.finding.reason == "'casual' plus 'registered' is 'total'")
    }

    @Test("a label of several classes is given away by a column that names them")
    func classLeaks() throws {
        let text = table("kind,weight,species", rows: 600) { _, random in
            let kind = random(4)
            return "k\(kind),\(kind * 10 + random(25)),s\(kind)"
        }
        #expect(try inferred(text, label: "species").leaks.map(\.column) == ["kind"])
    }

    @Test("lines of JSON: keys in order of appearance, quoted numbers stay texts")
    func json() throws {
        let text = (0..<100).map {
            #"{"id":"\#($0)","at":"2018-07-25T06:00:00Z","n":\#($0),"ok":true\#($0 > 50 ? #","late":1.5"# : "")}"#
        }
        .joined(separator: "\n")
        let sample = try sample(text)
        #expect(sample.format == .ndjson)
        let stream = InferredStream(sample)
        #expect(stream.columns.map(\.name) == ["id", "at", "n", "ok", "late"])
        #expect(stream.columns.map(\.type) == [.string, .timestamp, .int64, .bool, .float64])
        #expect(stream.uniqueKey?.column == "id")
        #expect(stream["late"]?.missingShare == 0.51)
    }

    @Test("a key that holds arrays is said to fit no field")
    func nested() throws {
        let stream = try inferred(#"{"id":1,"tags":["a"]}"# + "\n" + #"{"id":2,"tags":["b"]}"#)
        #expect(stream["tags"]?.typeFinding.confidence == 0)
        #expect((stream["id"]?.typeFinding.confidence ?? 0) > 0.5)
    }

    @Test("a sample ends at its limit and knows its delimiter")
    func sampling() throws {
        let text = table("a;b", rows: 1_000) { row, _ in "\(row);\(row * 2)" }
        let part = try sample(text, rowLimit: 50)
        #expect(part.frame.rowCount == 50 && !part.isComplete)
        #expect(part.format == .csv(delimiter: 0x3B))
        #expect(try sample(text).isComplete)
        #expect(throws: IngestionError.self) { try sample("") }
    }

    @Test(
        "words of names",
        arguments: [
            ("tx_dateTime2", ["tx", "date", "time2"]), ("PULocationID", ["pulocation", "id"]),
            ("a.b-c d", ["a", "b", "c", "d"]), ("ID", ["id"]), ("", []),
        ])
    func words(name: String, expected: [String]) {
        #expect(NameHints.words(name) == expected)
    }
}
