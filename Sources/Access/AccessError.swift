/// A refusal, or a failure of access management. Messages never tell whether a resource exists, nor any part of a secret.
public struct AccessError: Error, Sendable {
    /// What kind of failure; the only part that tests and callers compare.
    public struct Code: Hashable, Sendable {
        private enum Raw { case unauthenticated, tooManyAttempts, denied, invalid, notFound, invalidSecret, noSecret, unavailable }
        private let raw: Raw
        private init(_ raw: Raw) { self.raw = raw }

        /// No credential, or none that is valid now.
        public static let unauthenticated = Self(.unauthenticated)
        /// No valid credential, and too many such attempts from this source.
        public static let tooManyAttempts = Self(.tooManyAttempts)
        /// The principal is known and may not do this.
        public static let denied = Self(.denied)
        /// What was asked for makes no sense.
        public static let invalid = Self(.invalid)
        /// No such token.
        public static let notFound = Self(.notFound)
        /// A secret's name or value that cannot be taken.
        public static let invalidSecret = Self(.invalidSecret)
        /// No such secret.
        public static let noSecret = Self(.noSecret)
        /// The store of tokens cannot be read or written.
        public static let unavailable = Self(.unavailable)
    }

    public var code: Code
    /// What was asked, and what was found instead.
    public var message: String
    /// The next thing to try.
    public var hint: String?
    /// What went wrong below.
    public var cause: (any Error)?

    init(_ code: Code, _ message: String, hint: String? = nil, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.hint = hint
        self.cause = cause
    }
}

extension AccessError: CustomStringConvertible {
    public var description: String { message + (hint.map { "\n hint: " + $0 } ?? "") }
}

extension AccessError {
    static let unauthenticated = Self(
        .unauthenticated, "the request has no valid token",
        hint: "send a token as 'Authorization: Bearer …'; 'martlet token create' makes one")

    static let unsigned = Self(
        .unauthenticated, "the request has no valid signature",
        hint: "sign its body with the pipeline's secret, as Standard Webhooks or GitHub do; a signed time may be five minutes off")

    static func tooManyAttempts(retryAfterSeconds: Int) -> Self {
        Self(
            .tooManyAttempts,
            "too many requests from this address had no valid token; the next is looked at in \(retryAfterSeconds) s",
            hint: "a request with a valid token is answered at any time")
    }

    static let invalidSetupCode = Self(
        .unauthenticated, "the set-up code is wrong, was used, or has expired",
        hint: "restart the server: while nobody administers it, each start prints a new code")

    static func denied(_ permission: Permission, principal: Principal, kind: Resource.Kind) -> Self {
        Self(
            .denied,
            "\(principal.kind.rawValue) '\(principal.name)' may not use '\(permission.rawValue)' on this \(kind.rawValue)",
            hint: "ask an administrator for a role that has '\(permission.rawValue)'")
    }

    static func cannotGrant(_ permissions: some Collection<Permission>) -> Self {
        let names = permissions.sorted().map(\.rawValue).joined(separator: ", ")
        return Self(
            .denied, "a token cannot be given more than its maker has: \(names)",
            hint: "choose a narrower role, or name fewer permissions")
    }

    static func invalidName(size: Int, limit: Int) -> Self {
        Self(
            .invalid, "a token's name has 1 to \(limit) bytes of visible text; this one has \(size) bytes",
            hint: "name it after what uses it, such as 'ci'")
    }

    static let expiryInThePast = Self(.invalid, "a token must expire after now", hint: "give a later time, or none")

    static func tooManyTokens(limit: Int) -> Self {
        Self(
            .invalid, "there are \(limit) tokens in force, the most there may be",
            hint: "revoke those that are no longer used")
    }

    static let noToken = Self(
        .notFound, "no token in force has that id", hint: "list them with 'martlet token list'")

    static func noSecret(_ name: String) -> Self {
        Self(
            .noSecret, "no secret is named '\(name.prefix(64))'",
            hint: "an administrator sets it with 'martlet secret set \(name.prefix(64))'")
    }

    static func invalidSecretName(_ name: String) -> Self {
        Self(
            .invalidSecret, "'\(name.prefix(64))' cannot name a secret",
            hint: "a name is a letter, then letters, digits, '_' or '-', at most \(SecretTable.nameSize)")
    }

    static func invalidSecretSize(_ size: Int, limit: Int) -> Self {
        Self(
            .invalidSecret, size == 0 ? "the secret's value is empty" : "the secret's value has \(size) bytes; it may have \(limit)",
            hint: size == 0 ? "give a value of at least one byte" : "keep what is large in a file, and its key as the secret")
    }

    static let secretWithZeroByte = Self(
        .invalidSecret, "the secret's value has a zero byte, which no program can be given in its environment",
        hint: "keep it in base 64")

    static func tooManySecrets(limit: Int) -> Self {
        Self(.invalidSecret, "there are \(limit) secrets, the most there may be", hint: "remove those that are no longer used")
    }

    static func unavailable(_ cause: any Error) -> Self {
        Self(.unavailable, "the tokens cannot be looked up: \(cause)", cause: cause)
    }
}
