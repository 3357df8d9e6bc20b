import MartletFrames
@testable import MartletIngestion
import Testing

let orders = StreamContract(
    stream: "orders",
    fields: [
        ContractField("id", .string), ContractField("at", .timestamp), ContractField("amount", .float64),
        ContractField("items", .int64, isOptional: true, missingTexts: ["NA", "?"]),
        ContractField("paid", .bool, isOptional: true),
    ], eventTime: "at", unique: ["id"], timeZone: "Europe/Brussels")

/// A zone two hours ahead of UTC that skips the hour from 02:00 on 25 March 2018.
@Sendable func twoHoursAhead(_ date: CivilDate) -> Timestamp? {
    if (date.year, date.month, date.day, date.hour) == (2018, 3, 25, 2) { return nil }
    return date.timestamp.map { $0 - .hours(2) }
}

func parseCSV(
    _ text: String, _ contract: StreamContract = orders, ignoringUnknown: Bool = false,
    arrival: Timestamp? = nil
) throws -> ContractRows {
    let parser = try ContractParser(contract, localTime: twoHoursAhead)
    var reader = CSVReader()
    reader.append(Array(text.utf8))
    reader.finish()
    let rows = try #require(try reader.nextRows(limit: 10_000))
    return parser.parse(
        rows, columns: try parser.columns(of: try #require(reader.header), ignoringUnknown: ignoringUnknown),
        arrival: arrival)
}

func parseLines(_ text: String, _ contract: StreamContract = orders) throws -> ContractRows {
    let parser = try ContractParser(contract, localTime: twoHoursAhead)
    var reader = LineReader()
    reader.append(Array(text.utf8))
    reader.finish()
    return parser.parse(reader.nextLines(limit: 10_000))
}

func values(_ rows: ContractRows) -> [[Value]] {
    (0..<rows.frame.rowCount).map { row in rows.frame.columns.map { $0[row] } }
}

func moment(_ text: String) -> Value {
    guard case .moment(let moment)? = Array(text.utf8).withUnsafeBytes({ TypedText.time($0) }) else {
        return .missing
    }
    return .timestamp(moment)
}

@Suite("Contract") struct ContractParserTests {
    @Test("a table becomes typed columns in the contract's order, whatever the order of the file")
    func typedColumns() throws {
        let batch = try parseCSV(
            """
            paid,amount,id,at,items
            yes,1.5,a,2018-07-25T06:00:00Z,3
            0,-2e3,b,2018-07-25 06:00:00.25,NA
            ,7,é,2018-07-25,
            TRUE,0,d,2018-07-25T06:00:00+05:30,?
            """)
        #expect(batch.deadLetters.isEmpty)
        #expect(
            values(batch) == [
                [.string("a"), moment("2018-07-25T06:00:00Z"), .float64(1.5), .int64(3), .bool(true)],
                [.string("b"), moment("2018-07-25T04:00:00.25Z"), .float64(-2_000), .missing, .bool(false)],
                [.string("é"), moment("2018-07-24T22:00:00Z"), .float64(7), .missing, .missing],
                [.string("d"), moment("2018-07-25T00:30:00Z"), .float64(0), .missing, .bool(true)],
            ])
    }

    static let faults: [(String, DeadLetter.Reason, String)] = [
        (
            "a,2018-07-25T06:00:00Z,12abc,3,1", .wrongType,
            "field 'amount' should be a finite number, and '12abc' was found"
        ),
        (
            "a,2018-07-25T06:00:00Z,,3,1", .missingField,
            "field 'amount' must have a value, and it is empty or a text that means missing"
        ),
        (
            "a,2018-07-25T06:00:00Z,1, 3,1", .wrongType,
            "field 'items' should be a whole number of 64 bits, and ' 3' was found; it has white space around it, which 'clean: [trim]' removes"
        ),
        (
            "a,2018-07-25T06:00:00Z,1,3.0,1", .wrongType,
            "field 'items' should be a whole number of 64 bits, and '3.0' was found"
        ),
        (
            "a,2018-07-25T06:00:00Z,1,9223372036854775808,1", .wrongType,
            "field 'items' should be a whole number of 64 bits, and '9223372036854775808' was found"
        ),
        (
            "a,2018-07-25T06:00:00Z,1,3,maybe", .wrongType,
            "field 'paid' should be true or false (also yes, no, 1, 0), and 'maybe' was found"
        ),
        (
            "a,2018-07-25T06:00:00Z,nan,3,1", .wrongType,
            "field 'amount' should be a finite number, and 'nan' was found; if it means a missing value, declare it as one of the field's missing texts"
        ),
        (
            "a,2018-07-25T06:00:00Z,1e999,3,1", .wrongType,
            "field 'amount' should be a finite number, and '1e999' was found"
        ),
        (
            "a,2018-02-30T06:00:00Z,1,3,1", .badTime,
            "field 'at' should be a time such as 2018-07-25T06:00:00Z, and '2018-02-30T06:00:00Z' was found"
        ),
        (
            "a,2018-03-25 02:30:00,1,3,1", .badTime,
            "field 'at' should be a time such as 2018-07-25T06:00:00Z, and '2018-03-25 02:30:00' was found"
        ),
        (
            "a,1532498400,1,3,1", .badTime,
            "field 'at' should be a time such as 2018-07-25T06:00:00Z, and '1532498400' was found; to read numbers as times, give the field a 'unit:'"
        ),
        (
            "a,2018-07-26T06:05:01Z,1,3,1", .futureTime,
            "the event time 2018-07-26T06:05:01Z is more than 5m after its arrival at 2018-07-26T06:00:00Z"
        ),
    ]

    @Test("a value that is not of its type is a dead letter, and its neighbours are kept", arguments: faults)
    func brokenRows(row: String, reason: DeadLetter.Reason, message: String) throws {
        guard case .timestamp(let arrival) = moment("2018-07-26T06:00:00Z") else { return }
        let good = "x,2018-07-26T06:05:00Z,1,3,1"
        let batch = try parseCSV("id,at,amount,items,paid\n\(good)\n\(row)\n\(good)\n", arrival: arrival)
        #expect(batch.frame.rowCount == 2)
        #expect(batch.deadLetters.count == 1)
        let letter = try #require(batch.deadLetters.first)
        #expect(letter.reason == reason)
        #expect(letter.message == message)
        #expect(letter.place == .line(3))
        #expect(letter.raw == Array(row.utf8))
    }

    @Test("a row with several faults is one dead letter that names them all; values are shortened")
    func severalFaults() throws {
        let long = String(repeating: "é", count: 200)
        let batch = try parseCSV("id,at,amount,items,paid\na,never,\(long),3,1\n")
        let letter = try #require(batch.deadLetters.first)
        #expect(batch.deadLetters.count == 1)
        #expect(letter.faults.map(\.field) == ["at", "amount"])
        #expect(letter.faults[1].value == String(repeating: "é", count: 100) + "…")
    }

    @Test("a header with an unknown or without a required column is refused with the nearest name")
    func headers() throws {
        let parser = try ContractParser(orders)
        func message(_ header: [String], ignoring: Bool = false) -> String {
            do throws(IngestionError) {
                return "\(try parser.columns(of: header, ignoringUnknown: ignoring).cells)"
            } catch { return "\(error)" }
        }
        #expect(
            message(["id", "at", "amuont"])
                == "stream 'orders' has no field 'amuont'\n hint: did you mean 'amount'?")
        #expect(
            message(["id", "at"])
                == "field 'amount' of stream 'orders' is required, and no column has its name\n hint: the header names: id, at"
        )
        #expect(message(["id", "at", "amount", "colour"]).hasPrefix("stream 'orders' has no field 'colour'"))
        #expect(
            message(["amount", "colour", "at", "id"], ignoring: true)
                == "[Optional(3), Optional(2), Optional(0), nil, nil]")
    }

    @Test("lines of JSON become the same columns")
    func lines() throws {
        let batch = try parseLines(
            """
            {"id":"a","at":"2018-07-25T06:00:00Z","amount":1.5,"items":3,"paid":true}
            {"amount":-2e3,"at":"2018-07-25 06:00:00","id":"b\\u00e9\\n"}
            {"id":"NA","at":"2018-07-25","amount":7,"items":"NA","paid":null}
            """)
        #expect(batch.deadLetters.isEmpty)
        #expect(
            values(batch) == [
                [.string("a"), moment("2018-07-25T06:00:00Z"), .float64(1.5), .int64(3), .bool(true)],
                [.string("bé\n"), moment("2018-07-25T04:00:00Z"), .float64(-2_000), .missing, .missing],
                [.string("NA"), moment("2018-07-24T22:00:00Z"), .float64(7), .missing, .missing],
            ])
    }

    static let jsonFaults: [(String, DeadLetter.Reason, String?)] = [
        (#"{"id":"a","at":"2018-07-25","amount":"1.5"}"#, .wrongType, "amount"),
        (#"{"id":7,"at":"2018-07-25","amount":1}"#, .wrongType, "id"),
        (#"{"id":"a","at":"2018-07-25","amount":1,"items":1.0}"#, .wrongType, "items"),
        (#"{"id":"a","at":"2018-07-25","amount":1,"items":[1]}"#, .wrongType, "items"),
        (#"{"id":"a","at":"2018-07-25","amount":1,"paid":"true"}"#, .wrongType, "paid"),
        (#"{"id":"a","at":1532498400,"amount":1}"#, .badTime, "at"),
        (#"{"id":"a","at":"2018-07-25"}"#, .missingField, "amount"),
        (#"{"id":null,"at":"2018-07-25","amount":1}"#, .missingField, "id"),
        (#"{"id":"a","at":"2018-07-25","amount":1,"colour":{"r":[1]}}"#, .unknownField, "colour"),
        (#"{"id":"a","at":"2018-07-25","amount":1,"id":"b"}"#, .malformedJSON, "id"),
        (#"{"id":"a","at":"2018-07-25","amount":1"#, .malformedJSON, nil),
        (#"{"id":"a","at":"2018-07-25","amount":01}"#, .malformedJSON, nil),
        (#"{"id":"a"} {"id":"b"}"#, .malformedJSON, nil),
        (#"[{"id":"a"}]"#, .malformedJSON, nil), ("7", .malformedJSON, nil), ("hello", .malformedJSON, nil),
    ]

    @Test(
        "a line that breaks the contract is a dead letter, and its neighbours are kept", arguments: jsonFaults
    )
    func brokenLines(line: String, reason: DeadLetter.Reason, field: String?) throws {
        let good = #"{"id":"a","at":"2018-07-25","amount":1}"#
        let batch = try parseLines("\(good)\n\(line)\n\(good)")
        #expect(batch.frame.rowCount == 2)
        let letter = try #require(batch.deadLetters.first)
        #expect(batch.deadLetters.count == 1)
        #expect(letter.reason == reason, "\(letter.message)")
        #expect(letter.field == field)
        #expect(letter.place == .line(2))
        #expect(letter.raw == Array(line.utf8))
    }

    @Test("bytes that are not UTF-8 are named so in a line of JSON")
    func lineUTF8() throws {
        let parser = try ContractParser(orders)
        var reader = LineReader()
        reader.append(Array(#"{"id":""#.utf8) + [0xFF] + Array("\"}\n".utf8))
        let batch = parser.parse(reader.nextLines(limit: 10))
        #expect(batch.deadLetters.map(\.reason) == [.malformedUTF8])
    }

    @Test("a body is one array or one object; a broken item is a dead letter, a broken body is refused")
    func bodies() throws {
        let parser = try ContractParser(orders)
        let good = #"{"id":"a","at":"2018-07-25","amount":1}"#
        func parse(_ body: String, limit: Int = 10) throws(IngestionError) -> ContractRows {
            try parser.parse(jsonBody: Array(body.utf8), itemLimit: limit)
        }
        let batch = try parse("[\(good), {\"x\": 1}, 5, [1], \(good)]")
        #expect(batch.frame.rowCount == 2)
        #expect(batch.deadLetters.map(\.place) == [.item(2), .item(3), .item(4)])
        #expect(
            batch.deadLetters.map { String(decoding: $0.raw, as: UTF8.self) } == ["{\"x\": 1}", "5", "[1]"])
        #expect(try parse(good).frame.rowCount == 1)
        #expect(try parse("[]").frame.rowCount == 0)
        for body in ["", "[\(good)", "[\(good),]", "7", "\(good)\(good)"] {
            #expect(throws: IngestionError.self, "\(body)") { try parse(body) }
        }
        #expect(throws: IngestionError.self) { try parse("[\(good),\(good)]", limit: 1) }
    }

    @Test("declared repairs are made, counted and marked; the original row is kept")
    func repairs() throws {
        var contract = orders
        contract.fields[0].clean = [.trim]
        contract.fields[2].clean = [
            .trim, .map(["free": "0", "none": ""]), .clamp(low: 0, high: 100), .fill(.float64(9)),
        ]
        contract.fields[3].clean = [.clamp(low: 1, high: nil)]
        let batch = try parseCSV(
            """
            id,at,amount,items,paid
             a ,2018-07-25, free ,0,1
            b,2018-07-25,none,5,1
            c,2018-07-25,-5,NA,1
            d,2018-07-25,50,2,1
            e,2018-07-25,1e5,2,1
            f,2018-07-25,,2,1
            g,2018-07-25,rubbish,2,1
            """, contract)
        #expect(values(batch).map { $0[0] } == ["a", "b", "c", "d", "e", "f"].map { .string($0) })
        #expect(values(batch).map { $0[2] } == [0, 9, 0, 50, 100, 9].map { .float64($0) })
        #expect(
            values(batch).map { $0[3] } == [.int64(1), .int64(5), .missing, .int64(2), .int64(2), .int64(2)])
        #expect((0..<6).map { batch.isRepaired($0) } == [true, true, true, false, true, true])
        #expect(String(decoding: batch.raw(0), as: UTF8.self) == " a ,2018-07-25, free ,0,1")
        #expect(batch.repairs.map(\.count) == [1, 1, 2, 2, 2, 1])
        #expect(batch.deadLetters.map(\.value) == ["rubbish"])
    }

    @Test(
        "numbers are times in the field's unit",
        arguments: [
            (TimeUnit.seconds, "1532498400", "2018-07-25T06:00:00Z"),
            (.seconds, "1532498400.25", "2018-07-25T06:00:00.250000Z"),
            (.milliseconds, "1532498400001", "2018-07-25T06:00:00.001000Z"),
            (.microseconds, "1532498400000001", "2018-07-25T06:00:00.000001Z"),
            (.nanoseconds, "1532498400000001999", "2018-07-25T06:00:00.000001Z"),
            (.seconds, "-1", "1969-12-31T23:59:59Z"),
            (.nanoseconds, "-1", "1969-12-31T23:59:59.999999Z"),
            (.seconds, "1.000001", "1970-01-01T00:00:01.000001Z"),
            (.milliseconds, "1.0009", "1970-01-01T00:00:00.001000Z"), (.seconds, "9223372036855", "refused"),
            (.seconds, "1e30", "refused"),
            (.seconds, "2018-07-25T06:00:00Z", "2018-07-25T06:00:00Z"), (.seconds, "12x", "refused"),
        ])
    func timeUnits(unit: TimeUnit, text: String, expected: String) throws {
        var contract = orders
        contract.fields[1].timeUnit = unit
        let batch = try parseCSV("id,at,amount\na,\(text),1\n", contract)
        #expect((batch.frame.rowCount == 1 ? values(batch)[0][1].description : "refused") == expected)
    }

    @Test(
        "texts that are no time are refused",
        arguments: [
            "2018-7-25", "2018-07-25T", "2018-07-25T06", "2018-07-25T06:00", "2018-07-25T06:00:00.",
            "2018-07-25T06:00:00.1234567891Z",
            "2018-07-25T06:00:00+0200", "2018-07-25T06:00:00+24:00", "2018-07-25T06:00:00Zx",
            "2018-07-25T24:00:00Z", "2018-13-01",
            "2018-07-25T06:00:60Z", "2018-07-25T06:00:00 Z", "25/07/2018 06:00", "20180725",
            "2018-07-25T06:00:00+02:0", "٢٠١٨-07-25",
        ])
    func badTimes(text: String) {
        #expect(Array(text.utf8).withUnsafeBytes { TypedText.time($0) } == nil)
    }

    @Test("a check's mask splits the frame; a missing result passes where asked")
    func splitting() throws {
        let batch = try parseCSV("id,at,amount\na,2018-07-25,1\nb,x,1\nc,2018-07-25,-1\nd,2018-07-25,2\n")
        let mask = Column([.bool(true), .bool(false), .missing], type: .bool)
        let fault = DeadLetter.Fault(.outOfRange, field: "amount", message: "amount >= 0.0")
        let split = batch.splitting(by: mask) { _ in fault }
        #expect(values(split).map { $0[0] } == [.string("a"), .string("d")])
        #expect(split.deadLetters.map(\.reason) == [.badTime, .outOfRange])
        #expect(split.deadLetters.map(\.place) == [.line(3), .line(4)])
        #expect(split.deadLetters[1].raw == Array("c,2018-07-25,-1".utf8))
        #expect(split.place(1) == .line(5))
        #expect(batch.splitting(by: mask, missingPasses: false) { _ in fault }.frame.rowCount == 1)
    }

    /// Rows of a table and of lines, with cells that need unescaping, values that are wrong and rows that cannot be split.
    private static func mixed(_ count: Int) -> (table: String, lines: String) {
        var (table, lines) = ("id,at,amount\n", "")
        for row in 0..<count {
            table += row % 5 == 4 ? "a,b\n" : "\"i\"\"\(row)\",2018-07-25,\(row % 3 == 2 ? "x" : "\(row)")\n"
            lines += row % 5 == 4 ? "{\n" : "{\"id\":\"i\\n\(row)\",\"at\":\"2018-07-25\",\"amount\":\(row % 3 == 2 ? "\"x\"" : "\(row)")}\n"
        }
        return (table, lines)
    }

    @Test("rows that are split into parts are the same rows", arguments: [0, 1, 2, 3, 40], [1, 2, 3, 7])
    func parts(rows count: Int, parts: Int) throws {
        let parser = try ContractParser(orders)
        let (table, text) = Self.mixed(count)
        var csv = CSVReader()
        csv.append(Array(table.utf8))
        csv.finish()
        let rows = try #require(try csv.nextRows(limit: 1_000))
        let columns = try parser.columns(of: ["id", "at", "amount"])
        try expectSame(rows.split(into: parts).map { parser.parse($0, columns: columns) }, parser.parse(rows, columns: columns))
        var reader = LineReader()
        reader.append(Array(text.utf8))
        reader.finish()
        let lines = reader.nextLines(limit: 1_000)
        try expectSame(lines.split(into: parts).map { parser.parse($0) }, parser.parse(lines))
    }

    private func expectSame(_ parts: [ContractRows], _ whole: ContractRows) throws {
        #expect(parts.flatMap(values) == values(whole))
        var letters = parts.flatMap(\.deadLetters)
        letters.sort { DeadLetter.Place.precedes($0.place, $1.place) }
        #expect(letters == whole.deadLetters)
        let places = parts.flatMap { part in (0..<part.frame.rowCount).map { part.place($0) } }
        #expect(places == (0..<whole.frame.rowCount).map { whole.place($0) })
        let raw = parts.flatMap { part in (0..<part.frame.rowCount).map { Array(part.raw($0)) } }
        #expect(raw == (0..<whole.frame.rowCount).map { Array(whole.raw($0)) })
    }

    @Test("a text beyond the limit is oversized")
    func oversizedValue() throws {
        let parser = try ContractParser(orders, limits: .init(textBytes: 10))
        var reader = CSVReader()
        reader.append(Array("id,at,amount\n01234567890,2018-07-25,1\n0123456789,2018-07-25,1\n".utf8))
        reader.finish()
        let rows = try #require(try reader.nextRows(limit: 10))
        let batch = parser.parse(rows, columns: try parser.columns(of: ["id", "at", "amount"]))
        #expect(batch.frame.rowCount == 1)
        #expect(batch.deadLetters.map(\.reason) == [.oversized])
    }

    @Test("a contract that contradicts itself is refused")
    func badContracts() {
        func isRefused(_ change: (inout StreamContract) -> Void) -> Bool {
            var contract = orders
            change(&contract)
            do throws(IngestionError) {
                _ = try ContractParser(contract)
                return false
            } catch { return error.code == .badContract }
        }
        #expect(!isRefused { _ in })
        #expect(isRefused { $0.eventTime = "when" })
        #expect(isRefused { $0.eventTime = "id" })
        #expect(isRefused { $0.fields[1].isOptional = true })
        #expect(isRefused { $0.fields.append(ContractField("id", .bool)) })
        #expect(isRefused { $0.fields[2].clean = [.fill(.int64(1))] })
        #expect(isRefused { $0.fields[2].clean = [.clamp(low: 2, high: 1)] })
        #expect(isRefused { $0.fields[3].clean = [.clamp(low: 0.5, high: nil)] })
        #expect(isRefused { $0.fields[0].clean = [.clamp(low: 0, high: nil)] })
    }
}
