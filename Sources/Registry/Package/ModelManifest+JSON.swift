import MartletModels

extension ModelManifest {
    /// Canonical JSON: keys in the order of their bytes, no white space, shortest numbers.
    ///
    /// - Precondition: metrics are finite.
    public var json: [UInt8] {
        let lineage = self.lineage
        precondition(lineage.metrics.values.allSatisfy { $0.isFinite }, "a metric is not finite")
        let trainer = object([
            ("library", quoted(lineage.trainerLibrary)), ("parameters", object(lineage.parameters.mapValues(quoted))),
            ("seed", "\(lineage.seed)"), ("threads", "\(lineage.threads)"), ("version", quoted(lineage.trainerVersion)),
        ])
        let data = object([
            ("cut", quoted(lineage.cut)), ("from", quoted(lineage.dataFrom)), ("hash", quoted(lineage.datasetHash)),
            ("rows", object(lineage.rows.mapValues { "\($0)" })), ("to", quoted(lineage.dataTo)),
        ])
        let text = object([
            ("classes", JSONText.array(classes.map(quoted))),
            ("features", JSONText.array(features.map { object([("hash", quoted($0.hash)), ("name", quoted($0.name))]) })),
            (
                "files",
                JSONText.array(files.map {
                    object([("name", quoted($0.name)), ("sha256", quoted($0.hash)), ("size", "\($0.size)")])
                })
            ),
            ("format", "\(Self.formatVersion)"),
            ("label", quoted(label)),
            (
                "lineage",
                object([
                    ("code", quoted(lineage.codeVersion)), ("data", data),
                    ("definitions", object(lineage.definitions.mapValues(quoted))),
                    ("metrics", object(lineage.metrics.mapValues { "\($0)" })), ("trainer", trainer),
                ])
            ),
            ("model", quoted(model)), ("semantics", "\(semanticsVersion)"), ("task", quoted(task)),
        ])
        return Array(text.utf8)
    }

    /// Reads ``json``, and only what it writes: the same value written otherwise is refused.
    ///
    /// - Throws: ``PackageError``: `malformed`, or `unsupportedVersion` for a later format.
    public init(json: [UInt8]) throws(PackageError) {
        let format: Int
        do throws(ModelError) {
            (format, self) = try Self.read(json)
        } catch {
            throw PackageError(.malformed, file: ModelPackage.manifestName, error.message)
        }
        guard format <= Self.formatVersion else {
            throw PackageError(
                .unsupportedVersion, file: ModelPackage.manifestName,
                "the package has format \(format); up to \(Self.formatVersion) is read", hint: "use a newer Martlet")
        }
        guard self.json == json else {
            throw PackageError(.malformed, file: ModelPackage.manifestName, "the manifest is not in its canonical form")
        }
    }

    /// A later format may have other keys, so its number alone is taken from it.
    private static func read(_ json: [UInt8]) throws(ModelError) -> (Int, ModelManifest) {
        var manifest = ModelManifest(
            model: "", task: "", label: "", features: [], semanticsVersion: 0, lineage: Lineage())
        var format = 0
        var probe = JSONReader(json)
        try probe.readWhole { (reader) throws(ModelError) in
            try reader.readObject { (key, reader) throws(ModelError) in
                if key == "format" { format = try reader.readInt(in: 1...1_000_000) } else { try reader.skip() }
            }
        }
        guard format <= formatVersion else { return (format, manifest) }
        var reader = JSONReader(json)
        try reader.readObject { (key, reader) throws(ModelError) in
            switch key {
            case "classes": manifest.classes = try reader.readList { (reader) throws(ModelError) in try reader.readString() }
            case "features": manifest.features = try reader.readList { (reader) throws(ModelError) in try Feature(&reader) }
            case "files": manifest.files = try reader.readList { (reader) throws(ModelError) in try File(&reader) }
            case "format": _ = try reader.readInt(in: 1...formatVersion)
            case "label": manifest.label = try reader.readString()
            case "lineage": manifest.lineage = try Lineage(&reader)
            case "model": manifest.model = try reader.readString()
            case "semantics": manifest.semanticsVersion = try reader.readInt(in: 0...Int(Int32.max))
            case "task": manifest.task = try reader.readString()
            default: throw reader.malformed("the unknown key '\(key)'")
            }
        }
        return (format, manifest)
    }
}

