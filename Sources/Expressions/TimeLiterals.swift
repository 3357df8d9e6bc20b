package import MartletFrames

extension Timestamp {
    /// Reads `2018-07-25T06:00:00Z`, with up to six decimals and `Z` or an offset; nil for anything else.
    package init?(rfc3339 text: String) {
        let bytes = Array(text.utf8)
        guard bytes.count >= 20, bytes.count <= 40, bytes[4] == UInt8(ascii: "-"), bytes[7] == UInt8(ascii: "-"),
            bytes[10] == UInt8(ascii: "T") || bytes[10] == UInt8(ascii: "t"), bytes[13] == UInt8(ascii: ":"),
            bytes[16] == UInt8(ascii: ":"), let year = digits(bytes[0..<4]), let month = digits(bytes[5..<7]),
            let day = digits(bytes[8..<10]), let hour = digits(bytes[11..<13]), let minute = digits(bytes[14..<16]),
            let second = digits(bytes[17..<19])
        else { return nil }
        var rest = bytes[19...]
        var microsecond = 0
        if rest.first == UInt8(ascii: ".") {
            let decimals = rest.dropFirst().prefix { (48...57).contains($0) }
            guard (1...6).contains(decimals.count), let value = digits(decimals) else { return nil }
            microsecond = value
            for _ in decimals.count..<6 { microsecond *= 10 }
            rest = rest[decimals.endIndex...]
        }
        let date = CivilDate(
            year: year, month: month, day: day, hour: hour, minute: minute, second: second, microsecond: microsecond)
        guard let local = date.timestamp else { return nil }
        if rest.elementsEqual("Z".utf8) || rest.elementsEqual("z".utf8) {
            self = local
            return
        }
        guard let offset = TimeZoneTable.fixedOffset(String(decoding: rest, as: UTF8.self)) else { return nil }
        self.init(microseconds: local.microseconds - Int64(offset) * 1_000_000)
        // So that its own description can be read again.
        guard (0...9_999).contains(CivilDate(self).year) else { return nil }
    }
}

extension Timestamp {
    /// Reads `YYYY-MM-DD`, then at will a space or `T` and `HH:MM:SS`, then at will `Z` or `±HH:MM`; without one the zone counts.
    package init?(date text: String, in zone: TimeZoneTable) {
        let bytes = Array(text.utf8)
        func number(_ start: Int, _ count: Int) -> Int? {
            start + count <= bytes.count ? digits(bytes[start..<(start + count)]) : nil
        }
        func has(_ byte: Unicode.Scalar, at index: Int) -> Bool { index < bytes.count && bytes[index] == UInt8(ascii: byte) }
        guard let year = number(0, 4), has("-", at: 4), let month = number(5, 2), has("-", at: 7), let day = number(8, 2) else {
            return nil
        }
        let moment: Timestamp?
        if bytes.count == 10 {
            moment = zone.timestamp(of: CivilDate(year: year, month: month, day: day))
        } else {
            guard has(" ", at: 10) || has("T", at: 10), let hour = number(11, 2), has(":", at: 13), let minute = number(14, 2),
                has(":", at: 16), let second = number(17, 2)
            else { return nil }
            let date = CivilDate(year: year, month: month, day: day, hour: hour, minute: minute, second: second)
            if bytes.count == 19 {
                moment = zone.timestamp(of: date)
            } else if bytes.count == 20, has("Z", at: 19) {
                moment = date.timestamp
            } else {
                guard bytes.count == 25, has("+", at: 19) || has("-", at: 19), let hours = number(20, 2), has(":", at: 22),
                    let minutes = number(23, 2), hours < 24, minutes < 60
                else { return nil }
                let offset = Span(microseconds: Int64(hours * 60 + minutes) * 60_000_000 * (has("+", at: 19) ? 1 : -1))
                moment = date.timestamp.map { $0 - offset }
            }
        }
        guard let moment else { return nil }
        self = moment
    }
}

extension Timestamp.Span {
    /// Reads what `init(_:)` reads, with a minus sign before it where it is negative.
    init?(signed text: String) {
        if text.utf8.first == UInt8(ascii: "-") {
            guard let positive = Timestamp.Span(String(text.dropFirst())) else { return nil }
            self.init(microseconds: -positive.microseconds)
        } else {
            self.init(text)
        }
    }
}

/// A whole number of ASCII digits only; nil for anything else, or more than 18 of them.
func digits(_ bytes: some Collection<UInt8>) -> Int? {
    guard !bytes.isEmpty, bytes.count <= 18 else { return nil }
    var value = 0
    for byte in bytes {
        guard (48...57).contains(byte) else { return nil }
        value = value * 10 + Int(byte) - 48
    }
    return value
}
