import MartletIngestion

extension IngestOptions.Format {
    /// By the ending of a file's name, `.gz` aside; nil if it does not say.
    public init?(fileName: String) {
        var name = fileName.lowercased()
        if name.hasSuffix(".gz") { name.removeLast(3) }
        if name.hasSuffix(".csv") || name.hasSuffix(".tsv") {
            self = .csv
        } else if name.hasSuffix(".ndjson") || name.hasSuffix(".jsonl") {
            self = .ndjson
        } else {
            return nil
        }
    }

    /// By an input's first bytes, plain or gzip: an object begins a line of NDJSON, a bracket an array; everything else is a
    /// header.
    public init(start: [UInt8]) {
        let plain = Self.inflated(start)
        let text = plain.starts(with: [0xEF, 0xBB, 0xBF]) ? plain[3...] : plain[...]
        switch text.first(where: { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }) {
        case UInt8(ascii: "{"): self = .ndjson
        case UInt8(ascii: "["): self = .json
        default: self = .csv
        }
    }

    private static func inflated(_ piece: [UInt8]) -> [UInt8] {
        guard GzipReader.isGzip(piece) else { return piece }
        var plain: [UInt8] = []
        var reader = GzipReader()
        // A piece that is no gzip stream is refused where all of it is read.
        try? piece.withUnsafeBytes { bytes in
            try reader.read(bytes) { if plain.count < 4_096 { plain.append(contentsOf: $0) } }
        }
        return plain
    }
}
