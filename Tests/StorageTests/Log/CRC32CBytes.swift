import MartletBytes

/// Checksums as they stand in files.
enum CRC32CBytes {
    static func of(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        var writer = ByteWriter()
        writer.write(fixed: CRC32C.checksum(bytes))
        return writer.bytes
    }
}
