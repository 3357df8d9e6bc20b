public import MartletFrames

/// A field of a stream as a monitor sees it.
public struct WatchedField: Hashable, Sendable {
    public enum Role: Hashable, Sendable {
        /// It says what happened.
        case value
        /// It names the event, each a new one.
        case key
        /// A moment; later events have later ones.
        case time
        /// It identifies a person, and is stored as a pseudonym.
        case person
        /// It is known only later than its event, so most events come without it.
        case late
    }

    public var name: String
    public var type: ValueType
    public var role: Role

    public init(_ name: String, _ type: ValueType, _ role: Role) {
        self.name = name
        self.type = type
        self.role = role
    }
}

/// A field of a stream of which windows keep something.
package struct WatchedColumn: Hashable, Sendable {
    package var name: String
    package var type: ValueType
    /// Whether its values are kept in a profile; else only whether they were there.
    package var isWhole: Bool

    /// Under which name its profile is kept: one of values is not held against one that only knows what was there.
    package var storedName: String { isWhole ? name : "?" + name }
}

extension MonitorDefinition {
    /// Of a stream's fields, those that windows keep something of.
    package func columns(of fields: [WatchedField]) -> [WatchedColumn] {
        fields.filter { $0.role != .late }.map { field in
            let isNamed = drift?.features?.contains(field.name) ?? false
            return WatchedColumn(name: field.name, type: field.type, isWhole: field.role == .value || field.role == .key && isNamed)
        }
    }
}
