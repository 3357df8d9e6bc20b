import MartletFrames

extension Frame {
    /// The rows under another schema of their stream: a field that it did not have yet is missing in all of them, one that it
    /// no longer has is left out.
    func conforming(to wanted: Schema) -> Frame {
        if schema == wanted { return self }
        let fields = wanted.fields.map { Field($0.name, $0.type, isOptional: $0.isOptional || self[$0.name] == nil) }
        let columns = wanted.fields.map { self[$0.name] ?? Column(repeating: .missing, type: $0.type, count: rowCount) }
        return Frame(Schema(fields), columns, rowCount: rowCount)
    }
}
