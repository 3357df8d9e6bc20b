/// The address of something on the web: `https://example.org:8443/a?b=c`.
///
/// Read strictly, so that whoever checks it and whoever connects by it agree on what it names.
public struct WebAddress: Hashable, Sendable {
    public enum Scheme: String, Hashable, Sendable {
        case http, https
        public var port: Int { self == .http ? 80 : 443 }
    }

    public let scheme: Scheme
    /// In small letters; an address of version 6 without its brackets.
    public let host: String
    public let port: Int
    /// The path and, if there is one, `?` and the query; begins with `/`. What stood after `#` is no part of it.
    public let target: String

    /// - Throws: what is wrong, as the end of a sentence that begins with the address: `has no host`.
    public init(_ text: String) throws(WebAddressError) {
        guard text.utf8.count <= 8_192 else { throw WebAddressError("is longer than 8192 bytes") }
        guard text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw WebAddressError("has a space, a control character or one that is not ASCII; write such as %20")
        }
        guard !text.utf8.contains(UInt8(ascii: "\\")) else { throw WebAddressError("has a '\\', which programs read differently") }
        let lowered = text.prefix(8).lowercased()
        if lowered == "https://" { scheme = .https } else if lowered.hasPrefix("http://") { scheme = .http } else {
            throw WebAddressError("does not begin with http:// or https://")
        }
        let rest = text.dropFirst(scheme.rawValue.count + 3)
        let authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        let place = try Self.hostAndPort(authority, scheme)
        host = place.host
        port = place.port
        let target = rest.dropFirst(authority.count).prefix { $0 != "#" }
        self.target = target.hasPrefix("/") ? String(target) : "/" + target
    }

    private static func hostAndPort(_ authority: Substring, _ scheme: Scheme) throws(WebAddressError) -> (host: String, port: Int) {
        guard !authority.contains("@") else {
            throw WebAddressError("has a user before '@', and what stands there is easily taken for the host")
        }
        var host = authority
        var digits: Substring?
        if authority.hasPrefix("[") {
            guard let end = authority.firstIndex(of: "]"), InternetAddress(String(authority[authority.index(after: authority.startIndex)..<end])) != nil
            else { throw WebAddressError("has no address of version 6 within its brackets") }
            host = authority[authority.index(after: authority.startIndex)..<end]
            let after = authority[authority.index(after: end)...]
            guard after.isEmpty || after.hasPrefix(":") else { throw WebAddressError("has no port after its brackets") }
            digits = after.isEmpty ? nil : after.dropFirst()
        } else if let colon = authority.firstIndex(of: ":") {
            host = authority[..<colon]
            digits = authority[authority.index(after: colon)...]
        }
        guard !host.isEmpty else { throw WebAddressError("has no host") }
        if !authority.hasPrefix("[") {
            guard host.utf8.count <= 253, host.utf8.allSatisfy(isHostByte), !host.hasPrefix("."), !host.contains("..") else {
                throw WebAddressError("has a host that is no name, '\(host.prefix(60))'")
            }
        }
        guard let digits else { return (host.lowercased(), scheme.port) }
        guard digits.utf8.count <= 5, digits.utf8.allSatisfy({ (48...57).contains($0) }), let port = Int(digits), (1...65_535).contains(port)
        else { throw WebAddressError("has a port that is no number from 1 to 65535") }
        return (host.lowercased(), port)
    }

    private static func isHostByte(_ byte: UInt8) -> Bool {
        (0x61...0x7A).contains(byte | 0x20) || (0x30...0x39).contains(byte) || byte == 0x2D || byte == 0x2E || byte == 0x5F
    }

    /// What a redirect's `location` names, seen from here.
    public func following(_ location: String) throws(WebAddressError) -> WebAddress {
        let head = location.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        // A ':' before any '/' ends the name of a scheme.
        if head.contains(":") { return try WebAddress(location) }
        if location.hasPrefix("//") { return try WebAddress("\(scheme.rawValue):\(location)") }
        if location.hasPrefix("/") { return try WebAddress(origin + location) }
        let path = target.prefix { $0 != "?" }
        if location.hasPrefix("?") || location.isEmpty { return try WebAddress(origin + path + location) }
        let folder = path.lastIndex(of: "/").map { path[...$0] } ?? "/"
        return try WebAddress(origin + folder + location)
    }

    /// Scheme, host and port, as in `https://example.org`.
    public var origin: String {
        let name = host.contains(":") ? "[\(host)]" : host
        return "\(scheme.rawValue)://\(name)" + (port == scheme.port ? "" : ":\(port)")
    }

    /// Without the query, which may hold what no log should.
    public var withoutQuery: String { origin + target.prefix { $0 != "?" } }
}

extension WebAddress: CustomStringConvertible {
    public var description: String { origin + target }
}

/// What is wrong with a text that is no address of the web.
public struct WebAddressError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The end of a sentence: `has no host`.
    public var description: String

    init(_ description: String) {
        self.description = description
    }
}
