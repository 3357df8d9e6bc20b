/// A failure of what monitors keep.
public struct MonitoringError: Error, Sendable {
    public struct Code: Hashable, Sendable {
        private enum Raw { case damaged }
        private let raw: Raw
        private init(_ raw: Raw) { self.raw = raw }
        /// A stored row cannot be understood.
        public static let damaged = Self(.damaged)
    }

    public var code: Code
    public var message: String
    public var hint: String?

    static func damaged(_ what: String) -> Self {
        Self(code: .damaged, message: "the stored \(what) of monitors cannot be understood", hint: "run 'martlet doctor'")
    }
}

extension MonitoringError: CustomStringConvertible {
    public var description: String { message + (hint.map { "\n hint: " + $0 } ?? "") }
}
