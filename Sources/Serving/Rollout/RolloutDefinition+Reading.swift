internal import MartletDefinitions
internal import MartletExpressions
internal import MartletFrames
internal import MartletIngestion

extension RolloutDefinition {
    static let keys = KeyTable(
        "the rollout of an endpoint",
        "With it, `promote` does not switch the endpoint over: the new version is tried beside the one that answers, and let in or withdrawn by what its decisions were worth.",
        keys: [
            .required(
                "strategy", Strategy.allCases.map { "`\($0.rawValue)`" }.joined(separator: ", "),
                """
                `canary`: the challenger answers a growing share of the units. `shadow`: it computes beside the champion, whose answers are given. \
                `blue_green`: it answers everything at once, and the former champion computes beside it. `ab`: both answer a fixed share until one is better.
                """),
            .optional(
                "steps", "list of shares", standard: "one step of `share`",
                "Of a canary, the shares of the units in their order, as in `[shadow, 10%, 50%]`; the first may be `shadow`."),
            .optional(
                "share", "share", standard: "`10%` of a canary, `50%` of `ab`, else all units",
                "The one share of the units that see the challenger, or of which both compute."),
            .optional(
                "unit", "field", standard: "each decision by itself",
                "The input that says who is who, such as a customer: equal values always see the same version, and count as one in the judgement."),
            .optional(
                "objective", "expression",
                standard: "how near the output came to the outcome: minus the squared (binary, multiclass) or absolute (regression) distance",
                """
                What one decision is worth, a number over `outcome` (of the label's type), `output` (of several classes: the probability that was given to \
                the outcome) and `inputs.<field>`; more is better. A decision for which it is missing does not count.
                """),
            .optional(
                "margin", "number", standard: "`0`",
                "How much less than the champion a decision of the challenger may be worth, on average. With 0 it must be shown to be better; with more, not to be worse by that much."),
            .optional(
                "error_rate", "share", standard: "`5%`",
                "The chance, over the whole rollout and however often it is looked at, that the judgement on the objective is wrong. The guardrails together have it once more."),
            .optional("minimum", "map", standard: "200 units, `1d`", "What must be seen before a step is concluded."),
            .optional("longest", "span", standard: "`30d`", "After it, a rollout that has shown nothing ends."),
            .optional(
                "undecided", Undecided.allCases.map { "`\($0.rawValue)`" }.joined(separator: ", "), standard: "`withdraw`",
                "What then happens; `wait` leaves it to a person."),
            .optional("guardrails", "map", standard: "none", "Bounds that withdraw the challenger once they are shown to be broken, whatever its objective."),
            .optional(
                "approval", "`required` or `none`", standard: "`none`",
                "Whether somebody else than who began the rollout must let the challenger in."),
        ])

    static let minimumKeys = KeyTable(
        "the minimum of a rollout",
        keys: [
            .optional("units", "whole number", standard: "`200`", "Units with a known outcome on either side, at least 30."),
            .optional("time", "span", standard: "`1d`", "How long each step lasts at least."),
        ])

    static let guardrailKeys = KeyTable(
        "the guardrails of a rollout",
        keys: [
            .optional("errors", "share", "How many points more of the challenger's decisions than of the champion's may be the fallback's."),
            .optional("latency", "map", "How many more of them may be slow."),
            .optional("fairness", "map", "How far apart its decisions for groups may be."),
        ])

    static let latencyKeys = KeyTable(
        "the latency of a rollout's guardrails",
        keys: [
            .required("slower_than", "span", "A decision that took longer is slow."),
            .optional("share", "share", standard: "`1%`", "How many points more than of the champion's may be slow."),
        ])

    static let fairnessKeys = KeyTable(
        "the fairness of a rollout's guardrails",
        keys: [
            .required("by", "field", "The input whose values are the groups; the first 20 values are watched."),
            .optional("threshold", "number", standard: "`0.5`", "An output of at least this is a positive decision."),
            .required("gap", "share", "How far the share of positive decisions of one group may be from that of all others."),
        ])

