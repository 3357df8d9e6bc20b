import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// A server of mails on this machine that replies as it is told, also as no decent server would.
public final class LoopbackMailServer: Sendable {
    public enum Reply: Sendable {
        /// A line, without its end; several with CR LF between them.
        case say(String)
        /// The same, then TLS begins.
        case beginTLS(String)
        /// Nothing, ever.
        case silence
        /// The end of the connection.
        case hangUp
    }

    public let port: Int
    private let channel: any Channel
    private let noted = Noted()
    private let group: MultiThreadedEventLoopGroup

    /// Listens on a port that the system chooses.
    ///
    /// - Parameters:
    ///   - certificate: the PEM texts of its certificate and key.
    ///   - isSecure: whether TLS begins with the first byte.
    ///   - reply: called with each line, and whether it came over TLS; first with nil, for the greeting. A mail's text is one line.
    public init(
        certificate: (chain: String, key: String)? = nil, isSecure: Bool = false, _ reply: @escaping @Sendable (_ line: String?, _ isSecure: Bool) -> Reply
    ) async throws {
        group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let security = try certificate.map { certificate in
            try NIOSSLContext(
                configuration: .makeServerConfiguration(
                    certificateChain: try NIOSSLCertificate.fromPEMBytes(Array(certificate.chain.utf8)).map { .certificate($0) },
                    privateKey: .privateKey(try NIOSSLPrivateKey(bytes: Array(certificate.key.utf8), format: .pem))))
        }
        let noted = noted
        channel = try await ServerBootstrap(group: group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if isSecure, let security { try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: security)) }
                    try channel.pipeline.syncOperations.addHandler(MailConversation(security, isSecure: isSecure, noted, reply))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        port = channel.localAddress?.port ?? 0
    }

    /// Every line that it was told so far; a mail's text is one.
    public var lines: [String] { noted.lines.withLock { $0 } }

    public func stop() async {
        try? await channel.close()
        try? await group.shutdownGracefully()
    }
}

private final class Noted: Sendable {
    let lines = Mutex<[String]>([])
}

private final class MailConversation: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let security: NIOSSLContext?
    private var isSecure: Bool
    private let noted: Noted
    private let reply: @Sendable (String?, Bool) -> LoopbackMailServer.Reply
    private var input: [UInt8] = []
    private var isText = false

    init(_ security: NIOSSLContext?, isSecure: Bool, _ noted: Noted, _ reply: @escaping @Sendable (String?, Bool) -> LoopbackMailServer.Reply) {
        self.security = security
        self.isSecure = isSecure
        self.noted = noted
        self.reply = reply
    }

    func channelActive(context: ChannelHandlerContext) {
        perform(reply(nil, isSecure), context)
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        for byte in unwrapInboundIn(data).readableBytesView {
            input.append(byte)
            guard input.suffix(2) == [0x0D, 0x0A], !isText || input.suffix(5) == Array("\r\n.\r\n".utf8)[...] else { continue }
            let line = String(decoding: input.dropLast(isText ? 5 : 2), as: UTF8.self)
            input = []
            isText = false
            noted.lines.withLock { $0.append(line) }
            perform(reply(line, isSecure), context)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func perform(_ reply: LoopbackMailServer.Reply, _ context: ChannelHandlerContext) {
        func say(_ text: String) {
            isText = text.hasPrefix("354")
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text + "\r\n")), promise: nil)
        }
        switch reply {
        case .say(let text): say(text)
        case .beginTLS(let text):
            say(text)
            isSecure = true
            if let security { try? context.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: security), position: .first) }
        case .silence: break
        case .hangUp: context.close(promise: nil)
        }
    }
}
