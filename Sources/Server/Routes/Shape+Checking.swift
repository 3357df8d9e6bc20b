import MartletBytes
import MartletFrames

extension Shape {
    /// Holds a value to the shape: every member known, none missing, every type right.
    ///
    /// - Parameter place: where the value stands, such as `keys[2]`; empty for the body as a whole.
    /// - Complexity: linear in the value, times the members of a shape's object.
    func check(_ value: JSONValue, at place: String = "") throws(InputError) {
        switch self {
        case .any, .media: break
        case .string: try require(value.string != nil, "a text", value, place)
        case .integer: try require(value.int64 != nil, "a whole number", value, place)
        case .number: try require(value.double != nil, "a number", value, place)
        case .boolean: try require(value.bool != nil, "true or false", value, place)
        case .choice(let choices):
            try require(value.string != nil, "a text", value, place)
            if let text = value.string, !choices.contains(text) { throw .wrongChoice(text, of: choices, at: place) }
        case .timestamp:
            let expected = "a time such as 2026-01-31T12:00:00Z"
            try require(value.string != nil, expected, value, place)
            if let text = value.string, Timestamp(request: text) == nil {
                throw .wrongType(expected: expected, found: "a text that is no time", at: place)
            }
        case .list(let element), .lines(let element):
            try require(value.array != nil, "a list", value, place)
            for (index, item) in (value.array ?? []).enumerated() { try element.check(item, at: "\(place)[\(index)]") }
        case .map(let shape):
            try require(value.object != nil, "an object", value, place)
            for member in value.object?.members ?? [] { try shape.check(member.value, at: Shape.inner(place, member.key)) }
        case .nullable(let shape):
            if !value.isNull { try shape.check(value, at: place) }
        case .object(let members):
            try require(value.object != nil, "an object", value, place)
            let object = value.object ?? JSONObject()
            for key in object.keys where !members.contains(where: { $0.name == key }) {
                throw .unknownMember(key, at: place, known: members.map(\.name))
            }
            for member in members {
                // An optional member may also be given as null.
                if let inner = object[member.name], member.isRequired || !inner.isNull {
                    try member.shape.check(inner, at: Shape.inner(place, member.name))
                } else if member.isRequired {
                    throw .missingMember(member.name, at: place)
                }
            }
        }
    }

    private static func inner(_ place: String, _ name: String) -> String {
        let name = name.count <= 60 ? name : name.prefix(60) + "…"
        return place.isEmpty ? name : "\(place).\(name)"
    }

    private func require(_ holds: Bool, _ expected: String, _ value: JSONValue, _ place: String) throws(InputError) {
        guard holds else { throw .wrongType(expected: expected, found: value.kind, at: place) }
    }
}