    /// - Parameter model: nil if it has mistakes of its own; then only what needs no model is checked.
    static func read(
        _ node: LocatedNode, model: EndpointDefinition.AnsweringModel?, of title: String, errors: ErrorCollector
    ) -> RolloutDefinition? {
        let before = errors.count
        let title = "the rollout of \(title)"
        guard var map = MapReader(node, keys, title: title, errors: errors) else { return nil }
        if map.required("strategy") == nil { return nil }
        let strategy = map.choice("strategy", Strategy.self)
        let stepsNode = map.node("steps")
        let shareNode = map.node("share")
        let unit = map.text("unit")
        let objectiveNode = map.node("objective")
        let margin = map.number("margin", in: 0...1e15)
        let errorRate = map.node("error_rate").flatMap { NodeValues(errors, "the key 'error_rate' of \(title)").share($0) }
        let minimumNode = map.node("minimum")
        let longest = map.span("longest", atLeast: .minutes(1))?.value ?? .days(30)
        let undecided = map.choice("undecided", Undecided.self)?.value ?? .withdraw
        let guardrailsNode = map.node("guardrails")
        let approval = map.choice("approval", Approval.self)?.value ?? .none
        map.finish()

        if let rate = errorRate, rate.value > 0.5 {
            errors.add(
                .wrongValue, at: rate.place, "the key 'error_rate' of \(title) is \(NodeValues.plain(rate.value * 100))%, which would conclude from nothing",
                found: NodeValues.plain(rate.value), expected: "at most 50%", hint: "5% is usual")
        }
        var units: Int64 = 200
        var time: Timestamp.Span = .days(1)
        if let minimumNode, var map = MapReader(minimumNode, minimumKeys, title: "the minimum of \(title)", errors: errors) {
            units = map.integer("units", in: 30...1_000_000_000)?.value ?? units
            time = map.span("time")?.value ?? time
            map.finish()
        }
        let steps = strategy.flatMap { self.steps($0.value, stepsNode, shareNode, title, errors) }
        if let steps, time.microseconds > longest.microseconds / Int64(steps.count) {
            errors.add(
                .conflict, at: minimumNode?.place ?? node.place,
                "\(title) lasts \(longest) at most, and its \(steps.count) step\(steps.count == 1 ? "" : "s") of at least \(time) each do not fit",
                hint: "make 'longest' longer or 'minimum: { time: … }' shorter")
        }
        let guardrails = guardrailsNode.map { self.guardrails($0, model, title, errors) } ?? .none
        guard let model else { return nil }
        if let unit { _ = input(unit, of: model, "the unit of \(title)", errors) }
        let objective = self.objective(objectiveNode, model, title, errors)
        guard errors.count == before, let strategy, let steps, let objective else { return nil }
        return RolloutDefinition(
            strategy: strategy.value, steps: steps, unit: unit?.value, objective: objective, matures: model.labelKnownAfter,
            margin: margin?.value ?? 0, errorRate: errorRate?.value ?? 0.05, minimumUnits: Int(units), minimumTime: time,
            longest: longest, undecided: undecided, guardrails: guardrails, needsApproval: approval == .required)
    }

    private enum Approval: String, CaseIterable { case required, none }

    // MARK: - Details

    private static func steps(
        _ strategy: Strategy, _ stepsNode: LocatedNode?, _ shareNode: LocatedNode?, _ title: String, _ errors: ErrorCollector
    ) -> [Step]? {
        if let stepsNode, strategy != .canary || shareNode != nil {
            errors.add(
                .conflict, at: stepsNode.place,
                strategy == .canary ? "\(title) has both 'steps' and 'share'" : "\(title) has 'steps', and only a canary goes step by step",
                hint: strategy == .canary ? "keep one of them" : "give one 'share', or use 'strategy: canary'")
            return nil
        }
        var share: Double?
        if let shareNode {
            guard let read = self.share(shareNode, "the key 'share' of \(title)", most: strategy == .ab || strategy == .canary ? 0.99 : 1, errors)
            else { return nil }
            share = read
        }
        switch strategy {
        case .shadow: return [Step(.shadow, share: share ?? 1)]
        case .blueGreen: return [Step(.swap, share: share ?? 1)]
        case .ab: return [Step(.split, share: share ?? 0.5)]
        case .canary:
            guard let stepsNode else { return [Step(.split, share: share ?? 0.1)] }
            return canary(stepsNode, title, errors)
        }
    }

    private static func canary(_ node: LocatedNode, _ title: String, _ errors: ErrorCollector) -> [Step]? {
        let subject = "the key 'steps' of \(title)"
        guard case .list(let items) = node.content, !items.isEmpty, items.count <= 10 else {
            NodeValues(errors, subject).wrong(node, expected: "a list of 1 to 10 shares", hint: "as in [10%, 50%] or [shadow, 10%, 50%]")
            return nil
        }
        var steps: [Step] = []
        for (index, item) in items.enumerated() {
            if case .scalar(let scalar) = item.content, scalar.text == "shadow" {
                guard index == 0, items.count > 1 else {
                    errors.add(
                        .conflict, at: item.place,
                        index == 0 ? "\(subject) has nothing but 'shadow'" : "\(subject) has 'shadow' after a step in which the challenger answers",
                        hint: index == 0 ? "use 'strategy: shadow', or add shares" : "'shadow' can only be the first step")
                    return nil
                }
                steps.append(Step(.shadow, share: 1))
                continue
            }
            guard let share = share(item, subject, most: 0.99, errors) else { return nil }
            if let last = steps.last, last.exposure == .split, last.share >= share {
                errors.add(
                    .conflict, at: item.place, "\(subject) goes from \(last) to \(Step(.split, share: share)); each step must be larger than the one before",
                    hint: "put them in ascending order")
                return nil
            }
            steps.append(Step(.split, share: share))
        }
        return steps
    }

