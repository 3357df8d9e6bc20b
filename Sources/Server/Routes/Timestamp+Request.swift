package import MartletFrames

extension Timestamp {
    /// Reads RFC 3339, as JSON bodies and queries carry it: `2026-01-31T12:00:00Z`, up to six decimals, `Z` or `+hh:mm`.
    package init?(request text: String) {
        let bytes = Array(text.utf8)
        guard (20...32).contains(bytes.count), bytes[4] == 0x2D, bytes[7] == 0x2D, bytes[10] == 0x54, bytes[13] == 0x3A,
            bytes[16] == 0x3A, let year = Self.number(bytes[0..<4]), let month = Self.number(bytes[5..<7]),
            let day = Self.number(bytes[8..<10]), let hour = Self.number(bytes[11..<13]), let minute = Self.number(bytes[14..<16]),
            let second = Self.number(bytes[17..<19])
        else { return nil }
        var rest = bytes[19...]
        var microsecond = 0
        if rest.first == 0x2E {
            let decimals = rest.dropFirst().prefix { (48...57).contains($0) }
            guard (1...6).contains(decimals.count), let value = Self.number(decimals) else { return nil }
            microsecond = (decimals.count..<6).reduce(value) { scaled, _ in scaled * 10 }
            rest = rest[decimals.endIndex...]
        }
        let date = CivilDate(
            year: year, month: month, day: day, hour: hour, minute: minute, second: second, microsecond: microsecond)
        guard let local = date.timestamp, let offset = Self.offsetSeconds(Array(rest)) else { return nil }
        self = local - .seconds(offset)
    }

    private static func offsetSeconds(_ bytes: [UInt8]) -> Int64? {
        if bytes == [0x5A] { return 0 }
        guard bytes.count == 6, bytes[0] == 0x2B || bytes[0] == 0x2D, bytes[3] == 0x3A, let hours = number(bytes[1..<3]),
            let minutes = number(bytes[4..<6]), hours < 24, minutes < 60
        else { return nil }
        let seconds = Int64(hours * 3_600 + minutes * 60)
        return bytes[0] == 0x2D ? -seconds : seconds
    }

    private static func number(_ digits: ArraySlice<UInt8>) -> Int? {
        var value = 0
        for digit in digits {
            guard (48...57).contains(digit) else { return nil }
            value = value * 10 + Int(digit - 48)
        }
        return value
    }
}
