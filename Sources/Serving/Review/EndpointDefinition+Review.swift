import MartletDefinitions
import MartletExpressions
import MartletFrames
import MartletIngestion

extension EndpointDefinition {
    static let reviewKeys = KeyTable(
        "the review of an endpoint", "As in `review: { when: \"output > 0.4 && output < 0.6\", explore: 1% }`.",
        keys: [
            .optional(
                "when", "expression",
                "Which decisions a person looks at: over `output` (of labels, the probability of the most probable one) and `inputs.…`. Needed unless there is `explore`."
            ),
            .optional(
                "explore", "share", standard: "`0`",
                "The share of all decisions that a person looks at whatever their score, chosen by their ids: what is learnt from them is not biased by the model."
            ),
            .optional("limit", "whole number", standard: "`1000`", "How many may wait at a time; what does not fit is counted."),
            .optional("expire", "span", standard: "`14d`", "How long after it was made a decision may wait."),
            .optional("claim", "span", standard: "`30m`", "How long a person may hold one before others may take it."),
        ])

    /// Reads `review:`; nil for a mistake, which is reported.
    ///
    /// - Parameter inputs: what the endpoint is asked with; nil if that has mistakes of its own.
    static func review(
        _ node: LocatedNode, inputs: ExpressionScope?, _ title: String, _ errors: ErrorCollector
    ) -> ReviewDefinition? {
        let before = errors.count
        let subject = "the review of \(title)"
        guard var map = MapReader(node, reviewKeys, title: subject, errors: errors) else { return nil }
        var review = ReviewDefinition()
        let condition = map.node("when")
        if let share = map.node("explore") {
            review.explore = NodeValues(errors, "'explore' of \(subject)").share(share)?.value ?? 0
        }
        review.limit = map.integer("limit", in: 1...100_000).map { Int($0.value) } ?? review.limit
        review.expire = map.span("expire", atLeast: .minutes(1))?.value ?? review.expire
        review.claim = map.span("claim", atLeast: .minutes(1))?.value ?? review.claim
        map.finish()
        if condition == nil, review.explore == 0, errors.count == before {
            errors.add(
                .missingKey, at: node.place, "\(subject) says neither 'when' nor 'explore', so nothing would be reviewed",
                hint: "as in { when: \"output > 0.4 && output < 0.6\", explore: 1% }")
        }
        if let condition, let inputs {
            // What is known later was not known when the decision was made.
            let names = inputs.names.filter { !$0.isLate }.map {
                ExpressionScope.Name(ReviewDefinition.inputPrefix + $0.name, $0.type, isSubject: $0.isSubject)
            }
            let scope = ExpressionScope([.init(ReviewDefinition.output, .float64)] + names, timeZone: inputs.timeZone)
            let reader = ExpressionReader(errors, "'when' of \(subject)")
            review.condition = reader.compile(condition, scope: scope, expecting: .bool)
            if let found = review.condition { _ = reader.refuseSubjects(in: found, scope: scope, at: condition.place) }
        }
        return errors.count == before ? review : nil
    }
}
