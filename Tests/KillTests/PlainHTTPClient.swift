import Foundation

/// One keep-alive connection over a plain socket, so that a test sees each answer exactly as far as it came.
///
/// Used by one thread at a time.
final class PlainHTTPClient {
    struct Answer {
        var status: Int
        var headers: [String: String]
        var body: Data

        var text: String { String(decoding: body, as: UTF8.self) }

        func object() throws -> [String: Any] {
            guard let object = try JSONSerialization.jsonObject(with: body) as? [String: Any] else { throw TestFailure("no object: \(text)") }
            return object
        }
    }

    /// The connection broke: whether the request had an effect is unknown.
    struct Broken: Error {}

    private let socket: Int32
    private let port: UInt16
    private let token: String
    private var held: [UInt8] = []

    init(port: UInt16, token: String) throws {
        self.port = port
        self.token = token
        socket = Foundation.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var limit = timeval(tv_sec: 30, tv_usec: 0)
        setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        let connected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
        }
        guard connected == 0 else {
            close(socket)
            throw Broken()
        }
    }

    deinit {
        close(socket)
    }

    func ask(_ method: String, _ path: String, _ body: Data? = nil, type: String = "application/json") throws -> Answer {
        var head = "\(method) \(path) HTTP/1.1\r\nhost: 127.0.0.1:\(port)\r\nauthorization: Bearer \(token)\r\n"
        if let body { head += "content-type: \(type)\r\ncontent-length: \(body.count)\r\n" }
        try send(Array((head + "\r\n").utf8) + Array(body ?? Data()))
        while true {
            if let answer = try parsed() { return answer }
            var piece = [UInt8](repeating: 0, count: 1 << 16)
            let count = recv(socket, &piece, piece.count, 0)
            guard count > 0 else { throw Broken() }
            held += piece[..<count]
        }
    }

    private func send(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes { Foundation.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { throw Broken() }
            sent += count
        }
    }

    private func parsed() throws -> Answer? {
        guard let end = Data(held).range(of: Data("\r\n\r\n".utf8)) else { return nil }
        let lines = String(decoding: held[..<end.lowerBound], as: UTF8.self).components(separatedBy: "\r\n")
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { throw TestFailure("a header without a colon: \(line)") }
            headers[line[..<colon].lowercased()] = line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
        }
        let words = lines[0].split(separator: " ")
        guard words.count >= 2, let status = Int(words[1]), let length = headers["content-length"].flatMap({ Int($0) }) else {
            throw TestFailure("no answer of ours: \(lines[0])")
        }
        guard held.count >= end.upperBound + length else { return nil }
        let body = Data(held[end.upperBound..<(end.upperBound + length)])
        held.removeFirst(end.upperBound + length)
        return Answer(status: status, headers: headers, body: body)
    }
}
