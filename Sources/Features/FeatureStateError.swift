/// Why a saved feature state could not be loaded.
public struct FeatureStateError: Error, Hashable, Sendable {
    /// What kind of failure it is.
    public struct Code: Hashable, Sendable {
        private enum Raw { case malformed, unsupportedVersion, otherView }
        private let raw: Raw
        private init(_ raw: Raw) { self.raw = raw }

        /// The bytes are damaged or cut off.
        public static let malformed = Self(.malformed)
        /// A newer program wrote them.
        public static let unsupportedVersion = Self(.unsupportedVersion)
        /// They are the state of another view, or of this view before it was changed.
        public static let otherView = Self(.otherView)
    }

    public var code: Code
    public var message: String
    public var hint: String?

    static func malformed(_ view: String, _ what: String) -> Self {
        Self(
            code: .malformed, message: "the saved state of view '\(view)' cannot be read: \(what)",
            hint: "leave the saved state out; the view is then folded from the log again")
    }

    static func unsupportedVersion(_ view: String, _ found: UInt64) -> Self {
        Self(
            code: .unsupportedVersion,
            message: "the saved state of view '\(view)' has format \(found), and this program reads format \(ViewState.snapshotFormat)",
            hint: "run the version that wrote it or a newer one, or fold the view from the log again")
    }

    static func otherView(_ view: String, _ what: String) -> Self {
        Self(
            code: .otherView, message: "the saved state is not one of view '\(view)' as it is now: its \(what) differs",
            hint: "fold the view from the log again")
    }
}

extension FeatureStateError: CustomStringConvertible {
    /// The message, and the hint below it.
    public var description: String { hint.map { "\(message)\n hint: \($0)" } ?? message }
}
