/// When a pipeline runs by itself; a run is about the interval that ends then.
public struct Schedule: Hashable, Sendable {
    let written: Written.Value

    public static let hourly = Schedule(written: .text("@hourly"))
    public static let daily = Schedule(written: .text("@daily"))
    public static let weekly = Schedule(written: .text("@weekly"))
    public static let monthly = Schedule(written: .text("@monthly"))
    public static let yearly = Schedule(written: .text("@yearly"))

    /// The moments of a cron text, by the clocks of the pipeline's time zone: `.cron("30 6 * * 1-5")`.
    public static func cron(_ text: String) -> Schedule { Schedule(written: .text(text)) }

    /// Whole multiples of a span since 1970 in UTC.
    public static func every(_ span: Span) -> Schedule { Schedule(written: .map([("every", span.written)])) }
}

/// Data and events that start a pipeline.
public struct Trigger: Hashable, Sendable {
    let written: Written.Value

    /// A run for each interval of a stream, once its newest event is late enough for the interval to be whole.
    public static func stream(_ name: String, every span: Span) -> Trigger {
        Trigger(written: .map([("stream", .text(name)), ("every", span.written)]))
    }

    /// A run when a model's alias names another version.
    public static func model(_ name: String, alias: String = "champion") -> Trigger {
        Trigger(written: .map([("model", .text("\(name)@\(alias)"))]))
    }

    /// A run for a request that is signed with a secret.
    public static func webhook(signedWith secret: String) -> Trigger { Trigger(written: .map([("webhook", .text(secret))])) }
}

/// A value that a run is given: `Parameter("rows", .int64, default: 100)`.
public struct Parameter: Hashable, Sendable {
    let name: String
    let written: Written.Value

    /// - Parameter standard: what holds where a run is given none; nil if it must be given.
    public init(_ name: String, _ type: ValueKind, default standard: Literal? = nil, doc: String? = nil) {
        self.name = name
        var written = Written()
        written["type"] = .text(type.word)
        written["default"] = standard?.written
        written["doc"] = .optional(doc)
        self.written = .map(written)
    }
}
