public import MartletDefinitions
internal import MartletFeatures

extension FeatureViewDefinition {
    /// The kind `feature_view` with its keys.
    public static let kind = DefinitionKind(
        name: "feature_view", folder: "features",
        summary: """
            A feature view is a set of named features of one stream: windows over past events of an entity (`aggregate`), or \
            expressions over the row that asks (`derive`). A feature is asked for as `view.feature`.
            """,
        example: """
            feature_view: buyer
            entity: buyer_id
            source: orders
            where: amount > 0.0
            aggregate:
              - { function: count, windows: [1d, 30d] }                          # count_1d, count_30d
              - { function: [mean, max], of: amount, windows: [7d] }             # mean_amount_7d, max_amount_7d
              - { function: mean, of: returned, windows: [30d], as: return_rate } # late field: the window ends 7d before the row
            ---
            feature_view: request
            source: orders
            derive:
              amount:   amount
              is_night: placed_at.getHours() <= 6
              ratio:    amount / (buyer.mean_amount_7d + 1.0)
            """,
        tables: [keys, entityKeys, aggregateKeys])

    static let keys = KeyTable(
        "a feature view",
        keys: [
            .required("feature_view", "name", "Its name."),
            .required("source", "name of a stream", "The stream whose events it aggregates, or whose rows it derives from."),
            .optional(
                "entity", "name of a field, list of names, or map", standard: "only with `derive`",
                "What the features describe: `entity: customer_id` is short for `{ name: customer, key: customer_id }`."),
            .optional(
                "where", "expression", standard: "every event",
                "Of an aggregate view: which events count. A missing value is false."),
            .optional(
                "aggregate", "list of aggregations", standard: "a view has `aggregate` or `derive`",
                "Windows over the entity's past events. An event at exactly the time of the row is not seen."),
            .optional(
                "derive", "map of expressions", standard: "a view has `aggregate` or `derive`",
                "Features computed from the row's fields and from other features, written `view.feature`."),
            .optional("doc", "text", "What it is, for people. No part of its version."),
        ])

    static let entityKeys = KeyTable(
        "an entity", "The long form of `entity`.",
        keys: [
            .optional(
                "name", "name", standard: "the key without `_id`",
                "What a key stands for."),
            .required("key", "name or list of names", "The fields of the stream that identify one: `string` or `int64`."),
        ])

    static let aggregateKeys = KeyTable(
        "an aggregation", """
            One feature for every function and window, named `(as or function[_of])_window[_offset]`. A window of length `w` at \
            time `t` holds the events from `t - offset - w`, that one included, up to `t - offset`, that one not.
            """,
        keys: [
            .required(
                "function", "name or list of names",
                "\(AggregationFunction.allCases.map { "`\($0.rawValue)`" }.joined(separator: ", ")). Over no events, counts and sums are 0 and the others missing."),
            .optional(
                "of", "expression", standard: "only for `count`, which then counts events",
                "What is aggregated; missing values are left out. If it is not a plain field, `as` is needed."),
            .required("windows", "span or list of spans", "The lengths of the windows."),
            .optional(
                "offset", "span", standard: "`0s`, or the `known_after` of a late field that is read",
                "How far before the row's time the windows end. A late field allows no smaller one than its `known_after`."),
            .optional("as", "name", standard: "made from function and `of`", "The first part of the features' names."),
            .optional("doc", "text", "What it is, for people. No part of its version."),
        ])
}
