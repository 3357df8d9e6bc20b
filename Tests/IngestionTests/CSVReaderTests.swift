@testable import MartletIngestion
import Testing

/// Feeds a text in chunks of a size, and collects cells and dead letters.
func readCSV(
    _ text: [UInt8], chunk: Int = .max, limit: Int = 100, delimiter: UInt8 = 0x2C,
    limits: CSVReader.Limits = .init()
) throws -> (header: [String], rows: [[String]], rejected: [DeadLetter], lines: [DeadLetter.Place]) {
    var reader = CSVReader(delimiter: delimiter, limits: limits)
    var rows: [[String]] = []
    var rejected: [DeadLetter] = []
    var lines: [DeadLetter.Place] = []
    var start = 0
    func drain() throws {
        while let batch = try reader.nextRows(limit: limit), !batch.isEmpty {
            #expect(batch.count + batch.rejected.count <= limit)
            for row in 0..<batch.count {
                rows.append((0..<batch.width).map { batch[row, $0] })
                lines.append(batch.place(row))
            }
            rejected += batch.rejected
        }
    }
    while start < text.count {
        let end = min(text.count, start + min(chunk, text.count))
        reader.append(Array(text[start..<end]))
        start = end
        try drain()
    }
    reader.finish()
    try drain()
    return (reader.header ?? [], rows, rejected, lines)
}