private func quoted(_ text: String) -> String { JSONText.quoted(text) }

/// Takes members that are in the order of their keys.
private func object(_ members: [(String, String)]) -> String {
    "{" + members.map { quoted($0.0) + ":" + $0.1 }.joined(separator: ",") + "}"
}

private func object(_ members: [String: String]) -> String {
    object(members.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }.map { ($0.key, $0.value) })
}

extension ModelManifest.Feature {
    fileprivate init(_ reader: inout JSONReader) throws(ModelError) {
        self.init(name: "", hash: "")
        try reader.readObject { (key, reader) throws(ModelError) in
            switch key {
            case "name": name = try reader.readString()
            case "hash": hash = try reader.readString()
            default: throw reader.malformed("the unknown key '\(key)'")
            }
        }
    }
}

extension ModelManifest.File {
    fileprivate init(_ reader: inout JSONReader) throws(ModelError) {
        self.init(name: "", size: 0, hash: "")
        try reader.readObject { (key, reader) throws(ModelError) in
            switch key {
            case "name": name = try reader.readString()
            case "sha256": hash = try reader.readString()
            case "size": size = try reader.readInt(in: 0...Int.max)
            default: throw reader.malformed("the unknown key '\(key)'")
            }
        }
    }
}

extension ModelManifest.Lineage {
    fileprivate init(_ reader: inout JSONReader) throws(ModelError) {
        self.init()
        try reader.readObject { (key, reader) throws(ModelError) in
            switch key {
            case "code": codeVersion = try reader.readString()
            case "definitions": definitions = try reader.readMap { (reader) throws(ModelError) in try reader.readString() }
            case "metrics": metrics = try reader.readMap { (reader) throws(ModelError) in try reader.readDouble() }
            case "data":
                try reader.readObject { (key, reader) throws(ModelError) in
                    switch key {
                    case "cut": cut = try reader.readString()
                    case "from": dataFrom = try reader.readString()
                    case "to": dataTo = try reader.readString()
                    case "hash": datasetHash = try reader.readString()
                    case "rows": rows = try reader.readMap { (reader) throws(ModelError) in try reader.readInt(in: 0...Int.max) }
                    default: throw reader.malformed("the unknown key '\(key)'")
                    }
                }
            case "trainer":
                try reader.readObject { (key, reader) throws(ModelError) in
                    switch key {
                    case "library": trainerLibrary = try reader.readString()
                    case "version": trainerVersion = try reader.readString()
                    case "parameters": parameters = try reader.readMap { (reader) throws(ModelError) in try reader.readString() }
                    case "seed": seed = try reader.readInt(in: Int.min...Int.max)
                    case "threads": threads = try reader.readInt(in: 1...1_000_000)
                    default: throw reader.malformed("the unknown key '\(key)'")
                    }
                }
            default: throw reader.malformed("the unknown key '\(key)'")
            }
        }
    }
}

extension JSONReader {
    /// Bounded by the manifest's own size, which was checked.
    fileprivate mutating func readList<T>(
        _ read: (inout JSONReader) throws(ModelError) -> T
    ) throws(ModelError) -> [T] {
        var list: [T] = []
        try readArray(limit: .max) { (_, reader) throws(ModelError) in list.append(try read(&reader)) }
        return list
    }

    fileprivate mutating func readMap<T>(
        _ read: (inout JSONReader) throws(ModelError) -> T
    ) throws(ModelError) -> [String: T] {
        var map: [String: T] = [:]
        try readObject { (key, reader) throws(ModelError) in map[key] = try read(&reader) }
        return map
    }
}
