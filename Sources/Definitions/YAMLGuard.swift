/// Refuses texts that would cost the YAML library more than their size, before it reads them.
///
/// The library composes recursively and expands aliases by value: nesting is bounded by its stack, and an alias inside a
/// key is hashed in full. This scan is coarse and errs on the side of refusal; ordinary project files are far from it.
struct YAMLGuard {
    let limits: DefinitionLimits

    func refusal(of text: String, file: String) -> DefinitionError? {
        var anchors: Set<String> = []
        var aliases: [(name: String, place: SourcePlace)] = []
        var line = 1
        var column = 0
        var openBrackets = 0
        var leading = 0
        var isLeading = true
        var previous: UInt8 = 10
        let bytes = Array(text.utf8)
        for (index, byte) in bytes.enumerated() {
            if byte & 0xC0 != 0x80 { column += 1 }
            switch byte {
            case 10, 13:
                if byte == 10 { line += 1 }
                column = 0
                leading = 0
                isLeading = true
            case UInt8(ascii: " "), UInt8(ascii: "-"), UInt8(ascii: "?"), UInt8(ascii: ":"), 9:
                if isLeading { leading += 1 }
            default:
                isLeading = false
            }
            if byte == UInt8(ascii: "[") || byte == UInt8(ascii: "{") { openBrackets += 1 }
            if byte == UInt8(ascii: "]") || byte == UInt8(ascii: "}"), openBrackets > 0 { openBrackets -= 1 }
            let place = SourcePlace(file: file, line: line, column: max(1, column))
            // An indent of n columns holds at most n block lists or maps.
            if openBrackets > 100 || leading > 200 {
                return DefinitionError(.tooLarge, at: place, "lists and maps are nested more than \(limits.depth) deep")
            }
            if byte == UInt8(ascii: "&"), previous != byte {
                let name = name(in: bytes, from: index + 1)
                if !name.isEmpty { anchors.insert(name) }
            }
            if byte == UInt8(ascii: "*"), YAMLGuard.tokenStarts.contains(previous) {
                let name = name(in: bytes, from: index + 1)
                if !name.isEmpty { aliases.append((name, place)) }
            }
            previous = byte
        }
        for alias in aliases where anchors.contains(alias.name) {
            return DefinitionError(
                .syntax, at: alias.place, "aliases (*\(alias.name.shortened(to: 40))) are not read in project files",
                hint: "write the value out")
        }
        return nil
    }

    /// The bytes after which the library can see a new token.
    private static let tokenStarts: Set<UInt8> = Set(" \t\n\r[{,:?-\"'".utf8)

    private func name(in bytes: [UInt8], from start: Int) -> String {
        var end = start
        while end < bytes.count, isNameByte(bytes[end]) { end += 1 }
        return String(decoding: bytes[start..<end], as: UTF8.self)
    }

    private func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"), 0x80...:
            true
        default: false
        }
    }
}
