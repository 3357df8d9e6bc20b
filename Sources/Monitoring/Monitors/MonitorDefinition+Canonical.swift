public import MartletDefinitions

extension MonitorDefinition {
    public var canonical: CanonicalValue {
        .map([
            "endpoint": .optional(endpoint), "stream": .optional(stream), "window": .span(window), "lateness": .span(lateness), "reference": canonical(reference),
            "minimum_rows": .integer(Int64(minimumRows)),
            "drift": drift.map {
                .map([
                    "features": $0.features.map { .texts($0) } ?? .none, "predictions": .bool($0.predictions), "distance": .text($0.distance.rawValue),
                    "bounds": canonical($0.bounds),
                ])
            } ?? .none,
            "quality": .map([
                "missing": .optional(quality.missing), "unseen": .optional(quality.unseen), "volume": .optional(quality.volume),
                "freshness": .optional(quality.freshness), "rejected": .optional(quality.rejected), "schema": .optional(quality.schema),
            ]),
            "performance": .list(performance.map(canonical)), "estimated": .list(estimated.map(canonical)),
            "bias": .list(
                bias.map {
                    .map([
                        "by": .text($0.field), "rate": .text($0.rate.rawValue), "threshold": .number($0.threshold), "bounds": canonical($0.bounds),
                    ])
                }),
            "errors": errors.map(canonical) ?? .none, "latency": latency.map(canonical) ?? .none, "skew": .integer(Int64(skewSample)),
            "alarms": .map([
                "for": .text(text(alarms.hold)), "clear_after": .text(text(alarms.clearAfter)), "severity": .text(alarms.severity.rawValue),
                "repeat": .span(alarms.repeatInterval), "cool_down": .span(alarms.coolDown),
            ]),
            "on_alarm": .list(reactions.map(canonical)), "matures": .span(matures),
        ])
    }

    private func canonical(_ reference: Reference) -> CanonicalValue {
        switch reference {
        case .training: .text("training")
        case .seasonal: .text("seasonal")
        case .windows(let count, let every): .map(["windows": .integer(Int64(count)), "every": .span(every)])
        }
    }

    private func canonical(_ bounds: Bounds) -> CanonicalValue {
        .map(["raise": .number(bounds.raise), "clear": .number(bounds.clear), "upper": .bool(bounds.isUpper)])
    }

    private func canonical(_ performance: Performance) -> CanonicalValue {
        .map([
            "metric": .text(performance.metric.rawValue), "threshold": .number(performance.threshold), "bounds": canonical(performance.bounds),
        ])
    }

    private func canonical(_ reaction: AlarmReaction) -> CanonicalValue {
        let way: (String, CanonicalValue) =
            switch reaction.way {
            case .pipeline(let name, let parameters):
                // Without parameters as it was before there were any.
                if parameters.isEmpty { ("pipeline", .text(name)) } else {
                    ("pipeline", .map(["name": .text(name), "parameters": .map(parameters.map { ($0.key, CanonicalValue($0.value)) })]))
                }
            case .rollback: ("rollback", .bool(true))
            case .mitigate(.fallback): ("fallback", .bool(true))
            case .mitigate(.review(let share)): ("review", .number(share))
            case .webhook(let address): ("webhook", .text("\(address)"))
            case .email(let addresses): ("email", .texts(addresses.map { "\($0)" }))
            case .command(let arguments): ("command", .texts(arguments))
            }
        return .map([
            way, ("on", .texts(reaction.measures)), ("cool_down", .span(reaction.coolDown)), ("budget", .integer(Int64(reaction.budget.count))),
            ("approval", .bool(reaction.needsApproval)),
        ])
    }

    private func text(_ hold: AlarmRule.Hold) -> String {
        switch hold {
        case .readings(let count): "\(count)"
        case .span(let span): "\(span)"
        }
    }
}
