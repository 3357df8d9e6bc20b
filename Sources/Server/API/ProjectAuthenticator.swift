import MartletAccess

/// Knows callers by where they come from, their token, or their browser's session.
struct ProjectAuthenticator: Authenticator {
    static let sessionCookie = "martlet_session"
    /// The page's own script sends it; no form and no image of another site can.
    static let scriptHeader = "x-martlet"

    private let tokens: TokenStore
    private let owner: Principal

    init(tokens: TokenStore, owner: Principal) {
        self.tokens = tokens
        self.owner = owner
    }

    func principal(of request: Request) throws(AccessError) -> Principal {
        guard case .network(let address) = request.peer else { return owner }
        return try tokens.principal(presenting: presented(request), from: address)
    }

    /// The principal of a browser's session, for pages that look otherwise without one; nil if there is none.
    func session(of request: Request) throws(AccessError) -> Principal? {
        guard case .network = request.peer else { return owner }
        guard presented(request) != nil else { return nil }
        do throws(AccessError) {
            return try principal(of: request)
        } catch {
            guard error.code == .unauthenticated || error.code == .tooManyAttempts else { throw error }
            return nil
        }
    }

    private func presented(_ request: Request) -> Secret? {
        if let header = request.headers["authorization"] { return Self.token(in: header) }
        guard let cookie = request.headers["cookie"], let session = Self.session(in: cookie) else { return nil }
        // A browser sends the cookie by itself, so what changes something must come from our own script: the gatekeeper
        // has checked that a given origin is ours, and here one must be given.
        let isReading = request.method == .get || request.method == .head
        guard isReading || (request.headers["origin"] != nil && request.headers[Self.scriptHeader] == "1") else { return nil }
        return session
    }

    /// `Bearer TOKEN`, or `Basic` with the token as password, for programs that know no other way.
    static func token(in header: String) -> Secret? {
        // As nearly every client writes it.
        if header.hasPrefix("Bearer "), header.utf8.dropFirst(7).first != 0x20 { return Secret(String(header.utf8.dropFirst(7)) ?? "") }
        let parts = header.split(separator: " ", maxSplits: 1)
        guard parts.count == 2 else { return nil }
        let credential = parts[1].drop { $0 == " " }
        switch parts[0].lowercased() {
        case "bearer": return Secret(String(credential))
        case "basic":
            guard let bytes = Base64Text.decode(credential.utf8), let colon = bytes.firstIndex(of: 0x3A) else { return nil }
            return String(validating: bytes[(colon + 1)...], as: UTF8.self).map { Secret($0) }
        default: return nil
        }
    }

    static func session(in cookies: String) -> Secret? {
        for cookie in cookies.split(separator: ";") {
            let pair = cookie.drop { $0 == " " }.split(separator: "=", maxSplits: 1)
            if pair.count == 2, pair[0] == sessionCookie { return Secret(String(pair[1])) }
        }
        return nil
    }
}

/// Reads base 64 as RFC 4648 section 4 has it.
enum Base64Text {
    /// Nil for a character outside the alphabet, or a length that no bytes give.
    static func decode(_ text: some Sequence<UInt8>) -> [UInt8]? {
        var bytes: [UInt8] = []
        var buffer: UInt32 = 0
        var bits = 0
        var padding = 0
        var count = 0
        for character in text {
            count += 1
            if character == 0x3D {
                padding += 1
                continue
            }
            guard padding == 0, let value = value(character) else { return nil }
            buffer = buffer << 6 | UInt32(value)
            bits += 6
            if bits >= 8 {
                bits -= 8
                bytes.append(UInt8(truncatingIfNeeded: buffer >> UInt32(bits)))
            }
        }
        guard padding <= 2, count % 4 == 0 else { return nil }
        return bytes
    }

    private static func value(_ character: UInt8) -> UInt8? {
        switch character {
        case 0x41...0x5A: character - 0x41
        case 0x61...0x7A: character - 0x61 + 26
        case 0x30...0x39: character - 0x30 + 52
        case 0x2B: 62
        case 0x2F: 63
        default: nil
        }
    }
}
