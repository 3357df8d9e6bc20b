import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// One connection to a server, over which requests go one after the other.
final class KeepAliveClient: Sendable {
    /// One answer.
    struct Answer: Sendable {
        var status: Int
        var body: [UInt8]
    }

    private let channel: any Channel
    private let inbox: Inbox
    private let authority: String
    private let token: String?

    /// - Parameters:
    ///   - host: a name or an address, without brackets.
    ///   - token: sent as a bearer.
    static func connect(host: String, port: Int, token: String?) async throws -> KeepAliveClient {
        let inbox = Inbox()
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.socketOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHTTPClientHandlers()
                    try channel.pipeline.syncOperations.addHandler(InboxHandler(inbox))
                }
            }
            .connect(host: host, port: port).get()
        let name = host.contains(":") ? "[\(host)]" : host
        return KeepAliveClient(channel: channel, inbox: inbox, authority: "\(name):\(port)", token: token)
    }

    private init(channel: any Channel, inbox: Inbox, authority: String, token: String?) {
        self.channel = channel
        self.inbox = inbox
        self.authority = authority
        self.token = token
    }

    /// Sends a body and waits for its answer; nil if the connection closes before it came.
    func post(_ target: String, _ body: [UInt8]) async -> Answer? {
        var head = HTTPRequestHead(version: .http1_1, method: .POST, uri: target)
        head.headers.add(name: "host", value: authority)
        head.headers.add(name: "content-type", value: "application/json")
        head.headers.add(name: "content-length", value: String(body.count))
        if let token { head.headers.add(name: "authorization", value: "Bearer " + token) }
        channel.write(HTTPClientRequestPart.head(head), promise: nil)
        channel.write(HTTPClientRequestPart.body(.byteBuffer(ByteBuffer(bytes: body))), promise: nil)
        channel.writeAndFlush(HTTPClientRequestPart.end(nil), promise: nil)
        return await inbox.next()
    }

    func close() {
        channel.close(promise: nil)
    }
}

/// Holds the answer that came until it is asked for.
private final class Inbox: Sendable {
    private struct State {
        var answer: KeepAliveClient.Answer?
        var isClosed = false
        var waiter: CheckedContinuation<Void, Never>?
    }

    /// Guards the answer and who waits for it.
    private let state = Mutex(State())

    func put(_ answer: KeepAliveClient.Answer?) {
        let waiter = state.withLock { state in
            if let answer { state.answer = answer } else { state.isClosed = true }
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume()
    }

    /// Nil if the connection is closed.
    func next() async -> KeepAliveClient.Answer? {
        await withCheckedContinuation { continuation in
            let isThere = state.withLock { state in
                if state.answer != nil || state.isClosed { return true }
                state.waiter = continuation
                return false
            }
            if isThere { continuation.resume() }
        }
        return state.withLock { state in
            defer { state.answer = nil }
            return state.answer
        }
    }
}

private final class InboxHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart

    private let inbox: Inbox
    private var answer = KeepAliveClient.Answer(status: 0, body: [])

    init(_ inbox: Inbox) {
        self.inbox = inbox
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): answer = KeepAliveClient.Answer(status: Int(head.status.code), body: [])
        case .body(let buffer): answer.body += buffer.readableBytesView
        case .end: if answer.status >= 200 { inbox.put(answer) }
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        inbox.put(nil)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
