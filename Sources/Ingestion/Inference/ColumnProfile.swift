internal import MartletBytes
internal import MartletFrames

/// A sample's column by its distinct texts: what they are is looked at once each, not once a row.
struct ColumnProfile {
    let name: String
    /// Of each row the number of its text; −1 where missing.
    private(set) var codes: [Int] = []
    /// The distinct texts in order of appearance.
    private(set) var texts: [String] = []
    private(set) var counts: [Int] = []
    /// Of each distinct text its number, for numbers, times (microseconds) and bools; NaN where it is none.
    private(set) var numbers: [Double] = []
    private(set) var inferred: InferredColumn

    /// Texts that mean missing in many files. They are declared in what is inferred, never applied silently.
    private static let markers: Set<String> = [
        "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "null", "NULL", "None", "?", "\\N", "-",
    ]

    init(_ name: String, _ column: Column, isQuoted: Bool, isComplete: Bool) {
        self.name = name
        var index: [String: Int] = [:]
        var (codes, texts, counts): ([Int], [String], [Int]) = ([], [], [])
        if case .string(let strings) = column.storage {
            for row in 0..<column.count {
                if column.isMissing(row) {
                    codes.append(-1)
                    continue
                }
                let text = strings[row]
                if let code = index[text] {
                    codes.append(code)
                    counts[code] += 1
                } else {
                    index[text] = texts.count
                    codes.append(texts.count)
                    texts.append(text)
                    counts.append(1)
                }
            }
        }
        (self.codes, self.texts, self.counts) = (codes, texts, counts)
        let missingTexts = texts.filter(Self.markers.contains)
        let present = texts.indices.filter { !Self.markers.contains(texts[$0]) }
        let guess = TypeGuess(texts, counts, present, name: name, isQuoted: isQuoted, isComplete: isComplete)
        numbers = guess.numbers
        let missing =
            codes.reduce(0) { $0 + ($1 < 0 ? 1 : 0) } + missingTexts.reduce(0) { $0 + counts[index[$1] ?? 0] }
        inferred = InferredColumn(
            name: name, type: guess.type, typeFinding: guess.finding, timeUnit: guess.timeUnit,
            hasZone: guess.hasZone,
            missingShare: codes.isEmpty ? 0 : Double(missing) / Double(codes.count),
            missingTexts: missingTexts,
            distinctCount: present.count, minimum: nil, maximum: nil,
            examples: present.prefix(5).map { texts[$0] })
        // A marker is a missing row from here on.
        if !missingTexts.isEmpty {
            let marked = Set(missingTexts.compactMap { index[$0] })
            for row in codes.indices where marked.contains(codes[row]) { self.codes[row] = -1 }
        }
        setExtremes(present)
    }

    private mutating func setExtremes(_ present: [Int]) {
        if inferred.type == .string {
            let ordered = present.map { texts[$0] }
            inferred.minimum = ordered.min().map { .string($0) }
            inferred.maximum = ordered.max().map { .string($0) }
            return
        }
        let values = present.map { numbers[$0] }.filter { !$0.isNaN }
        guard let low = values.min(), let high = values.max() else { return }
        func value(_ number: Double) -> Value {
            switch inferred.type {
            case .bool: .bool(number == 1)
            case .int64: .int64(FieldReader.integer(number) ?? (number < 0 ? .min : .max))
            case .timestamp: .timestamp(Timestamp(microseconds: FieldReader.integer(number) ?? 0))
            default: .float64(number)
            }
        }
        inferred.minimum = value(low)
        inferred.maximum = value(high)
    }

    var rowCount: Int { codes.count }
    var distinctCount: Int { inferred.distinctCount }
    var presentCount: Int { codes.reduce(0) { $0 + ($1 < 0 ? 0 : 1) } }

    /// The number of a row; NaN where it has none.
    func number(_ row: Int) -> Double { codes[row] < 0 ? .nan : numbers[codes[row]] }

    /// Whether values never fall from row to row; missing ones are passed over.
    var isAscending: Bool {
        var last = -Double.infinity
        for row in codes.indices {
            let value = number(row)
            if value.isNaN { continue }
            if value < last { return false }
            last = value
        }
        return true
    }

    /// Of two values the one that is asked about.
    var positive: String? {
        guard distinctCount == 2 else { return nil }
        let present = texts.indices.filter { !inferred.missingTexts.contains(texts[$0]) }
        if inferred.type == .bool { return present.first { numbers[$0] == 1 }.map { texts[$0] } }
        return present.min { counts[$0] < counts[$1] }.map { texts[$0] }
    }
}

/// The type that a column's texts have.
private struct TypeGuess {
    var type = ValueType.string
    var finding = Finding(0.9, "its values are texts")
    var timeUnit: TimeUnit?
    var hasZone = false
    var numbers: [Double]

    /// Above this share of fitting values the others are taken for mistakes in the data.
    private static let enough = 0.995