    /// A share of the units, up to all of them where that makes sense.
    private static func share(_ node: LocatedNode, _ subject: String, most: Double, _ errors: ErrorCollector) -> Double? {
        if most == 1, case .scalar(let scalar) = node.content, scalar.text == "100%" || scalar.text == "1" { return 1 }
        guard let share = NodeValues(errors, subject).share(node) else { return nil }
        guard share.value >= 0.001, share.value <= most else {
            errors.add(
                .wrongValue, at: share.place, "\(subject) is \(Step(.split, share: share.value)), which leaves one side next to nothing",
                found: "\(Step(.split, share: share.value))", expected: "0.1% to \(NodeValues.plain(most * 100))%")
            return nil
        }
        return share.value
    }

    private static func guardrails(
        _ node: LocatedNode, _ model: EndpointDefinition.AnsweringModel?, _ title: String, _ errors: ErrorCollector
    ) -> Guardrails {
        let title = "the guardrails of \(title)"
        var guardrails = Guardrails()
        guard var map = MapReader(node, guardrailKeys, title: title, errors: errors) else { return .none }
        guardrails.errors = map.node("errors").flatMap { NodeValues(errors, "the key 'errors' of \(title)").share($0)?.value }
        let latencyNode = map.node("latency")
        let fairnessNode = map.node("fairness")
        map.finish()
        if let latencyNode, var map = MapReader(latencyNode, latencyKeys, title: "the latency of \(title)", errors: errors) {
            let slow = map.required("slower_than").flatMap {
                NodeValues(errors, "the key 'slower_than' of \(title)").span($0, atLeast: Timestamp.Span(microseconds: 1))
            }
            let share = map.node("share").flatMap { NodeValues(errors, "the key 'share' of the latency of \(title)").share($0) }
            map.finish()
            if let slow { guardrails.latency = .init(slowerThan: slow.value, share: share?.value ?? 0.01) }
        }
        if let fairnessNode, var map = MapReader(fairnessNode, fairnessKeys, title: "the fairness of \(title)", errors: errors) {
            let field = map.requiredText("by")
            let threshold = map.number("threshold", in: -1e15...1e15)
            let gap = map.required("gap").flatMap { NodeValues(errors, "the key 'gap' of the fairness of \(title)").share($0) }
            map.finish()
            if let field, let model { _ = input(field, of: model, "the key 'by' of the fairness of \(title)", errors) }
            if let task = model?.task, task == .labels {
                errors.add(
                    .conflict, at: fairnessNode.place, "the fairness of \(title) compares shares of positive decisions, and the model answers with labels",
                    hint: "remove 'fairness'")
            }
            if let field, let gap {
                guardrails.fairness = .init(field: field.value, threshold: threshold?.value ?? 0.5, gap: gap.value)
            }
        }
        return guardrails
    }

    /// Checks that a name is a field that inputs have when they are judged.
    private static func input(
        _ name: Located<String>, of model: EndpointDefinition.AnsweringModel, _ subject: String, _ errors: ErrorCollector
    ) -> Bool {
        guard let field = model.inputs[name.value], !field.isLate else {
            errors.addUnknown(
                "field", name.value, within: " in \(subject)", at: name.place,
                choices: model.inputs.names.filter { !$0.isLate }.map(\.name).sorted(), plural: "fields")
            return false
        }
        return true
    }

    private static func objective(
        _ node: LocatedNode?, _ model: EndpointDefinition.AnsweringModel, _ title: String, _ errors: ErrorCollector
    ) -> CompiledExpression? {
        let names =
            [ExpressionScope.Name("outcome", model.labelType), .init("output", .float64)]
            + model.inputs.names.filter { !$0.isLate }.map {
                ExpressionScope.Name("inputs." + $0.name, $0.type, isSubject: $0.isSubject)
            }
        let scope = ExpressionScope(names, timeZone: model.inputs.timeZone)
        let reader = ExpressionReader(errors, "the objective of \(title)")
        guard let node else { return try? CompiledExpression.compile(standardObjective(model), in: scope, expecting: .float64) }
        guard let objective = reader.compile(node, scope: scope, expecting: .float64),
            reader.refuseSubjects(in: objective, scope: scope, at: node.place)
        else { return nil }
        guard objective.references.contains("output") || objective.references.contains("outcome") else {
            errors.add(
                .wrongValue, at: node.place, "the objective of \(title) reads neither 'output' nor 'outcome', so no version can be better",
                found: objective.canonicalText, expected: "an expression over outcome, output and inputs")
            return nil
        }
        return objective
    }

    private static func standardObjective(_ model: EndpointDefinition.AnsweringModel) -> String {
        switch model.task {
        case .probability: "outcome ? -(1.0 - output) * (1.0 - output) : -output * output"
        case .labels: "-(1.0 - output) * (1.0 - output)"
        case .number: model.labelType == .int64 ? "output > double(outcome) ? double(outcome) - output : output - double(outcome)" : "output > outcome ? outcome - output : output - outcome"
        }
    }
}
