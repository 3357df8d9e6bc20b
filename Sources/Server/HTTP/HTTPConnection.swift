import NIOCore
import NIOHTTP1

/// One connection: reads requests one after another and writes their answers.
///
/// What comes of the next request is held back until the answer is written, so there is one request at a time and no
/// state is shared beyond the event loop.
final class HTTPConnection: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = ByteBuffer

    private enum State {
        case idle
        case collecting(Request, limit: Int, Admission.Ticket, ByteBuffer)
        case streaming(BodyStream, read: Int, limit: Int)
        /// The answer was given, or is being made, and the rest of the body is dropped.
        case ignoringBody
    }

    /// Pieces of a streamed body that may wait for their consumer.
    private static let backlogLimit = 8
    /// Bytes of a body from which on room is made for it before it comes, and the most of that.
    private static let bodyRoom = (32 << 10)...(1 << 20)

    private let responder: any RequestResponder
    private let thread: RequestThread
    private let peer: Request.Peer
    private let connections: ConnectionCount
    private let limits: ListenerLimits
    private var state = State.idle
    private var lastTarget: (text: String, target: (segments: [String], query: [(name: String, value: String)])?) = ("", nil)
    private var isAdmitted = false
    private var keepsAlive = true
    private var isHead = false
    /// Whether the client knows answers in chunks; for others the end of the connection is that of the answer.
    private var knowsChunks = true
    /// Whether all of the request was read.
    private var isRead = true
    /// Whether the answer after which the connection closes is with the system.
    private var isDone = false
    private var isAnswering = false
    /// Whether a piece of an answer is on its way, which a client that does not read holds up.
    private var isSending = false
    /// What was read of later requests while one is answered: no more than one read brought, for reading stops meanwhile.
    private var held: [HTTPServerRequestPart] = []
    private var isReleasing = false
    /// When something was last read or written.
    private var lastActivity = NIODeadline.now()
    /// Since when a head or a collected body is waited for; nil while an answer is made or a body is streamed.
    private var waitsSince: NIODeadline?
    private var deadlineCheck: RepeatedTask?

    /// How long the rest of an unwanted body is read, so that its sender gets to the answer before the connection ends.
    private static let drainSeconds: Int64 = 5
    /// Whether what came was no HTTP, and is answered so.
    private var isRefused = false

    init(
        responder: any RequestResponder, thread: RequestThread, peer: Request.Peer, connections: ConnectionCount, limits: ListenerLimits
    ) {
        self.responder = responder
        self.thread = thread
        self.peer = peer
        self.connections = connections
        self.limits = limits
    }

    func channelActive(context: ChannelHandlerContext) {
        isAdmitted = connections.enter(limit: limits.connections)
        waitsSince = .now()
        let bound = NIOLoopBound((handler: self, context: context), eventLoop: context.eventLoop)
        // One timer a connection, not one a request.
        let period = TimeAmount.milliseconds(max(50, min(limits.requestSeconds, limits.idleSeconds) * 100))
        deadlineCheck = context.eventLoop.scheduleRepeatedTask(initialDelay: period, delay: period) { _ in
            bound.value.handler.checkDeadline(context: bound.value.context)
        }
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        connections.leave()
        deadlineCheck?.cancel()
        deadlineCheck = nil
        if isAnswering { connections.answered() }
        isAnswering = false
        if case .streaming(let stream, _, _) = state { stream.finish(throwing: .connectionClosed) }
        state = .idle
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // What is left of bytes that were no request is only read away.
        if isRefused { return }
        // After an answer to something else, or in the midst of one, there is nothing that could be said.
        guard let error = error as? HTTPParserError, !isAnswering, isRead || waitsSince != nil else { return context.close(promise: nil) }
        keepsAlive = false
        isRefused = true
        isRead = false
        state = .ignoringBody
        write(error == .headerOverflow ? Problem.headTooLarge(limit: limits.headBytes) : Problem.malformedHTTP, context: context)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        lastActivity = .now()
        let part = unwrapInboundIn(data)
        if !held.isEmpty || isAnswering && part.isHead {
            if held.isEmpty { setReading(false, context) }
            held.append(part)
        } else {
            receive(part, context: context)
        }
    }

    private func setReading(_ isOn: Bool, _ context: ChannelHandlerContext) {
        try? context.channel.syncOptions?.setOption(.autoRead, value: isOn)
    }

    /// Goes on with what was held back, as far as the next request that has to be waited for.
    private func releaseHeld(_ context: ChannelHandlerContext) {
        guard !held.isEmpty, !isReleasing else { return }
        isReleasing = true
        defer { isReleasing = false }
        var index = 0
        while index < held.count, !(isAnswering && held[index].isHead) {
            receive(held[index], context: context)
            index += 1
        }
        held.removeSubrange(..<index)
        if held.isEmpty { setReading(true, context) }
    }

    private func receive(_ part: HTTPServerRequestPart, context: ChannelHandlerContext) {
        switch part {
        case .head(let head): receive(head, context: context)
        case .body(let buffer): receive(buffer, context: context)
        case .end: receiveEnd(context: context)
        }
    }

    /// The time of idleness is set back by every byte; that of a request is not, so that no connection is held by one
    /// byte a second. Neither runs while an answer is made, however long that takes.
    private func checkDeadline(context: ChannelHandlerContext) {
        let now = NIODeadline.now()
        let isIdle = waitsForClient && now - lastActivity > .seconds(limits.idleSeconds)
        let isSlow = waitsSince.map { now - $0 > .seconds(limits.requestSeconds) } ?? false
        if isIdle || isSlow { context.close(promise: nil) }
    }

    /// Whether it is the client's turn to send or to read.
    private var waitsForClient: Bool {
        if !isAnswering || isSending { return true }
        if case .streaming(let stream, _, _) = state, !isRead { return stream.backlog == 0 }
        return false
    }

    private func receive(_ head: HTTPRequestHead, context: ChannelHandlerContext) {
        waitsSince = nil
        keepsAlive = head.isKeepAlive
        isRead = false
        isHead = head.method == .HEAD
        knowsChunks = head.version.major > 1 || head.version.minor >= 1
        state = .ignoringBody
        guard isAdmitted else {
            keepsAlive = false
            return write(Problem.tooManyConnections, context: context)
        }
        guard let method = Request.Method(rawValue: head.method.rawValue) else {
            return write(Problem.unknownMethod, context: context)
        }
        // A client mostly asks one thing again and again.
        if head.uri != lastTarget.text || lastTarget.target == nil { lastTarget = (head.uri, RequestTarget.parse(head.uri)) }
        guard let target = lastTarget.target else {
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
            let length = head.headers.first(name: "content-length").flatMap { Int($0) } ?? 0
            if length > limit { return refuseTooLarge(limit: limit, context: context) }
            inviteBody(head, context)
            // Room for a long body at once, up to a bound, since who announces much may send nothing.
            let isLong = length > HTTPConnection.bodyRoom.lowerBound
            let room = isLong ? context.channel.allocator.buffer(capacity: min(length, HTTPConnection.bodyRoom.upperBound)) : ByteBuffer()
            state = .collecting(request, limit: limit, ticket, room)
            waitsSince = .now()
        case .stream(let limit, let ticket):
            inviteBody(head, context)
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

    /// Tells a client that asks whether its body is wanted to go on.
    private func inviteBody(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        guard head.version == .http1_1, head.headers["expect"].contains(where: { $0.lowercased() == "100-continue" }) else { return }
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(staticString: "HTTP/1.1 100 Continue\r\n\r\n")), promise: nil)
    }

    private func receive(_ buffer: ByteBuffer, context: ChannelHandlerContext) {
        switch state {
        case .collecting(let request, let limit, let ticket, var collected):
            guard collected.readableBytes + buffer.readableBytes <= limit else { return refuseTooLarge(limit: limit, context: context) }
            state = .ignoringBody
            // What came in one piece is not copied.
            if collected.capacity == 0 { collected = buffer } else { collected.writeImmutableBuffer(buffer) }
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
            waitsSince = nil
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
        responder.respond(to: request, admission: ticket, on: thread) { response in
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
        var buffer = context.channel.allocator.buffer(capacity: 256 + response.body.count)
        if let rest = response.rest {
            if !knowsChunks { keepsAlive = false }
            buffer.writeHead(of: response, keepsAlive: keepsAlive, length: knowsChunks ? .chunked : .unknown)
            guard isHead else { return send(response.body, rest, after: buffer, context: context) }
            rest.abandon()
            endsBody(context)
        } else {
            endsBody(context)
            buffer.writeHead(of: response, keepsAlive: keepsAlive, length: .bytes(response.body.count))
            if !isHead { buffer.writeBytes(response.body) }
        }
        finish(with: buffer, context: context)
    }

    /// Sends what is there, then what follows as it comes, a piece once the one before is with the system.
    private func send(_ first: [UInt8], _ rest: BodyStream, after head: ByteBuffer, context: ChannelHandlerContext) {
        let bound = NIOLoopBound((handler: self, context: context), eventLoop: context.eventLoop)
        let channel = context.channel
        let isChunked = knowsChunks
        Task {
            var buffer = head
            do {
                buffer.writePiece(first, isChunked: isChunked)
                while true {
                    channel.eventLoop.execute { bound.value.handler.isSending = true }
                    try await channel.writeAndFlush(buffer)
                    channel.eventLoop.execute {
                        bound.value.handler.isSending = false
                        bound.value.handler.lastActivity = .now()
                    }
                    buffer = channel.allocator.buffer(capacity: 0)
                    guard let piece = try await rest.next() else { break }
                    buffer.writePiece(piece, isChunked: isChunked)
                }
                if isChunked { buffer.writeStaticString("0\r\n\r\n") }
                let end = buffer
                channel.eventLoop.execute {
                    bound.value.handler.endsBody(bound.value.context)
                    bound.value.handler.finish(with: end, context: bound.value.context)
                }
            } catch {
                // Without the mark of its end, so that nobody takes what came for all.
                rest.abandon()
                channel.close(promise: nil)
            }
        }
    }

    /// The answer is made: what is left of a streamed body, as there is after a refusal, is of no use.
    private func endsBody(_ context: ChannelHandlerContext) {
        guard case .streaming = state, !isRead else { return }
        state = .ignoringBody
        keepsAlive = false
        context.channel.setOption(.autoRead, value: true).whenComplete { _ in }
    }

    /// Writes the last of an answer and goes on to the next request, or closes.
    private func finish(with buffer: ByteBuffer, context: ChannelHandlerContext) {
        lastActivity = .now()
        waitsSince = lastActivity
        if isAnswering { connections.answered() }
        isAnswering = false
        if keepsAlive {
            context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
            releaseHeld(context)
        } else {
            let bound = NIOLoopBound((handler: self, context: context), eventLoop: context.eventLoop)
            let eventLoop = context.eventLoop
            context.writeAndFlush(wrapOutboundOut(buffer)).whenComplete { _ in
                bound.value.handler.isDone = true
                if bound.value.handler.isRead { return bound.value.context.close(promise: nil) }
                // To close with unread bytes would make the system throw the answer away; that it is whole is said at once.
                bound.value.context.close(mode: .output, promise: nil)
                eventLoop.scheduleTask(in: .seconds(Self.drainSeconds)) { bound.value.context.close(promise: nil) }
            }
        }
    }
}

extension HTTPServerRequestPart {
    fileprivate var isHead: Bool {
        if case .head = self { true } else { false }
    }
}