    init(_ texts: [String], _ counts: [Int], _ present: [Int], name: String, isQuoted: Bool, isComplete: Bool)
    {
        numbers = [Double](repeating: .nan, count: texts.count)
        let total = present.reduce(0) { $0 + counts[$1] }
        guard total > 0 else {
            finding = Finding(0.2, "it has no value in the sample, so it is taken for text")
            return
        }
        /// Reads all texts; the share of rows that fit.
        func share(_ read: (UnsafeRawBufferPointer) -> Double?) -> (
            share: Double, values: [Double], misfit: String?
        ) {
            var values = [Double](repeating: .nan, count: texts.count)
            var fitting = 0
            var misfit: String?
            for index in present {
                var text = texts[index]
                if let value = text.withUTF8({ read(UnsafeRawBufferPointer($0)) }) {
                    values[index] = value
                    fitting += counts[index]
                } else if misfit == nil {
                    misfit = texts[index]
                }
            }
            return (Double(fitting) / Double(total), values, misfit)
        }
        let certainty = total < 20 ? 0.6 : 0.95
        func settle(
            _ type: ValueType, _ result: (share: Double, values: [Double], misfit: String?), _ what: String
        ) {
            self.type = type
            numbers = result.values
            finding =
                result.misfit.map {
                    Finding(
                        0.8 * result.share,
                        "nearly all of its values are \(what); '\($0.prefix(40))' is not, and such rows will be dead letters"
                    )
                } ?? Finding(certainty, "all of its values are \(what)")
        }
        var zoned = 0
        let times = share { bytes in
            switch TypedText.time(bytes) {
            case .moment(let moment)?:
                zoned += 1
                return Double(moment.microseconds)
            case .civil(let date)?: return date.timestamp.map { Double($0.microseconds) }
            case nil: return nil
            }
        }
        if times.share >= Self.enough {
            hasZone = zoned > 0
            settle(.timestamp, times, hasZone ? "times with a zone" : "times without a zone")
            return
        }
        let bools = share { bytes in TypedText.bool(bytes).map { $0 ? 1 : 0 } }
        if bools.share == 1 {
            let isDigits = present.allSatisfy { texts[$0] == "0" || texts[$0] == "1" }
            // A contract takes no quoted JSON text for a bool, and only zeros may be a count that was never more.
            if !isQuoted, !isDigits || present.count == 2 {
                settle(.bool, bools, isDigits ? "0 or 1" : "true or false, yes or no")
                if isDigits { finding.confidence = isComplete ? 0.9 : 0.7 }
                return
            }
        }
        if isQuoted { return }
        // Codes such as 007 lose their zeros as numbers.
        let coded = present.first { index in
            let utf8 = texts[index].utf8
            return utf8.count > 1 && utf8.first == UInt8(ascii: "0") && utf8.allSatisfy { 0x30...0x39 ~= $0 }
        }
        if let coded {
            finding = Finding(
                0.8,
                "its values have leading zeros, such as '\(texts[coded].prefix(40))', so they are codes, not numbers"
            )
            return
        }
        let integers = share { TypedText.int64($0).map { Double($0) } }
        let doubles = share { TypedText.float64($0) }
        if integers.share == 1 || integers.share >= Self.enough && doubles.share == integers.share {
            settle(.int64, integers, "whole numbers")
            readAsTimes(present, name: name)
        } else if doubles.share >= Self.enough {
            settle(.float64, doubles, "numbers")
            readAsTimes(present, name: name)
        }
    }

    /// Takes numbers for times if the name says so and they lie in our age, or count up from zero.
    private mutating func readAsTimes(_ present: [Int], name: String) {
        let values = present.map { numbers[$0] }.filter { !$0.isNaN }
        guard let low = values.min(), let high = values.max(), values.count > 1, NameHints.isTime(name) else {
            return
        }
        // 1990 to 2100.
        for (unit, scale) in [
            (TimeUnit.seconds, 1.0), (.milliseconds, 1e3), (.microseconds, 1e6), (.nanoseconds, 1e9),
        ] {
            guard low >= 631_152_000 * scale, high <= 4_102_444_800 * scale else { continue }
            become(unit, Finding(0.9, "its name says time, and its numbers are \(unit.rawValue) since 1970"))
            return
        }
        if NameHints.isExactlyTime(name), low >= 0, high < 631_152_000 {
            become(
                .seconds,
                Finding(
                    0.5,
                    "its name says time, and its numbers start near 0: they are read as seconds from a first moment, which shows as 1970"
                ))
        }
    }

    private mutating func become(_ unit: TimeUnit, _ finding: Finding) {
        type = .timestamp
        timeUnit = unit
        let factor = unit == .nanoseconds ? 1e-3 : Double(unit.microseconds)
        // Whole microseconds; values lie in our age, so they are far within 64 bits.
        numbers = numbers.map { $0.isNaN ? $0 : Double(Int64($0 * factor)) }
        self.finding = finding
    }
}
