import NIOCore
import NIOHTTP1

/// How a client is to know where an answer's body ends.
enum AnswerLength {
    case bytes(Int)
    case chunked
    /// At the end of the connection.
    case unknown
}

extension ByteBuffer {
    /// Writes the head of an answer as RFC 9112 has it.
    ///
    /// A header's value is our own text or was bounded by it; one with a line break could begin another header, and is left out.
    mutating func writeHead(of response: Response, keepsAlive: Bool, length: AnswerLength) {
        writeStaticString("HTTP/1.1 ")
        writeString(String(response.status))
        writeStaticString(" ")
        writeString(HTTPResponseStatus(statusCode: response.status).reasonPhrase)
        for field in response.headers.fields where field.value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }) {
            writeStaticString("\r\n")
            writeString(field.name)
            writeStaticString(": ")
            writeString(field.value)
        }
        switch length {
        case .bytes(let count):
            writeStaticString("\r\ncontent-length: ")
            writeString(String(count))
        case .chunked: writeStaticString("\r\ntransfer-encoding: chunked")
        case .unknown: break
        }
        writeStaticString(keepsAlive ? "\r\n\r\n" : "\r\nconnection: close\r\n\r\n")
    }

    /// Writes a piece of a body, which is not empty, as a chunk or as it is.
    mutating func writePiece(_ piece: [UInt8], isChunked: Bool) {
        guard !piece.isEmpty else { return }
        if isChunked { writeString(String(piece.count, radix: 16) + "\r\n") }
        writeBytes(piece)
        if isChunked { writeStaticString("\r\n") }
    }
}
