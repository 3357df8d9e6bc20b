import CZlib
import MartletIngestion
import Testing

/// Makes one gzip member with the system's zlib.
func gzip(_ bytes: [UInt8]) -> [UInt8] {
    var stream = z_stream()
    _ = martlet_deflate_init_gzip(&stream, 6)
    defer { deflateEnd(&stream) }
    var output = [UInt8](repeating: 0, count: Int(deflateBound(&stream, UInt(bytes.count))) + 64)
    var input = bytes
    let count: Int = input.withUnsafeMutableBufferPointer { source in
        output.withUnsafeMutableBufferPointer { target in
            stream.next_in = source.baseAddress
            stream.avail_in = UInt32(source.count)
            stream.next_out = target.baseAddress
            stream.avail_out = UInt32(target.count)
            _ = deflate(&stream, Z_FINISH)
            return target.count - Int(stream.avail_out)
        }
    }
    return Array(output[..<count])
}

func decoded(_ bytes: [UInt8], chunk: Int) throws(IngestionError) -> [UInt8] {
    var decoder = InputDecoder()
    var output: [UInt8] = []
    for start in stride(from: 0, to: bytes.count, by: chunk) {
        let piece = Array(bytes[start..<min(bytes.count, start + chunk)])
        var failure: IngestionError?
        piece.withUnsafeBytes { buffer in
            do throws(IngestionError) { try decoder.read(buffer) { output.append(contentsOf: $0) } } catch {
                failure = error
            }
        }
        if let failure { throw failure }
    }
    try decoder.finish { output.append(contentsOf: $0) }
    return output
}

@Suite("gzip") struct GzipReaderTests {
    static let text = (0..<60_000).flatMap { Array("\($0 * 7_919 % 10_007),".utf8) }

    @Test("one member, several, and zeros behind them", arguments: [1_000, 7, 1 << 20])
    func members(chunk: Int) throws {
        let one = gzip(Self.text)
        #expect(one.count < Self.text.count)
        for (input, times) in [(one, 1), (one + one + one, 3), (one + [0, 0, 0], 1), (gzip([]), 0)] {
            let output = try decoded(input, chunk: chunk)
            let expected = (0..<times).flatMap { _ in Self.text }
            let isEqual = output == expected
            #expect(isEqual)
        }
    }

    @Test("plain bytes pass as they are", arguments: ["", "a", "ab", "a,b\n1,2\n"])
    func plain(text: String) throws {
        #expect(try decoded(Array(text.utf8), chunk: 1) == Array(text.utf8))
    }

    @Test("a stream that is cut, damaged or followed by rubbish is refused with its offset")
    func corruption() {
        let good = gzip(Self.text)
        func message(_ bytes: [UInt8]) -> String {
            do throws(IngestionError) {
                _ = try decoded(bytes, chunk: 4_096)
                return "read"
            } catch {
                #expect(error.code == .corruptGzip)
                return error.message
            }
        }
        for length in [2, 5, 10, 100, good.count / 2, good.count - 8, good.count - 1] {
            #expect(
                message(Array(good[..<length]))
                    == "the gzip stream cannot be read: at compressed byte \(length), the stream ends before its end mark"
            )
        }
        var damaged = good
        damaged[good.count - 6] ^= 1
        #expect(message(damaged).contains("the bytes are damaged (incorrect data check)"))
        #expect(
            message(good + [1, 2, 3]).contains(
                "at compressed byte \(good.count), after the end of the stream"))
    }

    @Test("a member that inflates a thousandfold is handed out in pieces")
    func bomb() throws {
        let bytes = gzip([UInt8](repeating: 0x61, count: 8 << 20))
        var reader = GzipReader(outputSize: 64 << 10)
        var (largest, total) = (0, 0)
        var failure: IngestionError?
        bytes.withUnsafeBytes { buffer in
            do throws(IngestionError) {
                try reader.read(buffer) {
                    largest = max(largest, $0.count)
                    total += $0.count
                }
            } catch { failure = error }
        }
        #expect(failure == nil)
        try reader.finish()
        #expect(largest <= 64 << 10 && total == 8 << 20)
    }
}
