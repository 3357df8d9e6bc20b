import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// Sends requests to a server's socket file: how a command reaches the holder of its project's lock.
public struct SocketClient: Sendable {
    private let path: String

    /// - Parameter path: the socket file's absolute path, at most about 100 bytes long.
    public init(path: String) {
        self.path = path
    }

    /// Sends one request and collects its answer; of one that is sent in pieces, gives the head, and the rest as it comes.
    ///
    /// A streamed body is sent as fast as the server takes it, in chunks.
    public func send(_ request: Request, target: String, answerLimit: Int = 1 << 30) async throws -> Response {
        let collector = AnswerCollector(limit: answerLimit)
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHTTPClientHandlers()
                    try channel.pipeline.syncOperations.addHandler(AnswerHandler(collector))
                }
            }
            .connect(unixDomainSocketPath: path).get()
        var head = HTTPRequestHead(version: .http1_1, method: HTTPMethod(rawValue: request.method.rawValue), uri: target)
        head.headers.add(name: "host", value: "localhost")
        head.headers.add(name: "connection", value: "close")
        for field in request.headers.fields { head.headers.add(name: field.name, value: field.value) }
        switch request.body {
        case .bytes(let bytes):
            head.headers.add(name: "content-length", value: String(bytes.count))
            channel.write(HTTPClientRequestPart.head(head), promise: nil)
            if !bytes.isEmpty { channel.write(HTTPClientRequestPart.body(.byteBuffer(ByteBuffer(bytes: bytes))), promise: nil) }
            channel.writeAndFlush(HTTPClientRequestPart.end(nil), promise: nil)
        case .stream(let stream):
            head.headers.add(name: "transfer-encoding", value: "chunked")
            channel.writeAndFlush(HTTPClientRequestPart.head(head), promise: nil)
            // Beside the answer, which may begin before the body has ended.
            Task {
                do {
                    while let piece = try await stream.next() {
                        // Waits until the piece is handed to the kernel, so that nothing piles up here.
                        try await channel.writeAndFlush(HTTPClientRequestPart.body(.byteBuffer(ByteBuffer(bytes: piece)))).get()
                    }
                    channel.writeAndFlush(HTTPClientRequestPart.end(nil), promise: nil)
                } catch {
                    // The server may have answered and hung up before it read everything; its answer says why.
                    if !collector.hasAnswer { channel.close(promise: nil) }
                }
            }
        }
        return try await collector.answer()
    }
}

/// What went wrong between a command and the server's socket.
public enum SocketError: Error, Hashable, Sendable {
    case closedBeforeAnswer
    case answerTooLarge(limit: Int)
}

/// Waits for the one answer of a connection.
private final class AnswerCollector: Sendable {
    private struct State {
        var outcome: Result<Response, SocketError>?
        var waiter: CheckedContinuation<Void, Never>?
    }

    let limit: Int
    /// Guards the outcome and who waits for it.
    private let state = Mutex(State())

    init(limit: Int) {
        self.limit = limit
    }

    var hasAnswer: Bool { state.withLock { $0.outcome != nil } }

    func finish(_ outcome: Result<Response, SocketError>) {
        let waiter = state.withLock { state in
            if state.outcome == nil { state.outcome = outcome }
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume()
    }

    func answer() async throws(SocketError) -> Response {
        await withCheckedContinuation { continuation in
            let isThere = state.withLock { state in
                if state.outcome != nil { return true }
                state.waiter = continuation
                return false
            }
            if isThere { continuation.resume() }
        }
        return try (state.withLock { $0.outcome } ?? .failure(.closedBeforeAnswer)).get()
    }
}

private final class AnswerHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart

    private let collector: AnswerCollector
    private var response: Response?
    /// Takes the pieces of an answer that is sent as it is made.
    private var stream: BodyStream?

    /// Pieces that may wait for their consumer.
    private static let backlogLimit = 8

    init(_ collector: AnswerCollector) {
        self.collector = collector
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            // An interim answer is not the answer.
            if head.status.code >= 200 { begin(head, context) }
        case .body(let buffer):
            if let stream {
                stream.yield(Array(buffer.readableBytesView))
                if stream.backlog >= Self.backlogLimit { context.channel.setOption(.autoRead, value: false).whenComplete { _ in } }
                return
            }
            response?.body += buffer.readableBytesView
            if let size = response?.body.count, size > collector.limit {
                collector.finish(.failure(.answerTooLarge(limit: collector.limit)))
                context.close(promise: nil)
            }
        case .end:
            stream?.finish()
            stream = nil
            if let response { collector.finish(.success(response)) }
            context.close(promise: nil)
        }
    }

    private func begin(_ head: HTTPResponseHead, _ context: ChannelHandlerContext) {
        var response = Response(status: Int(head.status.code), headers: Headers(head.headers.map { ($0.name, $0.value) }))
        guard head.headers["transfer-encoding"].contains("chunked") else { return self.response = response }
        let channel = context.channel
        let stream = BodyStream(
            demand: { backlog in
                if backlog < Self.backlogLimit { channel.setOption(.autoRead, value: true).whenComplete { _ in } }
            }, abandoned: { channel.close(promise: nil) })
        self.stream = stream
        response.rest = stream
        collector.finish(.success(response))
    }

    func channelInactive(context: ChannelHandlerContext) {
        stream?.finish(throwing: .connectionClosed)
        stream = nil
        collector.finish(.failure(.closedBeforeAnswer))
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
