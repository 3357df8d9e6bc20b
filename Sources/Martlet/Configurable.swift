/// What says of retries, time and room: a step, or the defaults of a pipeline.
public protocol Configurable: Sendable {
    var keys: StepKeys { get set }
}

/// What a step says.
public struct StepKeys: Hashable, Sendable {
    var written = Written()
}

/// What holds for each task of a pipeline that does not say otherwise: `Defaults().retries(2).timeout("1h")`.
public struct Defaults: Configurable, Hashable {
    public var keys = StepKeys()

    public init() {}
}

extension Configurable {
    private func with(_ pairs: [(String, Written.Value?)]) -> Self {
        var copy = self
        for (key, value) in pairs {
            if let value { copy.keys.written[key] = value }
        }
        return copy
    }

    /// How often a failed attempt is made again, and how long before each: nil for what holds otherwise.
    public func retries(
        _ count: Int, delay: Span? = nil, factor: Double? = nil, maxDelay: Span? = nil, jitter: Double? = nil
    ) -> Self {
        with([
            ("retries", .word("\(count)")), ("retry_delay", delay?.written), ("retry_factor", factor.map { .word("\($0)") }),
            ("retry_max_delay", maxDelay?.written), ("retry_jitter", jitter.map { .word("\($0)") }),
        ])
    }

    /// How long one attempt may take; then it has failed.
    public func timeout(_ span: Span) -> Self { with([("timeout", span.written)]) }

    /// Not to have ended so long after the run's start is an alert.
    public func deadline(_ span: Span) -> Self { with([("deadline", span.written)]) }

    /// The room that it holds in pools while it runs: `.needs(["cpu": 2, "memory": "4GB"])`.
    public func needs(_ room: [String: Literal]) -> Self { with([("needs", .map(room.map { ($0.key, $0.value.written) }))]) }

    /// Larger goes first where room is short.
    public func priority(_ number: Int) -> Self { with([("priority", .word("\(number)"))]) }

    /// Its instances under way at a time, of all runs.
    public func maxActive(_ count: Int) -> Self { with([("max_active", .word("\(count)"))]) }
}
