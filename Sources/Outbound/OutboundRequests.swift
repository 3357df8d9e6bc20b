import AsyncHTTPClient
import Glibc
import MartletFrames
public import MartletWorld
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// Asks servers over the real network.
///
/// Each hop looks the host's addresses up itself, holds the rule against them and connects to one that passed, so that
/// a name cannot change its address in between. Every request has a connection of its own. HTTP/1.1, no proxies, no cookies, answers as
/// they come: nothing is decompressed.
public struct OutboundRequests: HTTPRequests {
    /// Certificates that are trusted in place of the system's; nil for the system's.
    private let roots: [NIOSSLCertificate]?
    private let lookUp: LookUp

    /// Finds the addresses of a host, those to be tried first in front.
    package typealias LookUp = @Sendable (_ host: String) async throws(HTTPRequestError) -> [InternetAddress]

    public init() {
        roots = nil
        lookUp = HostLookup.addresses
    }

    /// Finds addresses otherwise than the system does.
    package init(lookUp: @escaping LookUp) {
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

    public func send(_ request: HTTPRequest) async throws(HTTPRequestError) -> HTTPAnswer {
        let result = await withTaskGroup(of: Result<HTTPAnswer, HTTPRequestError>.self) { group in
            group.addTask { await self.result(of: request) }
            group.addTask {
                await Self.pause(request.timeout)
                return .failure(
                    HTTPRequestError(.timedOut, "\(request.address.origin) has not answered within \(request.timeout)"))
            }
            let first = await group.next()
            group.cancelAll()
            return first
        }
        if Task.isCancelled { throw HTTPRequestError(.cancelled, "the request to \(request.address.origin) was given up") }
        guard let result else { throw HTTPRequestError(.cancelled, "the request was given up") }
        return try result.get()
    }

    /// Returns early if the task is cancelled.
    static func pause(_ span: Timestamp.Span) async {
        let timer = MultiThreadedEventLoopGroup.singleton.any().scheduleTask(in: .microseconds(span.microseconds)) {}
        await withTaskCancellationHandler {
            try? await timer.futureResult.get()
        } onCancel: {
            timer.cancel()
        }
    }

    private func result(of request: HTTPRequest) async -> Result<HTTPAnswer, HTTPRequestError> {
        do throws(HTTPRequestError) {
            return .success(try await answer(to: request))
        } catch {
            return .failure(error)
        }
    }

    // MARK: - Hops

    private func answer(to request: HTTPRequest) async throws(HTTPRequestError) -> HTTPAnswer {
        var request = request
        for _ in 0..<request.redirectLimit {
            let answer = try await ask(request)
            guard let next = try request.following(answer) else { return answer }
            request = next
        }
        let answer = try await ask(request)
        if request.redirectLimit > 0, try request.following(answer) != nil {
            throw HTTPRequestError(.unusable, "\(request.address.origin) redirects once more after \(request.redirectLimit) redirects")
        }
        return answer
    }

    private func ask(_ request: HTTPRequest) async throws(HTTPRequestError) -> HTTPAnswer {
        let host = request.address.host
        var refused: (InternetAddress, EgressRule.Refusal)?
        var allowed: [InternetAddress] = []
        for address in try await lookUp(host) {
            if let refusal = request.rule.refusal(of: address) { refused = refused ?? (address, refusal) } else { allowed.append(address) }
        }
        var failure: HTTPRequestError?
        for address in allowed.prefix(Self.addressLimit) {
            do {
                return try await ask(request, at: address)
            } catch let error as ConnectFailure {
                failure = HTTPRequestError(.unreachable, "\(request.address.origin) cannot be reached at \(address): \(error.reason)")
            } catch {
                throw Self.failure(error, request)
            }
        }
        if let failure { throw failure }
        guard let (address, refusal) = refused else { throw HTTPRequestError(.unreachable, "the host '\(host)' has no address") }
        let name = InternetAddress(host) == nil ? "'\(host)' is at \(address), \(refusal.what)" : "'\(host)' is \(refusal.what)"
        throw HTTPRequestError(
            .forbidden, refusal.canBeAllowed ? name : name + ", which is never connected to",
            hint: refusal.canBeAllowed ? "if it may be asked, allow it in martlet.yaml: egress: { allow: [\"\(address)\"] }" : nil)
    }

    // MARK: - One request to one address

    private struct ConnectFailure: Error {
        var reason: String
    }

    /// Where a connection led that should have led elsewhere.
    private struct WrongPeer: Error {}

    private func ask(_ request: HTTPRequest, at address: InternetAddress) async throws -> HTTPAnswer {
        let client = HTTPClient(eventLoopGroupProvider: .shared(MultiThreadedEventLoopGroup.singleton), configuration: configuration(request, address))
        let result: Result<HTTPAnswer, any Error>
        do {
            result = .success(try await ask(request, by: client))
        } catch {
            result = .failure(error)
        }
        try? await client.shutdown()
        return try result.get()
    }

    private func configuration(_ request: HTTPRequest, _ address: InternetAddress) -> HTTPClient.Configuration {
        var security = TLSConfiguration.makeClientConfiguration()
        if let roots { security.trustRoots = .certificates(roots) }
        var configuration = HTTPClient.Configuration(
            tlsConfiguration: security, redirectConfiguration: .disallow, timeout: .init(connect: .seconds(Self.connectSeconds)))
        configuration.httpVersion = .http1Only
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.dnsOverride = [request.address.host: "\(address)"]
        // Looked at again on the connection itself: nothing is sent on one that leads elsewhere.
        configuration.http1_1ConnectionDebugInitializer = { channel in
            let peer = channel.remoteAddress?.ipAddress.flatMap { InternetAddress($0) }
            if peer == address { return channel.eventLoop.makeSucceededVoidFuture() }
            channel.close(promise: nil)
            return channel.eventLoop.makeFailedFuture(WrongPeer())
        }
        return configuration
    }

    private func ask(_ request: HTTPRequest, by client: HTTPClient) async throws -> HTTPAnswer {
        var message = HTTPClientRequest(url: request.address.description)
        message.method = HTTPMethod(rawValue: request.method.rawValue)
        for header in request.headers { message.headers.add(name: header.name, value: header.value) }
        for (name, value) in [("accept", "*/*"), ("user-agent", "martlet")] where !message.headers.contains(name: name) {
            message.headers.add(name: name, value: value)
        }
        if let body = request.body { message.body = .bytes(ByteBuffer(bytes: body)) }
        let response: HTTPClientResponse
        do {
            response = try await client.execute(message, deadline: .now() + .microseconds(request.timeout.microseconds))
        } catch let error where Self.isOfConnecting(error) {
            throw ConnectFailure(reason: "\(error)")
        }
        var answer = HTTPAnswer(
            status: Int(response.status.code), body: [], address: request.address, location: response.headers.first(name: "location"))
        for try await piece in response.body {
            let room = request.answerLimit - answer.body.count
            answer.body += piece.readableBytesView.prefix(room)
            if piece.readableBytes > room {
                answer.isCut = true
                break
            }
        }
        return answer
    }

    // MARK: - Failures

    private static func isOfConnecting(_ error: any Error) -> Bool {
        switch error {
        case is NIOConnectionError: true
        case let error as IOError: [ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, ETIMEDOUT, EADDRNOTAVAIL].contains(error.errnoCode)
        case let error as HTTPClientError: error == .connectTimeout
        default: false
        }
    }

    private static func failure(_ error: any Error, _ request: HTTPRequest) -> HTTPRequestError {
        let origin = request.address.origin
        switch error {
        case let error as HTTPRequestError: return error
        case is CancellationError: return HTTPRequestError(.cancelled, "the request to \(origin) was given up")
        case let error as HTTPClientError where error == .cancelled:
            return HTTPRequestError(.cancelled, "the request to \(origin) was given up")
        case let error as HTTPClientError where error == .deadlineExceeded:
            return HTTPRequestError(.timedOut, "\(origin) has not answered within \(request.timeout)")
        case is NIOSSLError, is NIOSSLExtraError:
            return HTTPRequestError(
                .untrusted, "the certificate of \(origin) does not show that it is that host, or it speaks no TLS: \(error)",
                hint: "its certificate must name the host and be vouched for by the system's roots")
        case let error as HTTPParserError where error == .invalidEOFState:
            return HTTPRequestError(.unreachable, "the connection to \(origin) ended before the answer did")
        case is HTTPParserError: return HTTPRequestError(.unusable, "what \(origin) answers is no HTTP: \(error)")
        case is WrongPeer: return HTTPRequestError(.forbidden, "the connection to \(origin) led to another address")
        default: return HTTPRequestError(.unreachable, "the connection to \(origin) broke: \(error)")
        }
    }
}
