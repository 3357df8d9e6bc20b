public import MartletBytes

extension ReferenceChoice {
    /// As it is stored, and as the interface answers it.
    public var json: JSONValue {
        var errors = JSONObject()
        for candidate in PastWindows.allCases { if let error = self.errors[candidate] { errors[candidate.rawValue] = .float64(error) } }
        return ["chosen": .string(chosen.rawValue), "errors": .object(errors)]
    }

    /// Reads what ``json`` gives; nil for anything else.
    public init?(_ json: JSONValue) {
        guard let chosen = json["chosen"]?.string.flatMap(PastWindows.init), let stored = json["errors"]?.object else { return nil }
        var errors: [PastWindows: Double] = [:]
        for member in stored.members {
            guard let candidate = PastWindows(rawValue: member.key), let error = member.value.double else { return nil }
            errors[candidate] = error
        }
        self.init(chosen, errors: errors)
    }
}
