import MartletFrames
public import MartletWorld
import NIOCore
import NIOPosix
import NIOSSL
import NIOTLS

/// Hands mails to servers over the real network.
///
/// What is said is decided by `SMTPConversation`; this is its sockets, its TLS and its timers. The host's addresses are looked up here and
/// held against the server's rule, and the one that passed is connected to, so that a name cannot change its address in between. Every mail has a
/// connection of its own.
public struct OutboundMail: MailSending {
    /// Certificates that are trusted in place of the system's; nil for the system's.
    private let roots: [NIOSSLCertificate]?
    private let lookUp: OutboundRequests.LookUp

    public init() {
        roots = nil
        lookUp = HostLookup.addresses
    }

    /// Finds addresses otherwise than the system does.
    package init(lookUp: @escaping OutboundRequests.LookUp) {
        roots = nil
        self.lookUp = lookUp
    }

    /// Trusts the certificates of a PEM text, and no others.
    package init(trusting roots: String) throws {
        self.roots = try NIOSSLCertificate.fromPEMBytes(Array(roots.utf8))
        lookUp = HostLookup.addresses
    }

    /// How long one address may take to answer the call, before the next is tried.
    private static let connectSeconds: Int64 = 10
    /// How many addresses of one host are tried.
    private static let addressLimit = 4

    public func send(_ message: MailMessage, through server: MailServer) async throws(MailError) -> MailReceipt {
        let place = "\(server.host):\(server.port)"
        let result = await withTaskGroup(of: Result<MailReceipt, MailError>.self) { group in
            group.addTask { await self.result(of: message, server) }
            group.addTask {
                await OutboundRequests.pause(server.timeout)
                return .failure(MailError(.timedOut, "\(place) has not taken the mail within \(server.timeout); it may have taken it"))
            }
            let first = await group.next()
            group.cancelAll()
            return first
        }
        if Task.isCancelled { throw MailError(.cancelled, "the mail through \(place) was given up") }
        guard let result else { throw MailError(.cancelled, "the mail through \(place) was given up") }
        return try result.get()
    }

    private func result(of message: MailMessage, _ server: MailServer) async -> Result<MailReceipt, MailError> {
        do throws(MailError) {
            return .success(try await hand(over: message, server))
        } catch {
            return .failure(error)
        }
    }

    private func hand(over message: MailMessage, _ server: MailServer) async throws(MailError) -> MailReceipt {
        let known: [InternetAddress]
        do throws(HTTPRequestError) {
            known = try await lookUp(server.host)
        } catch {
            throw MailError(error.code == .cancelled ? .cancelled : .unreachable, error.message)
        }
        let allowed = known.filter { server.rule.refusal(of: $0) == nil }
        var failure: MailError?
        for address in allowed.prefix(Self.addressLimit) {
            let channel: any Channel
            let promise = MultiThreadedEventLoopGroup.singleton.any().makePromise(of: Result<MailReceipt, MailError>.self)
            do {
                let peer = try SocketAddress(ipAddress: "\(address)", port: server.port)
                let security = server.security == .none ? nil : try context()
                channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                    .connectTimeout(.seconds(Self.connectSeconds))
                    .channelInitializer { channel in
                        channel.eventLoop.makeCompletedFuture {
                            let pipeline = channel.pipeline.syncOperations
                            if server.security == .tls, let security {
                                try pipeline.addHandler(MailHandler.security(security, server))
                            }
                            try pipeline.addHandler(MailHandler(message, server, security, promise))
                        }
                    }
                    .connect(to: peer).get()
            } catch {
                let error = MailError(.unreachable, "\(server.host):\(server.port) cannot be reached at \(address): \(error)")
                promise.succeed(.failure(error))
                failure = error
                continue
            }
            do {
                return try await withTaskCancellationHandler {
                    try await promise.futureResult.get()
                } onCancel: {
                    channel.close(promise: nil)
                }.get()
            } catch let error as MailError {
                throw error
            } catch {
                throw MailError(.unreachable, "the connection to \(server.host):\(server.port) broke: \(error)")
            }
        }
        if let failure { throw failure }
        guard let address = known.first, let refusal = server.rule.refusal(of: address) else {
            throw MailError(.unreachable, "the host '\(server.host)' has no address")
        }
        throw MailError(
            .forbidden, "'\(server.host)' is at \(address), \(refusal.what)" + (refusal.canBeAllowed ? "" : ", which is never connected to"),
            hint: refusal.canBeAllowed ? "if it may be asked, allow it in martlet.yaml: egress: { allow: [\"\(address)\"] }" : nil)
    }

