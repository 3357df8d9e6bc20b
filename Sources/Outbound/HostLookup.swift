import Dispatch
import Glibc
import MartletWorld
import NIOCore
import NIOPosix

/// The addresses that the system knows of a host.
enum HostLookup {
    /// In the order in which the system prefers them, each once; given up when the task is cancelled.
    static func addresses(of host: String) async throws(HTTPRequestError) -> [InternetAddress] {
        if let address = InternetAddress(host) { return [address] }
        let promise = MultiThreadedEventLoopGroup.singleton.any().makePromise(of: [InternetAddress].self)
        // The system's call cannot be cut short; its thread ends when it does.
        DispatchQueue.global().async { promise.completeWith(Result { () throws in try lookUp(host) }) }
        do {
            return try await withTaskCancellationHandler {
                try await promise.futureResult.get()
            } onCancel: {
                promise.fail(HTTPRequestError(.cancelled, "the search for '\(host)' was given up"))
            }
        } catch let error as HTTPRequestError {
            throw error
        } catch {
            throw HTTPRequestError(.unreachable, "the host '\(host)' cannot be looked up: \(error)")
        }
    }

    private static func lookUp(_ host: String) throws(HTTPRequestError) -> [InternetAddress] {
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(host, nil, &hints, &list)
        defer { if let list { freeaddrinfo(list) } }
        guard code == 0 else {
            throw HTTPRequestError(.unreachable, "the host '\(host)' is not known: \(gai_strerror(code).map { String(cString: $0) } ?? "code \(code)")")
        }
        var addresses: [InternetAddress] = []
        var next = list
        while let entry = next?.pointee {
            next = entry.ai_next
            guard let address = address(entry), !addresses.contains(address) else { continue }
            addresses.append(address)
        }
        return addresses
    }

    private static func address(_ entry: addrinfo) -> InternetAddress? {
        guard let pointer = entry.ai_addr else { return nil }
        let raw = UnsafeRawPointer(pointer)
        switch entry.ai_family {
        case AF_INET:
            let four = raw.loadUnaligned(as: sockaddr_in.self).sin_addr
            return InternetAddress(bytes: withUnsafeBytes(of: four) { Array($0) })
        case AF_INET6:
            let six = raw.loadUnaligned(as: sockaddr_in6.self).sin6_addr
            return InternetAddress(bytes: withUnsafeBytes(of: six) { Array($0) })
        default: return nil
        }
    }
}
