import MartletBytes
import MartletDefinitions
import MartletExpressions
import MartletFrames
import MartletIngestion

/// What became known of an event or a prediction, as a client wrote it: nothing is looked up yet.
struct OutcomeItem: Sendable {
    /// A value before its type is known: JSON means itself, a cell of a table is read as the type asks.
    enum Written: Hashable, Sendable {
        case json(JSONValue)
        case text(String)
    }

    enum Subject: Sendable {
        case prediction(id: String)
        case event(stream: String, key: Key)
    }

    /// A unique key: the value of its one field, or its fields by name.
    enum Key: Hashable, Sendable {
        case single(Written)
        case fields([String: Written])
    }

    var subject: Subject
    var label: Written
    /// The field that it fills, of a stream with several late fields.
    var field: String?
    /// When it became known, as written; nil for now.
    var time: Written?
}

/// An item as it was read, with what is needed to keep it.
struct ReadOutcome: Sendable {
    var place: DeadLetter.Place
    /// Its bytes as they came.
    var raw: [UInt8]
    var item: Result<OutcomeItem, OutcomeRefusal>
}

/// Why an outcome was not taken.
struct OutcomeRefusal: Error, Hashable, Sendable {
    /// The raw value is answered, and never changes.
    enum Reason: String, Sendable {
        /// It makes no sense as it stands.
        case invalid
        case unknownStream = "unknown_stream"
        /// No event has this key, or not yet.
        case unknownEvent = "unknown_event"
        /// No prediction has this id, or not yet.
        case unknownPrediction = "unknown_prediction"
        /// The prediction's model is not in force.
        case notInForce = "not_in_force"
        case retracted
        /// Others change the event all the time.
        case contended
    }

    var reason: Reason
    var message: String

    init(_ reason: Reason, _ message: String) {
        self.reason = reason
        self.message = message
    }

    /// Why it is kept until what it is of has come; nil if that would not help.
    var waitingReason: DeadLetter.Reason? {
        switch reason {
        case .unknownEvent: .unknownEvent
        case .unknownPrediction: .unknownPrediction
        case .invalid, .unknownStream, .notInForce, .retracted, .contended: nil
        }
    }
}

/// What became of an outcome.
enum OutcomeFate: Equatable, Sendable {
    /// Stored; `changed` if another label stood there, which it supersedes.
    case accepted(changed: Bool)
    /// The same label stood there; nothing was added.
    case duplicate
    case refused(OutcomeRefusal)
}

extension OutcomeItem.Written {
    /// The value as a type.
    ///
    /// - Throws: `invalid` for anything that is not of the type. Whole numbers widen, and 0 and 1 are truth values.
    func value(as type: ValueType, named name: String) throws(OutcomeRefusal) -> Value {
        switch self {
        case .text(let text):
            if let value = TextValue.value(text, as: type), value != .float64(.nan) { return value }
            throw OutcomeRefusal(.invalid, "'\(name)' should be \(type.rawValue), found a text that is none")
        case .json(let json):
            switch (type, json) {
            case (.bool, .bool(let value)): return .bool(value)
            case (.bool, .int64(0)): return .bool(false)
            case (.bool, .int64(1)): return .bool(true)
            case (.int64, .int64(let value)): return .int64(value)
            case (.float64, .float64(let value)): return .float64(value)
            case (.float64, .int64(let value)): return .float64(Double(value))
            case (.string, .string(let value)): return .string(value)
            case (.timestamp, .string(let text)):
                if let time = Timestamp(rfc3339: text) { return .timestamp(time) }
                throw OutcomeRefusal(.invalid, "'\(name)' should be a time such as 2018-07-25T06:00:00Z, found a text that is none")
            default: throw OutcomeRefusal(.invalid, "'\(name)': expected \(type.rawValue), found \(json.kind)")
            }
        }
    }
}

extension OutcomeItem {
    static let keys = ["prediction_id", "stream", "unique", "label", "field", "time"]

    /// Reads `{"prediction_id" or "stream" + "unique", "label", "field"?, "time"?}`.
    ///
    /// - Parameter stream: whose events are meant where an item names neither prediction nor stream.
    init(_ json: JSONValue, stream: String? = nil) throws(OutcomeRefusal) {
        guard let object = json.object else { throw OutcomeRefusal(.invalid, "an outcome is an object, found \(json.kind)") }
        for key in object.keys where !Self.keys.contains(key) {
            let nearest = NearestMatch.of(key, in: Self.keys).map { "; did you mean '\($0)'?" } ?? ""
            throw OutcomeRefusal(.invalid, "unknown member '\(key.prefix(60))'\(nearest)")
        }
        guard let label = object["label"] else { throw OutcomeRefusal(.invalid, "an outcome has a 'label'") }
        self.label = .json(label)
        time = object["time"].flatMap { $0.isNull ? nil : .json($0) }
        if let id = object["prediction_id"]?.string {
            for other in ["stream", "unique", "field"] where object[other] != nil { throw .besidePrediction(other) }
            subject = .prediction(id: id)
            return
        }
        guard let name = object["stream"]?.string ?? stream, let unique = object["unique"] else { throw .namesNothing }
        let key: Key
        if let fields = unique.object {
            key = .fields(Dictionary(fields.members.map { ($0.key, .json($0.value)) }) { first, _ in first })
        } else {
            key = .single(.json(unique))
        }
        subject = .event(stream: name, key: key)
        if let field = object["field"], !field.isNull {
            guard let name = field.string else { throw OutcomeRefusal(.invalid, "'field' should be a text, found \(field.kind)") }
            self.field = name
        }
    }
}

extension OutcomeRefusal {
    static let namesNothing = Self(.invalid, "an outcome names a 'prediction_id', or a 'stream' and a 'unique' key")

    static func besidePrediction(_ other: String) -> Self {
        Self(.invalid, "an outcome with a 'prediction_id' has no '\(other)': its event is found by the prediction")
    }
}
