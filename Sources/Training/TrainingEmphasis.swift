public import MartletFrames

/// Which of a model's training rows a training learns from, and how much each counts; the test rows are none of its business.
///
/// ```swift
/// TrainingEmphasis(recent: .days(30), halfLife: .days(7))
/// ```
public struct TrainingEmphasis: Hashable, Sendable {
    /// Only rows whose event time is later than that of the newest training row less this span; nil for all.
    public var recent: Timestamp.Span?
    /// A row counts half as much for each such span that it is older than the newest training row; nil for all alike.
    public var halfLife: Timestamp.Span?

    public static let none = TrainingEmphasis()

    public init(recent: Timestamp.Span? = nil, halfLife: Timestamp.Span? = nil) {
        self.recent = recent
        self.halfLife = halfLife
    }

    /// The rows that are learned from, in order.
    ///
    /// - Parameter times: event times of the training rows, in microseconds.
    public func rows(_ times: [Int64]) -> [Int] {
        guard let recent, let newest = times.max() else { return Array(times.indices) }
        return times.indices.filter { times[$0] > newest - recent.microseconds }
    }

    /// The weights of rows, by their event times; nil for all alike. The newest weighs 1.
    public func weights(_ times: [Int64]) -> [Float]? {
        guard let halfLife, halfLife > .zero, let newest = times.max() else { return nil }
        return times.map { Float(Self.power(ofHalf: Double(newest - $0) / Double(halfLife.microseconds))) }
    }

    /// 0.5 to a power of at least 0, to about 40 bits, by operations that every machine does alike: square roots, products and halvings.
    private static func power(ofHalf exponent: Double) -> Double {
        // Beyond it a Float is 0.
        guard exponent < 150 else { return 0 }
        let whole = exponent.rounded(.down)
        var rest = exponent - whole
        var value = Double(sign: .plus, exponent: -Int(whole), significand: 1)
        var root = 0.5
        for _ in 0..<40 where rest > 0 {
            root = root.squareRoot()
            rest *= 2
            if rest >= 1 {
                value *= root
                rest -= 1
            }
        }
        return value
    }
}
