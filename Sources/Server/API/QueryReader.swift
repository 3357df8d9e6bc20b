import MartletFrames

/// Reads a request's query items as the types that a route needs.
struct QueryReader {
    private let request: Request

    init(_ call: Call) {
        request = call.request
    }

    func text(_ name: String) -> String? {
        request.query(name).flatMap { $0.isEmpty ? nil : $0 }
    }

    func required(_ name: String) throws(InputError) -> String {
        guard let value = text(name) else {
            throw InputError("the query lacks '\(name)'", at: "query", hint: "add '?\(name)=…'")
        }
        return value
    }

    func flag(_ name: String) throws(InputError) -> Bool {
        guard let value = request.query(name) else { return false }
        switch value {
        case "true", "": return true
        case "false": return false
        default: throw .query(name, value, expected: "true or false")
        }
    }

    func integer(_ name: String, in range: ClosedRange<Int64>) throws(InputError) -> Int64? {
        guard let value = text(name) else { return nil }
        guard let number = Int64(value), range.contains(number) else {
            let expected =
                range.upperBound == .max
                ? "a whole number from \(range.lowerBound)" : "a whole number from \(range.lowerBound) to \(range.upperBound)"
            throw .query(name, value, expected: expected)
        }
        return number
    }

    /// How many items of a list are asked for.
    func limit(_ name: String = "limit", default usual: Int = 100, most: Int = 10_000) throws(InputError) -> Int {
        try integer(name, in: 1...Int64(most)).map(Int.init) ?? usual
    }

    func choice<Choice: RawRepresentable & CaseIterable>(_ name: String, _ type: Choice.Type) throws(InputError) -> Choice?
    where Choice.RawValue == String {
        guard let value = text(name) else { return nil }
        guard let choice = Choice(rawValue: value) else {
            throw .query(name, value, expected: "one of " + Choice.allCases.map(\.rawValue).joined(separator: ", "))
        }
        return choice
    }
}
