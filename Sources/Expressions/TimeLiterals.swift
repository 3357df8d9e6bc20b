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
