public import MartletDefinitions
package import MartletExpressions
package import MartletFrames

extension EndpointDefinition {
    /// The kind `endpoint` with its keys.
    public static let kind = DefinitionKind(
        name: "endpoint", folder: "endpoints",
        summary: "An endpoint is a stable address at which a model answers.",
        example: """
            endpoint: returns
            model: returns@champion
            fallback: { score: 0.0 }
            """,
        tables: [
            keys, fallbackKeys, limitsKeys, RolloutDefinition.keys, RolloutDefinition.minimumKeys, RolloutDefinition.guardrailKeys,
            RolloutDefinition.latencyKeys, RolloutDefinition.fairnessKeys, reviewKeys,
        ])

    static let keys = KeyTable(
        "an endpoint",
        keys: [
            .required("endpoint", "name", "Its name."),
            .required(
                "model", "`name@alias` or `name@number`",
                "The model that answers, at a movable alias or a fixed version. A name alone means `@champion`."
            ),
            .optional(
                "fallback", "map", standard: "the request is refused",
                "What is answered, marked as degraded, when features or the model cannot be had."),
            .optional(
                "record", RecordMode.allCases.map { "`\($0.rawValue)`" }.joined(separator: " or "),
                standard: "`before_answer`",
                "When the record of a prediction is on disk. `after_answer` is faster, and a crash may lose the records of 50 ms."
            ),
            .optional("limits", "map", standard: "the limits' own defaults", "Bounds on what it takes on."),
            .optional("rollout", "map", standard: "a promotion takes effect at once", "How a new version is tried before it answers everything."),
            .optional("review", "map", "Which of its decisions go to a person, whose verdict is an outcome."),
            .optional("doc", "text", "What it is, for people. No part of its version."),
        ])

    static let fallbackKeys = KeyTable(
        "a fallback",
        keys: [.required("score", "number", "The output: of a binary task a probability.")])

    static let limitsKeys = KeyTable(
        "the limits of an endpoint",
        keys: [
            .optional("rows", "whole number", standard: "`1000`", "Rows of one request."),
            .optional(
                "deadline", "span", standard: "`2s`", "How long a request may take; then it is refused."),
            .optional(
                "queue", "whole number", standard: "`1024`",
                "How many requests may wait; more are refused at once."),
        ])

    /// What an endpoint must know of a model.
    package enum AnsweringTask: Sendable {
        case probability, labels, number
    }

    /// A model as an endpoint sees it.
    package struct AnsweringModel: Sendable {
        package var task: AnsweringTask
        package var labelType: ValueType
        /// How long after its event a label is known.
        package var labelKnownAfter: Timestamp.Span
        /// The fields of the rows that it judges.
        package var inputs: ExpressionScope

        package init(task: AnsweringTask, labelType: ValueType, labelKnownAfter: Timestamp.Span, inputs: ExpressionScope) {
            self.task = task
            self.labelType = labelType
            self.labelKnownAfter = labelKnownAfter
            self.inputs = inputs
        }
    }

    /// Reads and checks an endpoint; nil if it has a mistake, all of which are reported.
    ///
    /// - Parameters:
    ///   - models: every model and what it answers.
    ///   - brokenModels: models with mistakes of their own.
    package static func read(
        _ block: Block, models: [String: AnsweringModel], brokenModels: Set<String>, errors: ErrorCollector
    ) -> EndpointDefinition? {
        let before = errors.count
        guard var map = MapReader(block.node, keys, title: block.title, errors: errors) else { return nil }
        _ = map.node("endpoint")
        let modelText = map.requiredText("model")
        let fallbackNode = map.node("fallback")
        let record = map.choice("record", RecordMode.self)
        let limitsNode = map.node("limits")
        let rolloutNode = map.node("rollout")
        let reviewNode = map.node("review")
        let doc = map.text("doc")?.value ?? ""
        map.finish()

        var answering: AnsweringModel?
        let reference = modelText.flatMap { ModelReference($0.value) }
        if let modelText, reference == nil {
            errors.add(
                .wrongValue, at: modelText.place,
                "the model of \(block.title) cannot be '\(modelText.value.shortened(to: 60))'",
                found: modelText.value, expected: "name@alias or name@number",
                hint: "as in returns@champion or returns@3")
        }
        if let reference, let modelText {
            answering = models[reference.model]
            if answering == nil, !brokenModels.contains(reference.model) {
                errors.addUnknown(
                    "model", reference.model, within: " in \(block.title)", at: modelText.place,
                    choices: (Array(models.keys) + brokenModels).sorted(), plural: "models")
            }
        }
        let fallback = fallbackNode.flatMap { self.fallback($0, task: answering?.task, block.title, errors) }
        var limits = Limits()
        if let limitsNode,
            var map = MapReader(limitsNode, limitsKeys, title: "the limits of \(block.title)", errors: errors)
        {
            limits.rows = map.integer("rows", in: 1...100_000).map { Int($0.value) } ?? limits.rows
            limits.deadline =
                map.span("deadline", atLeast: Timestamp.Span(microseconds: 1_000))?.value ?? limits.deadline
            limits.queue = map.integer("queue", in: 1...1_000_000).map { Int($0.value) } ?? limits.queue
            map.finish()
        }
        let rollout = rolloutNode.flatMap { RolloutDefinition.read($0, model: answering, of: block.title, errors: errors) }
        if let rolloutNode, case .number(let number)? = reference?.version {
            errors.add(
                .conflict, at: rolloutNode.place, "\(block.title) always answers with version \(number), so no other is ever let in by a rollout",
                hint: "name an alias, as in \(reference?.model ?? "returns")@champion, or remove 'rollout'")
        }
        let review = reviewNode.flatMap { self.review($0, inputs: answering?.inputs, block.title, errors) }
        guard errors.count == before, let reference else { return nil }
        return EndpointDefinition(
            name: block.name, place: block.place, model: reference, fallbackScore: fallback,
            record: record?.value ?? .beforeAnswer,
            limits: limits, rollout: rollout, review: review, doc: doc)
    }

    private static func fallback(
        _ node: LocatedNode, task: AnsweringTask?, _ title: String, _ errors: ErrorCollector
    ) -> Double? {
        guard var map = MapReader(node, fallbackKeys, title: "the fallback of \(title)", errors: errors)
        else { return nil }
        let all = -Double.greatestFiniteMagnitude...Double.greatestFiniteMagnitude
        let score = map.required("score").flatMap {
            NodeValues(errors, "the score of the fallback of \(title)").number(
                $0, in: task == .probability ? 0...1 : all)
        }
        map.finish()
        if task == .labels {
            errors.add(
                .conflict, at: node.place,
                "\(title) answers with labels and their probabilities, and a score cannot stand in for them",
                hint: "remove 'fallback'")
            return nil
        }
        return score.map { $0.value == 0 ? 0 : $0.value }
    }
}
