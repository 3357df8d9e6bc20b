internal import CZlib

/// Inflates a gzip stream piece by piece, of one or of several members.
///
/// ```swift
/// var reader = GzipReader()
/// for chunk in chunks { try reader.read(chunk) { lines.append($0) } }
/// try reader.finish()
/// ```
///
/// Memory is bounded by the window (32 KiB) and one output buffer, whatever the input inflates to.
public struct GzipReader: ~Copyable {
    // zlib keeps the address of the stream, so it lives on the heap as long as the reader does.
    private let stream: UnsafeMutablePointer<z_stream>
    private let output: UnsafeMutableRawBufferPointer
    private var isBetweenMembers = true
    private var members = 0
    /// Compressed bytes read so far.
    public private(set) var offset = 0

    public init(outputSize: Int = 256 << 10) {
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        output = .allocate(byteCount: outputSize, alignment: 16)
        let status = martlet_inflate_init_gzip(stream)
        precondition(status == Z_OK, "zlib could not start: \(status)")
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
        output.deallocate()
    }

    /// Whether bytes begin as a gzip stream does.
    public static func isGzip(_ start: some Collection<UInt8>) -> Bool {
        start.starts(with: [0x1F, 0x8B])
    }

    /// Inflates the next compressed bytes, and hands out what they give in pieces that are lent for the call.
    ///
    /// - Throws: ``IngestionError`` with code `corruptGzip` and the offset; the reader is then of no more use.
    public mutating func read(
        _ chunk: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> Void
    ) throws(IngestionError) {
        var start = 0
        while start < chunk.count {
            if isBetweenMembers {
                // Some writers pad with zeros (tape blocks); anything else must be another member.
                if members > 0, chunk[start] == 0 {
                    start += 1
                    offset += 1
                    continue
                }
                guard members == 0 || chunk[start] == 0x1F else {
                    throw corrupt("after the end of the stream stand bytes that are no gzip stream")
                }
                isBetweenMembers = false
            }
            let piece = UnsafeRawBufferPointer(
                rebasing: chunk[start..<min(chunk.count, start + Int(Int32.max))])
            // zlib does not write to its input; the type lacks const for old compilers only.
            stream.pointee.next_in = UnsafeMutablePointer(
                mutating: piece.baseAddress?.assumingMemoryBound(to: UInt8.self))
            stream.pointee.avail_in = UInt32(piece.count)
            var status = Z_OK
            repeat {
                stream.pointee.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
                stream.pointee.avail_out = UInt32(output.count)
                let before = stream.pointee.avail_in
                status = inflate(stream, Z_NO_FLUSH)
                offset += Int(before - stream.pointee.avail_in)
                let made = output.count - Int(stream.pointee.avail_out)
                if made > 0 { body(UnsafeRawBufferPointer(rebasing: output[..<made])) }
                switch status {
                case Z_OK, Z_STREAM_END, Z_BUF_ERROR: break
                default:
                    let reason = stream.pointee.msg.map { String(cString: $0) } ?? "status \(status)"
                    throw corrupt("the bytes are damaged (\(reason))")
                }
            } while status == Z_OK && (stream.pointee.avail_in > 0 || stream.pointee.avail_out == 0)
            start += piece.count - Int(stream.pointee.avail_in)
            if status == Z_STREAM_END {
                inflateReset(stream)
                isBetweenMembers = true
                members += 1
            }
        }
        stream.pointee.next_in = nil
        stream.pointee.avail_in = 0
    }

    /// Says that the input has ended.
    ///
    /// - Throws: ``IngestionError`` if it ended within a member.
    public func finish() throws(IngestionError) {
        guard isBetweenMembers, members > 0 else { throw corrupt("the stream ends before its end mark") }
    }

    private func corrupt(_ what: String) -> IngestionError {
        IngestionError(
            .corruptGzip, "the gzip stream cannot be read: at compressed byte \(offset), \(what)",
            hint: "copy the file again; 'gzip -t' checks it")
    }
}

/// Gives plain bytes of an input that may be gzip, told by its first two bytes.
public struct InputDecoder: ~Copyable {
    private var start: [UInt8] = []
    /// Whether enough was read to tell.
    public private(set) var isDecided = false
    private var isGzip = false
    private var gzip = GzipReader()

    /// Whether the input turned out to be compressed: a piece may then mean a thousand times its bytes.
    public var isCompressed: Bool { isGzip }

    public init() {}

    /// Passes on what the next bytes of the input mean.
    public mutating func read(
        _ chunk: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> Void
    ) throws(IngestionError) {
        if !isDecided, start.isEmpty, chunk.count >= 2 {
            isDecided = true
            isGzip = GzipReader.isGzip(chunk)
        }
        if isDecided { return try pass(chunk, body) }
        start.append(contentsOf: chunk)
        guard start.count >= 2 else { return }
        isDecided = true
        isGzip = GzipReader.isGzip(start)
        try passStart(body)
    }

    /// Says that the input has ended, and passes on what was held back.
    public mutating func finish(_ body: (UnsafeRawBufferPointer) -> Void) throws(IngestionError) {
        if !isDecided {
            isDecided = true
            try passStart(body)
        }
        if isGzip { try gzip.finish() }
    }

    private mutating func passStart(_ body: (UnsafeRawBufferPointer) -> Void) throws(IngestionError) {
        let held = start
        start = []
        if isGzip {
            // The closure cannot throw a typed error out of the buffer's scope, so it is carried out by hand.
            var failure: IngestionError?
            held.withUnsafeBytes { bytes in
                do throws(IngestionError) { try gzip.read(bytes, body) } catch { failure = error }
            }
            if let failure { throw failure }
        } else {
            held.withUnsafeBytes { body($0) }
        }
    }

    private mutating func pass(
        _ chunk: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> Void
    ) throws(IngestionError) {
        if isGzip { try gzip.read(chunk, body) } else { body(chunk) }
    }
}
