import NIOCore
import NIOHTTP1

/// One connection: reads requests one after another and writes their answers.
///
/// The pipelining handler before it holds the next request back until the answer is written, so there is one request
/// at a time and no state is shared beyond the event loop.
final class HTTPConnection: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private enum State {
        case idle
        case collecting(Request, limit: Int, Admission.Ticket, ByteBuffer)
        case streaming(BodyStream, read: Int, limit: Int)
        /// The answer was given, or is being made, and the rest of the body is dropped.
        case ignoringBody
    }

    /// Pieces of a streamed body that may wait for their consumer.
    private static let backlogLimit = 8

    private let responder: any RequestResponder
    private let peer: Request.Peer
    private let connections: ConnectionCount
    private let limit: Int
    private var state = State.idle
    private var isAdmitted = false
    private var keepsAlive = true
    private var isHead = false
    /// Whether all of the request was read.
    private var isRead = true
    /// Whether the answer after which the connection closes is with the system.
    private var isDone = false
    private var isAnswering = false

    /// How long the rest of an unwanted body is read, so that its sender gets to the answer before the connection ends.
    private static let drainSeconds: Int64 = 2

    init(responder: any RequestResponder, peer: Request.Peer, connections: ConnectionCount, limit: Int) {
        self.responder = responder
        self.peer = peer
        self.connections = connections
        self.limit = limit
    }

    func channelActive(context: ChannelHandlerContext) {
        isAdmitted = connections.enter(limit: limit)
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        connections.leave()
        if isAnswering { connections.answered() }
        isAnswering = false
        if case .streaming(let stream, _, _) = state { stream.finish(throwing: .connectionClosed) }
        state = .idle
        context.fireChannelInactive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is IdleStateHandler.IdleStateEvent { context.close(promise: nil) } else { context.fireUserInboundEventTriggered(event) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): receive(head, context: context)
        case .body(let buffer): receive(buffer, context: context)
        case .end: receiveEnd(context: context)
        }
    }

    private func receive(_ head: HTTPRequestHead, context: ChannelHandlerContext) {
        keepsAlive = head.isKeepAlive
        isRead = false
        isHead = head.method == .HEAD
        state = .ignoringBody
        guard isAdmitted else {
            keepsAlive = false
            return write(Problem.tooManyConnections, context: context)
        }
        guard let method = Request.Method(rawValue: head.method.rawValue) else {
            return write(Problem.unknownMethod, context: context)
        }
        guard let target = RequestTarget.parse(head.uri) else {
            return write(Problem.malformedTarget, context: context)
        }
        let request = Request(
            method: method, segments: target.segments, query: target.query,
            headers: Headers(head.headers.map { ($0.name, $0.value) }), peer: peer)
        switch responder.admit(request) {
        case .refuse(let response):
            // What follows on this connection may be the body that was not wanted.
            if head.headers.contains(name: "content-length") || head.headers.contains(name: "transfer-encoding") { keepsAlive = false }
            write(response, context: context)
        case .collect(let limit, let ticket):
            if let length = head.headers.first(name: "content-length").flatMap({ Int($0) }), length > limit {
                return refuseTooLarge(limit: limit, context: context)
            }
            state = .collecting(request, limit: limit, ticket, ByteBuffer())
        case .stream(let limit, let ticket):
            let boundContext = NIOLoopBound(context, eventLoop: context.eventLoop)
            let eventLoop = context.eventLoop
            let stream = BodyStream(demand: { backlog in
                guard backlog < HTTPConnection.backlogLimit else { return }
                eventLoop.execute { boundContext.value.channel.setOption(.autoRead, value: true).whenComplete { _ in } }
            })
            state = .streaming(stream, read: 0, limit: limit)
            var streamed = request
            streamed.body = .stream(stream)
            answer(streamed, ticket, context: context)
        }
    }

    private func receive(_ buffer: ByteBuffer, context: ChannelHandlerContext) {
        switch state {
        case .collecting(let request, let limit, let ticket, var collected):
            guard collected.readableBytes + buffer.readableBytes <= limit else { return refuseTooLarge(limit: limit, context: context) }
            state = .ignoringBody
            if collected.readableBytes == 0 { collected = buffer } else { collected.writeImmutableBuffer(buffer) }
            state = .collecting(request, limit: limit, ticket, collected)
        case .streaming(let stream, let read, let limit):
            let total = read + buffer.readableBytes
            if total > limit {
                stream.finish(throwing: .tooLarge(limit: limit))
                state = .ignoringBody
                keepsAlive = false
            } else {
                state = .streaming(stream, read: total, limit: limit)
                stream.yield(Array(buffer.readableBytesView))
                // The consumer is behind: stop reading the socket until it has taken a piece.
                if stream.backlog >= HTTPConnection.backlogLimit {
                    context.channel.setOption(.autoRead, value: false).whenComplete { _ in }
                }
            }
        case .idle, .ignoringBody: break
        }
    }

    private func receiveEnd(context: ChannelHandlerContext) {
        isRead = true
        if isDone { return context.close(promise: nil) }
        switch state {
        case .collecting(var request, _, let ticket, let collected):
            state = .ignoringBody
            request.body = .bytes(Array(collected.readableBytesView))
            answer(request, ticket, context: context)
        case .streaming(let stream, _, _):
            stream.finish()
            state = .ignoringBody
        case .idle, .ignoringBody: break
        }
    }

    private func answer(_ request: Request, _ ticket: Admission.Ticket, context: ChannelHandlerContext) {
        let bound = NIOLoopBound((handler: self, context: context), eventLoop: context.eventLoop)
        let eventLoop = context.eventLoop
        isAnswering = true
        connections.answering()
        responder.respond(to: request, admission: ticket) { response in
            // Answers made on the event loop itself, as the hot routes do, are written without a hop.
            if eventLoop.inEventLoop {
                bound.value.handler.write(response, context: bound.value.context)
            } else {
                eventLoop.execute { bound.value.handler.write(response, context: bound.value.context) }
            }
        }
    }

    private func refuseTooLarge(limit: Int, context: ChannelHandlerContext) {
        state = .ignoringBody
        keepsAlive = false
        write(Problem.tooLarge(limit: limit), context: context)
    }

    private func write(_ problem: Problem, context: ChannelHandlerContext) {
        write(problem.response(requestID: nil), context: context)
    }

    private func write(_ response: Response, context: ChannelHandlerContext) {
        if isAnswering { connections.answered() }
        isAnswering = false
        if case .streaming = state, !isRead {
            // Answered before the body's end, as a refusal is: the rest is of no use.
            state = .ignoringBody
            keepsAlive = false
            context.channel.setOption(.autoRead, value: true).whenComplete { _ in }
        }
        var head = HTTPResponseHead(version: .http1_1, status: HTTPResponseStatus(statusCode: response.status))
        head.headers.reserveCapacity(response.headers.fields.count + 2)
        for field in response.headers.fields { head.headers.add(name: field.name, value: field.value) }
        head.headers.add(name: "content-length", value: String(response.body.count))
        if !keepsAlive { head.headers.add(name: "connection", value: "close") }
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if !response.body.isEmpty, !isHead {
            var buffer = context.channel.allocator.buffer(capacity: response.body.count)
            buffer.writeBytes(response.body)
            context.write(wrapOutboundOut(.body(.byteBuffer(buffer))), promise: nil)
        }
        if keepsAlive {
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        } else {
            let bound = NIOLoopBound((handler: self, context: context), eventLoop: context.eventLoop)
            let eventLoop = context.eventLoop
            context.writeAndFlush(wrapOutboundOut(.end(nil))).whenComplete { _ in
                bound.value.handler.isDone = true
                if bound.value.handler.isRead { return bound.value.context.close(promise: nil) }
                // To close with unread bytes would make the system throw the answer away.
                eventLoop.scheduleTask(in: .seconds(Self.drainSeconds)) { bound.value.context.close(promise: nil) }
            }
        }
    }
}
