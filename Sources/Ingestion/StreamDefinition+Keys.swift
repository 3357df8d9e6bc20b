public import MartletDefinitions

extension StreamDefinition {
    /// The kind `stream` with its keys.
    public static let kind = DefinitionKind(
        name: "stream", folder: "streams",
        summary: "A stream is the contract of one sort of event: its fields, their types and checks, its time, its unique key.",
        example: """
            stream: orders
            event_time: placed_at
            unique: order_id
            time_zone: Europe/Brussels
            fields:
              order_id:  string
              placed_at: timestamp
              buyer_id:  { type: string, personal: subject }
              amount:    { type: float64, check: "amount >= 0.0" }
              returned:  { type: bool, known_after: 7d, optional: true }
            """,
        tables: [keys, fieldKeys, absentKeys, cleanKeys, clampKeys])

    static let keys = KeyTable(
        "a stream",
        keys: [
            .required("stream", "name", "Its name."),
            .required("fields", "map of names", "Its fields: `name: type`, or a map of the keys of a field."),
            .optional(
                "event_time", "name of a field", standard: "the time of arrival, in a field `arrival_time`",
                "The field that says when the event happened: a `timestamp` that is never missing."),
            .optional(
                "unique", "name or list of names", standard: "events have no identity",
                "The fields that together identify an event. The same event again has no second effect."),
            .optional(
                "time_zone", "IANA name", standard: "`UTC`",
                "How times without a zone are read, and what calendar functions use."),
            .optional(
                "delay", "span", standard: "`0s`",
                "What is added to the event time of rows of history to give the time at which they were known."),
            .optional(
                "ahead", "span", standard: "`5m`",
                "How far beyond its arrival an event time may lie before the event breaks the contract."),
            .optional("doc", "text", "What it is, for people. No part of its version."),
        ])

    static let fieldKeys = KeyTable(
        "a field of a stream", "The long form of a field, as in `amount: { type: float64, check: \"amount >= 0.0\" }`.",
        keys: [
            .required("type", "`bool`, `int64`, `float64`, `string` or `timestamp`", "The type of its values."),
            .optional(
                "unit", "`seconds`, `milliseconds`, `microseconds` or `nanoseconds`", standard: "times are texts",
                "Of a `timestamp`: how numbers are read, counted from 1970."),
            .optional(
                "optional", "true or false", standard: "`false`; `true` with `known_after`", "Whether an event may lack it."),
            .optional(
                "check", "expression", "What must be true of an event's fields; an event for which it is false breaks the contract."),
            .optional(
                "personal", "`subject`",
                "The field identifies a person. It is stored as a pseudonym, so that it can be a key and be counted, but not read."),
            .optional(
                "known_after", "span",
                "A late field, such as a label: no feature sees it earlier than this after its event."),
            .optional("absent", "map", standard: "stays missing", "What a late field that never came reads as."),
            .optional(
                "clean", "list of rules", standard: "no repairs",
                "Repairs, in order, before type and check: `trim`, or a map of one of the keys of a clean rule. The original is kept."),
            .optional(
                "missing", "text or list of texts", standard: "only what is empty",
                "Texts that mean a missing value, besides the empty CSV cell and JSON's null."),
            .optional("doc", "text", "What it is, for people. No part of its version."),
        ])

    static let absentKeys = KeyTable(
        "the absent value of a field", "As in `absent: { value: false, after: 60d }`.",
        keys: [
            .required("value", "value of the field's type", "What the field then reads as."),
            .optional(
                "after", "span", standard: "the field's `known_after`",
                "How long after its event; at least the field's `known_after`."),
        ])

    static let cleanKeys = KeyTable(
        "a clean rule", "One of these keys, as in `clean: [trim, { map: { \"N/A\": \"\" } }, { clamp: { low: 0.0 } }, { fill: 0.0 }]`.",
        keys: [
            .optional("map", "map of texts", "Replaces whole texts by others."),
            .optional("clamp", "map", "Moves a number beyond a bound onto it."),
            .optional("fill", "value of the field's type", "Stands in for a missing value."),
        ])

    static let clampKeys = KeyTable(
        "a clamp rule",
        keys: [
            .optional("low", "number", standard: "no lower bound", "The lowest number that stays."),
            .optional("high", "number", standard: "no upper bound", "The highest number that stays."),
        ])
}
