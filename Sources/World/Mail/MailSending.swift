public import MartletFrames

/// Hands mails to a server that sends them on.
///
/// Implemented by the connector `Outbound` over the real network, and by ``NoMail`` where nothing may be reached, as in the simulator.
public protocol MailSending: Sendable {
    /// Hands one mail over; given up as soon as the task that calls it is cancelled.
    ///
    /// The server's rule is held against each address right before it is connected to; a certificate must be vouched for by the
    /// system's roots and name the host.
    ///
    /// - Returns: what the server said to each recipient.
    /// - Throws: ``MailError`` if the server did not take the mail for anybody.
    func send(_ message: MailMessage, through server: MailServer) async throws(MailError) -> MailReceipt
}

/// The server that mails are handed to.
public struct MailServer: Hashable, Sendable {
    public enum Security: String, Hashable, Sendable, CaseIterable {
        /// TLS from the first byte on (`smtps:`).
        case tls
        /// TLS before anything else is said, by STARTTLS; a server that does not offer it is left.
        case startTLS = "starttls"
        /// By STARTTLS where the server offers it, else in the clear: whoever is on the way can see to it that it is in the clear.
        case startTLSIfOffered = "starttls_if_offered"
        /// In the clear. Nobody is introduced by a password then.
        case none
    }

    public var host: String
    public var port: Int
    public var security: Security
    /// Who hands mails over; nil for nobody by name.
    public var login: MailLogin?
    /// Held against every address that is connected to.
    public var rule: EgressRule
    /// What this machine calls itself; a name of a host or an address in brackets.
    public var ownName: String
    /// From the search for the host's address to the last reply.
    public var timeout: Timestamp.Span = .minutes(5)

    public init(
        host: String, port: Int? = nil, security: Security = .startTLS, login: MailLogin? = nil, rule: EgressRule = EgressRule(),
        ownName: String = "[127.0.0.1]"
    ) {
        self.host = host
        self.port = port ?? (security == .tls ? 465 : 587)
        self.security = security
        self.login = login
        self.rule = rule
        self.ownName = ownName
    }
}

/// A name and a password for a server of mails; the password prints as *redacted*.
public struct MailLogin: Hashable, Sendable {
    public let user: String
    let password: HiddenText

    public init(user: String, password: String) {
        self.user = user
        self.password = HiddenText(text: password)
    }
}

extension MailLogin: CustomStringConvertible, CustomDebugStringConvertible {
    public var description: String { "\(user), redacted" }
    public var debugDescription: String { description }
}

/// A text that is not printed, not even by a debugger's mirror.
struct HiddenText: Hashable, Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    let text: String

    var description: String { "redacted" }
    var debugDescription: String { "redacted" }
    var customMirror: Mirror { Mirror(self, children: []) }
}

/// What a server said of a mail that it took.
public struct MailReceipt: Hashable, Sendable {
    /// Recipients that it takes the mail for.
    public var accepted: [MailAddress]
    /// Recipients that it does not, each with its words.
    public var refused: [Refusal]

    public struct Refusal: Hashable, Sendable {
        public var recipient: MailAddress
        public var reply: String
        /// Whether it may be taken later.
        public var isTemporary: Bool
    }

    public init(accepted: [MailAddress], refused: [Refusal]) {
        self.accepted = accepted
        self.refused = refused
    }
}

/// Why a mail was not taken.
public struct MailError: Error, Hashable, Sendable {
    /// What kind of failure; an open set.
    public struct Code: Hashable, Sendable {
        private enum Raw { case later, refused, forbidden, untrusted, unreachable, timedOut, cancelled, unusable }
        private let raw: Raw
        private init(_ raw: Raw) { self.raw = raw }

        /// The server says to try again later (4yz).
        public static let later = Self(.later)
        /// The server does not take it, however often it is tried (5yz).
        public static let refused = Self(.refused)
        /// The address is none that may be connected to.
        public static let forbidden = Self(.forbidden)
        /// There is no secure connection where there must be one.
        public static let untrusted = Self(.untrusted)
        public static let unreachable = Self(.unreachable)
        public static let timedOut = Self(.timedOut)
        public static let cancelled = Self(.cancelled)
        /// What came is no SMTP.
        public static let unusable = Self(.unusable)
    }

    public var code: Code
    /// What was asked, and what came of it; the server's words are bounded and have no control characters.
    public var message: String
    /// The next thing to try.
    public var hint: String?

    public init(_ code: Code, _ message: String, hint: String? = nil) {
        self.code = code
        self.message = message
        self.hint = hint
    }

    /// Whether the same mail may be taken later.
    public var isTemporary: Bool { ![.refused, .forbidden, .untrusted].contains(code) }
}

extension MailError: CustomStringConvertible {
    public var description: String { message + (hint.map { "\n hint: " + $0 } ?? "") }
}

/// A world from which no mail is sent.
public struct NoMail: MailSending {
    public init() {}

    public func send(_ message: MailMessage, through server: MailServer) async throws(MailError) -> MailReceipt {
        throw MailError(.forbidden, "this process sends no mail")
    }
}
