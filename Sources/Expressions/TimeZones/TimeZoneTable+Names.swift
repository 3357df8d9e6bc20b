extension TimeZoneTable {
    /// What is wrong with a zone's name.
    public struct UnknownName: Error, Hashable, Sendable {
        /// What was asked for.
        public var message: String
        /// The nearest name, or what names look like.
        public var hint: String
    }

    /// The release of the IANA time zone database that is compiled in.
    public static let databaseVersion = timeZoneDataVersion

    /// The zone of an IANA name, such as `Europe/Brussels`, with links (`US/Eastern`) resolved; or of a fixed offset, `+02:00`.
    ///
    /// - Throws: ``UnknownName`` with the nearest name that is known.
    /// - Complexity: O(size of the compiled database, about 100 KB): call it when compiling, not a row.
    public static func named(_ name: String) throws(UnknownName) -> TimeZoneTable {
        if name == "UTC" { return .utc }
        if let offset = fixedOffset(name) { return TimeZoneTable(name: name, initialOffset: offset) }
        if let line = line(of: name), let table = TimeZoneTable(name: name, line: line) { return table }
        let nearest = nearestMatch(to: name, among: allNames)
        throw UnknownName(
            message: "no time zone is named '\(name)'",
            hint: nearest.map { "did you mean '\($0)'?" } ?? "zones have IANA names such as 'Europe/Brussels', or are written '+02:00'")
    }

    /// Every name that ``named(_:)`` knows, in the database's order, besides fixed offsets.
    public static var allNames: [String] {
        timeZoneData.utf8.split(separator: UInt8(ascii: "\n")).map { line in
            String(decoding: line.prefix { $0 != UInt8(ascii: "=") && $0 != UInt8(ascii: "|") }, as: UTF8.self)
        }
    }

    /// The fields of a zone's line; a link is followed once, since every link names a zone.
    private static func line(of name: String, following: Bool = true) -> [ArraySlice<UInt8>]? {
        guard let rest = entry(of: Array(name.utf8)), let mark = rest.first else { return nil }
        if mark == UInt8(ascii: "|") {
            return rest.dropFirst().split(separator: UInt8(ascii: "|"), omittingEmptySubsequences: false).map { $0 }
        }
        return following ? line(of: String(decoding: rest.dropFirst(), as: UTF8.self), following: false) : nil
    }

    /// What stands behind a name in its line, from the `|` or `=` on.
    private static func entry(of name: [UInt8]) -> ArraySlice<UInt8>? {
        var data = timeZoneData
        // One pass over contiguous bytes; splitting the text into lines first is many times slower.
        return data.withUTF8 { bytes in
            var start = 0
            while start < bytes.count {
                var end = start
                while end < bytes.count, bytes[end] != UInt8(ascii: "\n") { end += 1 }
                let mark = start + name.count
                if mark < end, bytes[mark] == UInt8(ascii: "|") || bytes[mark] == UInt8(ascii: "="),
                    bytes[start..<mark].elementsEqual(name)
                {
                    return Array(bytes[mark..<end])[...]
                }
                start = end + 1
            }
            return nil
        }
    }

    /// Decodes `offsets|transitions|rule`: offsets in seconds, the first of them initial, joined by commas; a transition
    /// is the letter of its offset and the seconds since the one before (since 1970), in base 36.
    private init?(name: String, line: [ArraySlice<UInt8>]) {
        guard line.count == 3 else { return nil }
        let known = line[0].split(separator: UInt8(ascii: ",")).compactMap { Int(String(decoding: $0, as: UTF8.self)) }
        guard let initial = known.first else { return nil }
        var transitions: [Int64] = []
        var offsets: [Int] = []
        var second: Int64 = 0
        var isStarted = false
        var delta: Int64 = 0
        for byte in line[1] {
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"):
                if isStarted {
                    second += delta
                    transitions.append(second)
                }
                guard known.indices.contains(Int(byte) - 65) else { return nil }
                offsets.append(known[Int(byte) - 65])
                isStarted = true
                delta = 0
            case UInt8(ascii: "0")...UInt8(ascii: "9"): delta = delta * 36 + Int64(byte) - 48
            case UInt8(ascii: "a")...UInt8(ascii: "z"): delta = delta * 36 + Int64(byte) - 87
            default: return nil
            }
        }
        if isStarted { transitions.append(second + delta) }
        let rule = String(decoding: line[2], as: UTF8.self)
        self.init(
            name: name, initialOffset: initial, transitions: transitions, offsets: offsets,
            rule: rule.isEmpty ? nil : TimeZoneRule(posix: rule))
    }
}
