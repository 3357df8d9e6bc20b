import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// What answers requests, behind any transport.
public protocol RequestResponder: Sendable {
    /// Decides from the head alone, before any of the body is read, whether and how to take the body.
    func admit(_ head: Request) -> Admission
    /// Answers once, from any thread.
    ///
    /// - Parameter thread: the transport's thread that the request came on and on which this is called; nil if it has none.
    func respond(
        to request: Request, admission: Admission.Ticket, on thread: RequestThread?, _ answer: @escaping @Sendable (Response) -> Void)
}

/// The decision over a request's head.
public enum Admission: Sendable {
    /// Answer this and read no body.
    case refuse(Response)
    /// Collect the body up to a limit, then ask for the answer.
    case collect(limit: Int, Ticket)
    /// Ask for the answer at once; the body comes as it is read.
    case stream(limit: Int, Ticket)

    /// What the responder wants to find again with the request.
    public typealias Ticket = any Sendable
}

/// Limits of a listener; every queue and wait is bounded by one of them.
public struct ListenerLimits: Sendable {
    public var connections = 1_024
    /// How long a connection may stay silent while it is the client's turn, in seconds.
    public var idleSeconds: Int64 = 60
    /// How long a request's head, or a body that is collected, may take to come: slow drops do not hold a connection.
    public var requestSeconds: Int64 = 60
    /// Bytes of a request's line and headers together.
    public var headBytes = 16 * 1_024
    /// Header fields of a request.
    public var headFields = 100

    public init() {}
}

/// Accepts connections on addresses and sockets and hands requests to a responder.
public final class HTTPListener: Sendable {
    public enum Address: Hashable, Sendable {
        case network(host: String, port: Int)
        /// A socket file that only its owner can reach.
        case socket(path: String)
    }

    private let group: MultiThreadedEventLoopGroup
    private let responder: any RequestResponder
    private let limits: ListenerLimits
    private let connections: ConnectionCount
    /// What each thread of the group is to the responder.
    private let threads = ThreadSpecificVariable<RequestThread>()
    /// Guards the open server channels.
    private let channels = Mutex<[any Channel]>([])

    public convenience init(responder: any RequestResponder, threads: Int, limits: ListenerLimits = ListenerLimits()) {
        self.init(responder: responder, threads: threads, limits: limits, connections: ConnectionCount())
    }

    init(responder: any RequestResponder, threads: Int, limits: ListenerLimits, connections: ConnectionCount) {
        self.connections = connections
        group = MultiThreadedEventLoopGroup(numberOfThreads: threads)
        self.responder = responder
        self.limits = limits
    }

    /// Starts to listen; returns the port that was bound, or nil for a socket.
    public func listen(on address: Address) async throws -> Int? {
        let responder = responder
        let limits = limits
        let connections = connections
        let threads = threads
        let isOwner = if case .socket = address { true } else { false }
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 512)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: isOwner ? 0 : 1)
            .childChannelOption(.maxMessagesPerRead, value: 4)
            .childChannelInitializer { channel in
                let loop = channel.eventLoop
                return loop.makeCompletedFuture {
                    let thread = threads.currentValue ?? RequestThread(isCurrent: { loop.inEventLoop }, enqueue: { loop.execute($0) })
                    threads.currentValue = thread
                    if !isOwner { try channel.syncOptions?.setOption(.tcpOption(.tcp_nodelay), value: 1) }
                    let peer: Request.Peer = isOwner ? .owner : .network(address: channel.remoteAddress?.ipAddress ?? "unknown")
                    var bounds = NIOHTTPDecoderLimitConfiguration()
                    bounds.maxHeaderFieldSize = limits.headBytes
                    bounds.maxHeaderListSize = limits.headBytes
                    bounds.maxHeaderFieldCount = limits.headFields
                    try channel.pipeline.syncOperations.addHandler(
                        ByteToMessageHandler(
                            HTTPRequestDecoder(
                                leftOverBytesStrategy: .dropBytes, informationalResponseStrategy: .drop, limitConfiguration: bounds)))
                    try channel.pipeline.syncOperations.addHandler(
                        HTTPConnection(responder: responder, thread: thread, peer: peer, connections: connections, limits: limits))
                }
            }
        let channel =
            switch address {
            case .network(let host, let port): try await bootstrap.bind(host: host, port: port).get()
            case .socket(let path): try await bootstrap.bind(unixDomainSocketPath: path, cleanupExistingSocketFile: true).get()
            }
        channels.withLock { $0.append(channel) }
        return channel.localAddress?.port
    }

    /// Stops accepting, lets requests that have begun be answered for a while, closes what is open and ends the threads.
    public func stop(waitingSeconds: Int64 = 5) async {
        let open = channels.withLock { channels in
            defer { channels = [] }
            return channels
        }
        for channel in open { try? await channel.close() }
        let loop = group.next()
        for _ in 0..<(max(0, waitingSeconds) * 50) where connections.underWay > 0 {
            try? await loop.scheduleTask(in: .milliseconds(20)) {}.futureResult.get()
        }
        try? await group.shutdownGracefully()
    }
}

/// How many connections are open, and how many requests on them are not answered yet.
final class ConnectionCount: Sendable {
    private let open = Atomic<Int>(0)

    private let requests = Atomic<Int>(0)

    var count: Int { open.load(ordering: .relaxed) }
    /// Requests that wait for their answer.
    var underWay: Int { requests.load(ordering: .relaxed) }

    func answering() { requests.add(1, ordering: .relaxed) }
    func answered() { requests.subtract(1, ordering: .relaxed) }

    /// Counts one more and says whether the limit allows it.
    func enter(limit: Int) -> Bool {
        open.add(1, ordering: .relaxed).newValue <= limit
    }

    func leave() {
        open.subtract(1, ordering: .relaxed)
    }
}
