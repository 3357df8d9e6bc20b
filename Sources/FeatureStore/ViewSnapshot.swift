import MartletBytes
import MartletFeatures
import MartletWorld

/// A view's folded state in a file: a header bound to the view and the cut, the state's bytes, a checksum.
///
/// ```
/// "MTLFEAT1"  hash (length-prefixed)  cut (8 bytes)  state …  CRC-32C of all before it (4 bytes)
/// ```
struct ViewSnapshot {
    private static let magic: [UInt8] = Array("MTLFEAT1".utf8)

    var hash: String
    var cut: Int64

    func write(_ state: ViewState, to files: any FileSystem, in folder: RelativePath) throws(FileError) {
        var writer = ByteWriter()
        writer.write(contentsOf: Self.magic)
        writer.write(hash)
        writer.write(fixed: cut)
        state.encode(into: &writer)
        writer.write(fixed: CRC32C.checksum(writer.bytes))
        guard let path = folder.appending(hash + ".state"), let temporary = folder.appending(hash + ".new") else { return }
        let file = try files.open(temporary, .write)
        try file.truncate(to: 0)
        try file.write(writer.bytes, at: 0)
        try file.sync()
        try files.rename(temporary, to: path)
        try files.syncFolder(folder)
    }

    /// Nil for a snapshot that is absent, damaged, of another view or of another form.
    static func read(
        _ view: FeatureStore.View, from files: any FileSystem, in folder: RelativePath, limit: Int
    ) -> (state: ViewState, cut: Int64)? {
        guard let path = folder.appending(view.hash + ".state"), let file = try? files.open(path, .read),
            let size = try? file.size(), size <= limit, size > magic.count + 4,
            let bytes = try? file.read(at: 0, count: size), bytes.count == size
        else { return nil }
        let body = bytes[..<(size - 4)]
        var tail = ByteReader(bytes[(size - 4)...])
        guard let checksum = try? tail.readFixed(UInt32.self), checksum == CRC32C.checksum(body) else { return nil }
        var reader = ByteReader(body)
        guard let found = try? reader.readBytes(magic.count), found.elementsEqual(magic),
            let hash = try? reader.readString(), hash == view.hash,
            let cut = try? reader.readFixed(Int64.self),
            let state = try? ViewState(decoding: &reader, plan: view.plan), reader.isAtEnd
        else { return nil }
        return (state, cut)
    }
}
