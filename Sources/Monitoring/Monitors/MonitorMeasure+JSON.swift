public import MartletBytes

extension MonitorMeasure {
    /// As it is stored, and as the interface answers it.
    public var json: JSONValue {
        func number(_ value: Double?) -> JSONValue { value.map(JSONValue.float64) ?? .null }
        var figures = JSONObject()
        for figure in self.figures { figures[figure.name] = .float64(figure.value) }
        return [
            "kind": .string(kind.rawValue), "subject": .string(subject), "value": number(value), "low": number(low), "high": number(high),
            "raise": .float64(bounds.raise), "clear": .float64(bounds.clear), "upper": .bool(bounds.isUpper), "effect": number(effect),
            "level": .string(level.rawValue), "figures": .object(figures),
        ]
    }

    /// Reads what ``json`` gives; nil for anything else.
    public init?(_ json: JSONValue) {
        guard let kind = json["kind"]?.string.flatMap(Kind.init), let subject = json["subject"]?.string, let raise = json["raise"]?.double,
            let clear = json["clear"]?.double, let isUpper = json["upper"]?.bool, let figures = json["figures"]?.object
        else { return nil }
        self.init(
            kind, subject, value: json["value"]?.double, low: json["low"]?.double, high: json["high"]?.double,
            bounds: .init(raise: raise, clear: clear, isUpper: isUpper), effect: json["effect"]?.double,
            figures: figures.members.compactMap { member in member.value.double.map { AlarmCause.Figure(member.key, $0) } })
    }
}