@Suite("CSV") struct CSVReaderTests {
    @Test(
        "quotes, CRLF, embedded line breaks, a byte order mark and blank lines",
        arguments: [1, 2, 3, 7, 1_000], [1, 2, 100])
    func grammar(chunk: Int, limit: Int) throws {
        let text =
            "\u{FEFF}a,\"b \"\"x\"\"\",c\r\n1,\"two\r\nlines\",\"3,\"\r\n\r\n\"\",\"\"\"\",é\n,,\nlast,\"\",end"
        let (header, rows, rejected, lines) = try readCSV(Array(text.utf8), chunk: chunk, limit: limit)
        #expect(header == ["a", "b \"x\"", "c"])
        #expect(
            rows == [["1", "two\r\nlines", "3,"], ["", "\"", "é"], ["", "", ""], ["last", "", "end"]])
        #expect(rejected.isEmpty)
        #expect(lines == [.line(2), .line(5), .line(6), .line(7)])
    }

    @Test(
        "bad rows become dead letters with line and reason, and good rows go on", arguments: [1, 5, 1_000],
        [1, 100])
    func rejection(chunk: Int, limit: Int) throws {
        var text = Array("a,b\n1,2\n3\n4,5,6\n\"open,7\n8,9\n1\"0,11\n\"12\"x,13\n".utf8)
        text += [0x31, 0x00, 0x2C, 0x32, 0x0A]
        text += [0xFF, 0x2C, 0x32, 0x0A]
        text += Array("14,15\n".utf8)
        let (_, rows, rejected, _) = try readCSV(text, chunk: chunk, limit: limit)
        #expect(rows == [["1", "2"], ["8", "9"], ["14", "15"]])
        #expect(rejected.map(\.place) == [3, 4, 5, 7, 8, 9, 10].map { .line($0) })
        #expect(
            rejected.map(\.reason) == [
                .malformedCSV, .malformedCSV, .malformedCSV, .malformedCSV, .malformedCSV, .malformedCSV,
                .malformedUTF8,
            ])
        #expect(rejected[0].message == "the row has 1 cells where the header names 2 columns")
        #expect(rejected[2].raw == Array("\"open,7".utf8))
        #expect(rejected[6].raw == [0xFF, 0x2C, 0x32])
    }

    @Test("a quote that is never closed costs only its own line", arguments: [3, 1_000])
    func unclosedQuote(chunk: Int) throws {
        let (_, rows, rejected, lines) = try readCSV(Array("a,b\n1,2\n3,\"x\n4,5\n6,7\n".utf8), chunk: chunk)
        #expect(rows == [["1", "2"], ["4", "5"], ["6", "7"]])
        #expect(lines == [.line(2), .line(4), .line(5)])
        #expect(rejected.map(\.message) == ["a quoted cell has no closing quote"])
        #expect(rejected.map(\.place) == [.line(3)])
    }

    @Test(
        "a row that is too long is one dead letter, and its quoted lines never become rows",
        arguments: [1, 10, 10_000])
    func oversized(chunk: Int) throws {
        let long =
            "1,\"" + String(repeating: "x", count: 300) + "\n66,77\n\"\"88,99\"\n2,3\n4,"
            + String(repeating: "y", count: 300) + "\n5,6\n"
        let (_, rows, rejected, lines) = try readCSV(
            Array(("a,b\n" + long).utf8), chunk: chunk, limits: .init(rowBytes: 100))
        #expect(rows == [["2", "3"], ["5", "6"]])
        #expect(rejected.map(\.reason) == [.oversized, .oversized])
        #expect(rejected.map(\.place) == [.line(2), .line(6)])
        #expect(rejected.allSatisfy { $0.raw.count == 100 })
        #expect(lines == [.line(5), .line(7)])
    }

    @Test(
        "a header that cannot be used is refused with a reason",
        arguments: [
            ("", "the file has no header: it is empty"),
            ("a,a\n1,2\n", "the header names the column 'a' twice"),
            ("a,\n1,2\n", "column 2 of the header has no name"),
            ("a,\"b\n", "the header on line 1 cannot be read: a quoted cell has no closing quote"),
        ])
    func badHeaders(text: String, message: String) {
        #expect(
            performing: { try readCSV(Array(text.utf8)) },
            throws: { ($0 as? IngestionError)?.message == message })
    }

    @Test(
        "the delimiter is told from the header",
        arguments: [
            ("a,b;c\n", 0x2C), ("a;b;c,d\n", 0x3B), ("a\tb\n", 0x09), ("\"a;;;\",b|c|d\n", 0x7C),
            ("one\n", 0x2C),
        ])
    func delimiters(line: String, delimiter: UInt8) throws {
        #expect(CSVReader.delimiter(ofHeader: line.utf8) == delimiter)
    }

    @Test("chunks never change what is read, whatever the bytes", arguments: UInt64(0)..<300)
    func chunking(seed: UInt64) {
        var state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 1
        func random(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        let alphabet: [UInt8] = Array("aab,,\"\"\n\n\r1".utf8) + [0xC3, 0xA9, 0x00]
        let text = Array("a,b\n".utf8) + (0..<random(120)).map { _ in alphabet[random(alphabet.count)] }
        func outcome(_ chunk: Int, _ limit: Int) -> String {
            guard let result = try? readCSV(text, chunk: chunk, limit: limit, limits: .init(rowBytes: 40))
            else { return "refused" }
            return
                "\(result.rows) \(result.lines) \(result.rejected.map { "\($0.place) \($0.reason) \($0.raw)" })"
        }
        let whole = outcome(.max, 1_000)
        for (chunk, limit) in [(1, 1), (1, 50), (2, 3), (13, 2), (64, 1_000)] {
            let pieces = outcome(chunk, limit)
            #expect(pieces == whole, "seed \(seed), chunk \(chunk), limit \(limit)")
        }
    }
}

@Suite("Lines") struct LineReaderTests {
    @Test("lines come out whole, with their numbers", arguments: [1, 3, 1_000], [1, 100])
    func lines(chunk: Int, limit: Int) {
        var reader = LineReader(lineBytes: 10)
        let text = Array("\u{FEFF}{}\r\n\n  \n[1]\n01234567890\nabc".utf8)
        var found: [String] = []
        var numbers: [Int] = []
        var rejected: [DeadLetter] = []
        func drain() {
            while case let lines = reader.nextLines(limit: limit), !lines.isEmpty {
                for index in 0..<lines.count {
                    found.append(String(decoding: lines[index], as: UTF8.self))
                    numbers.append(lines.numbers[index])
                }
                rejected += lines.rejected
            }
        }
        for start in stride(from: 0, to: text.count, by: chunk) {
            reader.append(Array(text[start..<min(text.count, start + chunk)]))
            drain()
        }
        reader.finish()
        drain()
        #expect(found == ["{}", "[1]", "abc"])
        #expect(numbers == [1, 4, 6])
        #expect(rejected.map(\.place) == [.line(5)])
        #expect(rejected.map(\.reason) == [.oversized])
        #expect(rejected.first?.raw == Array("0123456789".utf8))
    }
}
