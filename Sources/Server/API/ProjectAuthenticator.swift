import MartletAccess
import MartletBytes

/// Knows callers by where they come from, their token, or their browser's session.
struct ProjectAuthenticator: Authenticator {
    static let sessionCookie = "martlet_session"
    /// The page's own script sends it; no form and no image of another site can.
    static let scriptHeader = "x-martlet"

    private let tokens: TokenStore
    private let owner: Principal
    private let holder: TaskHolder

    /// Who the program of a task acts as; nil for a token of no task that is under way.
    typealias TaskHolder = @Sendable (_ token: Secret) throws(AccessError) -> Principal?

    init(tokens: TokenStore, owner: Principal, taskHolder: @escaping TaskHolder = { _ throws(AccessError) in nil }) {
        self.tokens = tokens
        self.owner = owner
        holder = taskHolder
    }

    /// The owner of the folder may act as somebody else by a token, as the programs of tasks do; a wrong one makes nobody the owner.
    func principal(of request: Request) throws(AccessError) -> Principal {
        let token: Secret?
        switch request.peer {
        case .network: token = presented(request)
        case .owner:
            guard let header = request.headers["authorization"] else { return owner }
            token = Self.token(in: header)
        }
        if let token, let principal = try holder(token) { return principal }
        return try tokens.principal(presenting: token, from: request.source)
    }

    /// The principal of a browser's session, for pages that look otherwise without one; nil if there is none.
    func session(of request: Request) throws(AccessError) -> Principal? {
        guard request.peer == .owner || presented(request) != nil else { return nil }
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
