import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// A server on this machine that answers as it is told, also as no decent server would.
public final class LoopbackServer: Sendable {
    /// What it was asked.
    public struct Asked: Sendable {
        public var method: String
        public var target: String
        /// By names in small letters.
        public var headers: [String: String]
        public var body: String
    }

    public enum Reply: Sendable {
        case answer(Int, headers: [String: String] = [:], body: String = "")
        /// These bytes, and the end of the connection.
        case raw(String)
        /// Nothing, ever.
        case silence
        /// A head, then a body that does not end.
        case endless
        /// A head that promises a body, and one byte of it every tenth of a second.
        case drip
    }

    public let port: Int
    private let channel: any Channel
    private let noted = Noted()
    private let group: MultiThreadedEventLoopGroup

    /// Listens on a port that the system chooses.
    ///
    /// - Parameters:
    ///   - certificate: the PEM texts of its certificate and key; nil for a server without TLS.
    ///   - reply: called with each request, and how many came before it.
    public init(certificate: (chain: String, key: String)? = nil, _ reply: @escaping @Sendable (Asked, Int) -> Reply) async throws {
        group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let security = try certificate.map { certificate in
            try NIOSSLContext(
                configuration: .makeServerConfiguration(
                    certificateChain: try NIOSSLCertificate.fromPEMBytes(Array(certificate.chain.utf8)).map { .certificate($0) },
                    privateKey: .privateKey(try NIOSSLPrivateKey(bytes: Array(certificate.key.utf8), format: .pem))))
        }
        let note = noted
        channel = try await ServerBootstrap(group: group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let security { try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: security)) }
                    try channel.pipeline.syncOperations.addHandler(Conversation { reply($0, note.add($0)) })
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        port = channel.localAddress?.port ?? 0
    }

    /// Everything that it was asked so far.
    public var requests: [Asked] { noted.all }

    public func stop() async {
        try? await channel.close()
        try? await group.shutdownGracefully()
    }
}

/// The requests that came, in their order.
private final class Noted: Sendable {
    private let requests = Mutex<[LoopbackServer.Asked]>([])

    var all: [LoopbackServer.Asked] { requests.withLock { $0 } }

    /// How many came before.
    func add(_ request: LoopbackServer.Asked) -> Int {
        requests.withLock { requests in
            requests.append(request)
            return requests.count - 1
        }
    }
}

/// One request and its reply.
private final class Conversation: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let reply: @Sendable (LoopbackServer.Asked) -> LoopbackServer.Reply
    private var text = ""
    private var isAnswered = false
    private var repeated: RepeatedTask?

    init(_ reply: @escaping @Sendable (LoopbackServer.Asked) -> LoopbackServer.Reply) {
        self.reply = reply
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        text += String(decoding: unwrapInboundIn(data).readableBytesView, as: UTF8.self)
        guard !isAnswered, let asked = whole() else { return }
        isAnswered = true
        switch reply(asked) {
        case .silence: break
        case .raw(let bytes): send(bytes, context, close: true)
        case .answer(let status, let headers, let body):
            var head = "HTTP/1.1 \(status) Said\r\nconnection: close\r\n"
            if headers["content-length"] == nil, status != 204 { head += "content-length: \(body.utf8.count)\r\n" }
            for (name, value) in headers.sorted(by: { $0.key < $1.key }) { head += "\(name): \(value)\r\n" }
            send(head + "\r\n" + (asked.method == "HEAD" ? "" : body), context, close: true)
        case .endless:
            send("HTTP/1.1 200 Said\r\nconnection: close\r\n\r\n", context)
            go(on: String(repeating: "x", count: 65_536), every: .milliseconds(1), context)
        case .drip:
            send("HTTP/1.1 200 Said\r\ncontent-length: 1000000\r\n\r\n", context)
            go(on: "x", every: .milliseconds(100), context)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        repeated?.cancel()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    /// The request once all of it is there.
    private func whole() -> LoopbackServer.Asked? {
        guard let end = text.firstRange(of: "\r\n\r\n") else { return nil }
        let lines = text[..<end.lowerBound].split(separator: "\r\n").map(String.init)
        let words = lines[0].split(separator: " ").map(String.init)
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1).map(String.init)
            headers[parts[0].lowercased()] = parts.count > 1 ? String(parts[1].drop { $0 == " " }) : ""
        }
        let body = String(text[end.upperBound...])
        guard body.utf8.count >= headers["content-length"].flatMap({ Int($0) }) ?? 0, words.count == 3 else { return nil }
        return LoopbackServer.Asked(method: words[0], target: words[1], headers: headers, body: body)
    }

    private func send(_ text: String, _ context: ChannelHandlerContext, close: Bool = false) {
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text))).whenComplete { _ in
            if close { bound.value.close(promise: nil) }
        }
    }

    private func go(on text: String, every delay: TimeAmount, _ context: ChannelHandlerContext) {
        let channel = context.channel
        repeated = context.eventLoop.scheduleRepeatedTask(initialDelay: delay, delay: delay) { _ in
            if channel.isWritable { channel.writeAndFlush(ByteBuffer(string: text), promise: nil) }
        }
    }
}
