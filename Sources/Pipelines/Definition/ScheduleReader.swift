import MartletDefinitions
import MartletExpressions
import MartletFrames

/// Reads when a pipeline runs by itself.
struct ScheduleReader {
    let title: String
    let zone: TimeZoneTable
    let errors: ErrorCollector

    /// What stands beside `schedule` in the pipeline.
    struct Beside {
        var start: LocatedNode?
        var end: LocatedNode?
        var catchup: Located<Bool>?
    }

    func read(_ node: LocatedNode?, beside: Beside) -> PipelineSchedule? {
        guard let node else {
            for (key, place) in [("start", beside.start?.place), ("end", beside.end?.place), ("catchup", beside.catchup?.place)] {
                guard let place else { continue }
                errors.add(
                    .conflict, at: place, "\(title) has '\(key)' and no schedule that it could bound", hint: "give it a 'schedule', or remove '\(key)'")
            }
            return nil
        }
        var rule: PipelineSchedule.Rule?
        var (startNode, endNode) = (beside.start, beside.end)
        switch node.content {
        case .scalar: rule = cron(node, "the schedule of \(title)")
        case .list:
            NodeValues(errors, "the schedule of \(title)").wrong(
                node, expected: "a preset, a cron text or a map", hint: "as in \"@daily\", \"30 6 * * 1-5\" or { every: 15m }")
        case .map:
            let subject = "the schedule of \(title)"
            guard var map = MapReader(node, PipelineDefinition.scheduleKeys, title: subject, errors: errors) else { return nil }
            let cronNode = map.node("cron")
            let every = map.span("every", atLeast: .seconds(1))
            _ = map.node("time_zone")
            startNode = one(startNode, map.node("start"), "start")
            endNode = one(endNode, map.node("end"), "end")
            let (hasCron, hasEvery) = (map.has("cron"), map.has("every"))
            map.finish()
            if hasCron == hasEvery {
                errors.add(
                    hasCron ? .conflict : .missingKey, at: node.place,
                    "\(subject) has \(hasCron ? "both 'cron' and 'every'" : "neither 'cron' nor 'every'")", hint: "write one of them")
                return nil
            }
            if let cronNode { rule = cron(cronNode, "'cron' in \(subject)") }
            if let every { rule = .every(every.value) }
        }
        let start = startNode.map { PipelineValues(errors, "the start of \(title)", zone: zone).time($0) }
        let end = endNode.map { PipelineValues(errors, "the end of \(title)", zone: zone).time($0) }
        if let from = start ?? nil, let to = end ?? nil, from >= to, let endNode {
            errors.add(.conflict, at: endNode.place, "\(title) ends at \(to), which is not after its start at \(from)")
        }
        return rule.map {
            PipelineSchedule($0, zone: zone, start: start ?? nil, end: end ?? nil, catchup: beside.catchup?.value ?? false)
        }
    }

    private func one(_ outer: LocatedNode?, _ inner: LocatedNode?, _ key: String) -> LocatedNode? {
        if outer != nil, let inner {
            errors.add(.duplicate, at: inner.place, "\(title) has '\(key)' twice: its own and that of its schedule", hint: "keep one of them")
        }
        return inner ?? outer
    }

    private func cron(_ node: LocatedNode, _ subject: String) -> PipelineSchedule.Rule? {
        guard let text = NodeValues(errors, subject).text(node) else { return nil }
        if Timestamp.Span(text.value) != nil {
            errors.add(
                .wrongValue, at: node.place, "\(subject) is the span '\(text.value)', which says how often and not when", found: text.value,
                hint: "write { every: \(text.value) }")
            return nil
        }
        do {
            return .cron(try CronExpression(text.value))
        } catch {
            errors.add(
                .wrongValue, at: node.place(atOffset: error.offset), "\(subject): \(error.message)", found: text.value.shortened(to: 60),
                hint: error.hint)
            return nil
        }
    }
}

/// Reads what else starts a pipeline.
struct TriggerReader {
    let title: String
    let surroundings: PipelineSurroundings
    let errors: ErrorCollector

    func read(_ node: LocatedNode?) -> [PipelineTrigger] {
        guard let node else { return [] }
        var triggers: [PipelineTrigger] = []
        let items: [LocatedNode] = if case .list(let items) = node.content { items } else { [node] }
        guard items.count <= PipelineLimits.triggers else {
            errors.add(.tooLarge, at: node.place, "\(title) has \(items.count) triggers; it may have \(PipelineLimits.triggers)")
            return []
        }
        for item in items {
            guard let trigger = trigger(item) else { continue }
            if triggers.contains(trigger) {
                errors.add(.duplicate, at: item.place, "\(title) has this trigger twice", hint: "keep one")
            } else {
                triggers.append(trigger)
            }
        }
        return triggers
    }

    private func trigger(_ node: LocatedNode) -> PipelineTrigger? {
        let subject = "a trigger of \(title)"
        guard var map = MapReader(node, PipelineDefinition.triggerKeys, title: subject, errors: errors) else { return nil }
        let kinds = ["stream", "model", "webhook"].filter { map.has($0) }
        guard kinds.count == 1 else {
            errors.add(
                kinds.isEmpty ? .missingKey : .conflict, at: node.place,
                kinds.isEmpty
                    ? "\(subject) does not say what starts it" : "\(subject) has \(kinds.map { "'\($0)'" }.joined(separator: " and "))",
                hint: kinds.isEmpty ? "one of: stream, model, webhook" : "write a trigger for each")
            return nil
        }
        var trigger: PipelineTrigger?
        switch kinds[0] {
        case "stream":
            let name = map.text("stream")
            let every = map.required("every").flatMap {
                NodeValues(errors, "the key 'every' of \(subject)").span($0, atLeast: .seconds(1))
            }
            if let name, surroundings.check("stream", name, within: " in \(subject)", errors: errors), let every {
                trigger = .stream(name.value, every: every.value)
            }
        case "model":
            if let text = map.text("model") { trigger = model(text, subject) }
        default:
            if let text = map.text("webhook") { trigger = SecretName.check(text, errors).map { .webhook(secret: $0) } }
        }
        map.finish()
        return trigger
    }

    private func model(_ text: Located<String>, _ subject: String) -> PipelineTrigger? {
        let parts = text.value.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let alias = parts.count == 2 ? parts[1] : "champion"
        guard PromoteWork.isAlias(alias) else {
            errors.add(
                .wrongValue, at: text.place, "the model of \(subject) cannot be '\(text.value.shortened(to: 60))'", found: text.value,
                expected: "name@alias", hint: "a version's number never names another; write an alias, as in \(parts[0].shortened(to: 60))@champion")
            return nil
        }
        let name = Located(parts[0], text.place)
        return surroundings.check("model", name, within: " in \(subject)", errors: errors) ? .model(parts[0], alias: alias) : nil
    }
}
