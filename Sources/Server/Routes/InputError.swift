import MartletDefinitions

/// A mistake in what a request carries: its query, or the JSON of its body.
struct InputError: Error, Hashable, Sendable {
    var message: String
    /// In the body, such as `keys[2].time`; nil for the body as a whole.
    var place: String?
    var hint: String?

    init(_ message: String, at place: String? = nil, hint: String? = nil) {
        self.message = message
        self.place = place.flatMap { $0.isEmpty ? nil : $0 }
        self.hint = hint
    }
}

extension InputError {
    static func unknownQuery(_ name: String, known: [String]) -> Self {
        Self(
            "the query has '\(shortened(name))', which this path does not read", at: "query",
            hint: nearest(name, known, otherwise: known.isEmpty ? "it reads none" : "it reads: " + known.joined(separator: ", ")))
    }

    static func repeatedQuery(_ name: String) -> Self {
        Self("the query has '\(name)' twice", at: "query", hint: "give it once")
    }

    static func query(_ name: String, _ value: String, expected: String) -> Self {
        Self("'\(name)' is '\(shortened(value))', not \(expected)", at: "query", hint: "give \(expected)")
    }

    static func unknownMember(_ name: String, at place: String, known: [String]) -> Self {
        Self(
            "the body has '\(shortened(name))', which means nothing here", at: place,
            hint: nearest(name, known, otherwise: known.isEmpty ? "the object has no members" : "known are: " + known.joined(separator: ", ")))
    }

    static func missingMember(_ name: String, at place: String) -> Self {
        Self("the body lacks '\(name)'", at: place, hint: "add '\(name)'")
    }

    static func wrongType(expected: String, found: String, at place: String) -> Self {
        Self("\(expected) was expected, and \(found) was found", at: place, hint: "send \(expected)")
    }

    static func wrongChoice(_ found: String, of choices: [String], at place: String) -> Self {
        Self(
            "'\(shortened(found))' is not one of the choices", at: place,
            hint: nearest(found, choices, otherwise: "choose from: " + choices.joined(separator: ", ")))
    }

    private static func nearest(_ name: String, _ known: [String], otherwise: String) -> String {
        NearestMatch.of(name, in: known).map { "did you mean '\($0)'?" } ?? otherwise
    }

    /// What came with a request may be of any length.
    private static func shortened(_ text: String) -> String {
        text.count <= 60 ? text : text.prefix(60) + "…"
    }
}