    private func context() throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        if let roots { configuration.trustRoots = .certificates(roots) }
        return try NIOSSLContext(configuration: configuration)
    }
}

/// Does what a conversation says, on the connection's loop.
private final class MailHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private var conversation: SMTPConversation
    private let server: MailServer
    private let security: NIOSSLContext?
    private let promise: EventLoopPromise<Result<MailReceipt, MailError>>
    private var timer: Scheduled<Void>?
    private var hasBegun = false

    init(_ message: MailMessage, _ server: MailServer, _ security: NIOSSLContext?, _ promise: EventLoopPromise<Result<MailReceipt, MailError>>) {
        conversation = SMTPConversation(message, server: server)
        self.server = server
        self.security = security
        self.promise = promise
    }

    static func security(_ context: NIOSSLContext, _ server: MailServer) throws -> NIOSSLClientHandler {
        // Without a name the certificate must have the address that is connected to.
        try NIOSSLClientHandler(context: context, serverHostname: InternetAddress(server.host) == nil ? server.host : nil)
    }

    func channelActive(context: ChannelHandlerContext) {
        if server.security == .tls {
            wait(.minutes(1), context)
        } else {
            begin(context)
        }
        context.fireChannelActive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted? = event as? TLSUserEvent {
            if server.security == .tls { begin(context) } else { perform(conversation.secured(), context) }
        }
        context.fireUserInboundEventTriggered(event)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        perform(conversation.received(unwrapInboundIn(data).readableBytesView), context)
    }

    func channelInactive(context: ChannelHandlerContext) {
        perform(conversation.closed(), context)
        timer?.cancel()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch error {
        // A peer that does not say goodbye by TLS: what counts was said by SMTP.
        case NIOSSLError.uncleanShutdown: perform(conversation.closed(), context)
        case is NIOSSLError, is NIOSSLExtraError, is BoringSSLError: perform(conversation.notSecured(Self.reason(error)), context)
        default: perform(conversation.closed("\(error)"), context)
        }
    }

    /// What TLS says of a failure, without the place in its sources.
    private static func reason(_ error: any Error) -> String {
        let text = "\(error)"
        guard let start = text.firstRange(of: "OPENSSL_internal:") else { return text }
        return String(text[start.upperBound...].prefix { $0 != " " && $0 != "]" })
    }

    private func begin(_ context: ChannelHandlerContext) {
        guard !hasBegun else { return }
        hasBegun = true
        perform(conversation.begin(), context)
    }

    private func perform(_ actions: [SMTPConversation.Action], _ context: ChannelHandlerContext) {
        for action in actions {
            switch action {
            case .send(let bytes): context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: bytes)), promise: nil)
            case .startTLS:
                do {
                    guard let security else { throw NIOSSLError.failedToLoadCertificate }
                    try context.pipeline.syncOperations.addHandler(Self.security(security, server), position: .first)
                } catch {
                    perform(conversation.notSecured("\(error)"), context)
                }
            case .wait(let span): wait(span, context)
            case .finish(let result): promise.succeed(result)
            case .close:
                timer?.cancel()
                context.close(promise: nil)
            }
        }
    }

    private func wait(_ span: Timestamp.Span, _ context: ChannelHandlerContext) {
        timer?.cancel()
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        timer = context.eventLoop.scheduleTask(in: .microseconds(span.microseconds)) {
            let (handler, context) = bound.value
            handler.perform(handler.conversation.timedOut(), context)
        }
    }
}
