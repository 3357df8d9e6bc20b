/// Why a request about alarms is refused. Nothing has changed then.
public struct AlarmError: Error, Hashable, Sendable {
    public struct Code: Hashable, Sendable {
        private enum Raw { case notFound, conflict, invalid, tooMany }
        private let raw: Raw
        private init(_ raw: Raw) { self.raw = raw }
        public static let notFound = Self(.notFound)
        /// The state that it is in does not allow it.
        public static let conflict = Self(.conflict)
        public static let invalid = Self(.invalid)
        /// A limit is reached.
        public static let tooMany = Self(.tooMany)
    }

    public var code: Code
    public var message: String
    public var hint: String?

    init(_ code: Code, _ message: String, hint: String? = nil) {
        self.code = code
        self.message = message
        self.hint = hint
    }
}

extension AlarmError: CustomStringConvertible {
    public var description: String { message + (hint.map { "\n hint: " + $0 } ?? "") }
}

extension AlarmError {
    static func invalid(_ message: String, hint: String? = nil) -> Self { Self(.invalid, message, hint: hint) }
    static func noAlarm(_ fingerprint: String) -> Self { Self(.notFound, "no alarm has the fingerprint '\(fingerprint.prefix(60))'") }
    static func notFiring(_ identity: AlarmIdentity) -> Self { Self(.conflict, "the alarm \(identity) does not fire") }
    static func noSilence(_ id: String) -> Self { Self(.notFound, "no silence has the id '\(id.prefix(128))'") }
    static func noAction(_ key: String) -> Self { Self(.notFound, "no action waits under the key '\(key.prefix(200))'") }
}
