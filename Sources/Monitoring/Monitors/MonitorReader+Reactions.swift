internal import MartletDefinitions
internal import MartletFrames
internal import MartletWorld

extension MonitorReader {
    private enum Approval: String, CaseIterable { case required, none }

    /// The keys of which a reaction has exactly one.
    private static let wayKeys = ["pipeline", "rollback", "fallback", "review", "webhook", "email", "command"]

    /// What is done when an alarm fires; nil if it has a mistake.
    /// - Parameter endpoint: whose predictions are watched; nil where a stream is.
    func reaction(_ node: LocatedNode, _ endpoint: WatchedEndpoint?) -> AlarmReaction? {
        let title = "a reaction of \(title)"
        let before = errors.count
        guard var map = MapReader(node, MonitorDefinition.reactionKeys, title: title, errors: errors) else { return nil }
        let named = Self.wayKeys.filter { map.has($0) }
        var way: AlarmReaction.Way?
        if let name = map.text("pipeline") { way = pipeline(name, map.node("parameters"), title) }
        if let wanted = map.bool("rollback"), wanted.value, required(endpoint, wanted.place, title) != nil { way = .rollback }
        if let wanted = map.bool("fallback"), wanted.value { way = fallback(wanted.place, endpoint, title) }
        if let share = map.node("review") { way = review(share, endpoint, title) }
        if let text = map.text("webhook") { way = webhook(text, title) }
        if let texts = map.texts("email") { way = email(texts, title) }
        if let texts = map.texts("command") { way = command(texts, title) }
        let on = map.texts("on") ?? []
        let coolDown = map.span("cool_down")
        let budget = map.integer("budget", in: 1...100)
        let approval = map.choice("approval", Approval.self)
        map.finish()
        let measures = Self.measures(ofStream: endpoint == nil)
        for measure in on where !measures.contains(measure.value) {
            errors.addUnknown(
                "measure", measure.value, within: " in \(title)", at: measure.place, choices: measures,
                plural: endpoint == nil ? "measures of a stream" : "measures of an endpoint")
        }
        guard named.count == 1, way != nil || errors.count > before else {
            errors.add(
                .wrongValue, at: node.place, "\(title) has \(named.count < 2 ? "nothing to do" : "\(named.count) things to do"), and has exactly one",
                expected: "one of " + Self.wayKeys.joined(separator: ", "), hint: "make each an item of the list")
            return nil
        }
        guard let way else { return nil }
        let bounds = [coolDown.map { ("cool_down", $0.place) }, budget.map { ("budget", $0.place) }, approval.map { ("approval", $0.place) }]
        if way.isMessage, let (key, place) = bounds.compactMap({ $0 }).first {
            errors.add(
                .conflict, at: place, "\(title) tells of alarms, and '\(key)' is of what is done once",
                hint: "how often the same is told says 'repeat' of the monitor's alarms; remove '\(key)'")
            return nil
        }
        return AlarmReaction(
            way: way, measures: on.map(\.value), coolDown: coolDown?.value ?? .days(1), budget: .init(Int(budget?.value ?? 3), per: .days(7)),
            needsApproval: approval?.value == .required)
    }

    /// What an alarm of a monitor can be about.
    private static func measures(ofStream isStream: Bool) -> [String] {
        let kinds = MonitorMeasure.Kind.allCases.filter { kind in
            switch kind {
            case .drift, .missing, .unseen, .volume, .freshness, .schema: true
            case .predictionDrift, .performance, .estimated, .bias, .errors, .latency, .skew: !isStream
            case .rejected: isStream
            }
        }
        return kinds.map(\.rawValue) + (isStream ? [] : RolloutAlarm.allCases.map(\.rawValue))
    }

    // MARK: - Ways

    private func pipeline(_ name: Located<String>, _ node: LocatedNode?, _ title: String) -> AlarmReaction.Way? {
        guard let known = surroundings.pipelines[name.value] else {
            if !surroundings.brokenPipelines.contains(name.value) {
                errors.addUnknown(
                    "pipeline", name.value, within: " in \(title)", at: name.place, choices: surroundings.pipelines.keys.sorted(), plural: "pipelines")
            }
            return nil
        }
        let before = errors.count
        var given: [String: Value] = [:]
        if let node {
            guard case .map(let entries) = node.content else {
                NodeValues(errors, "the key 'parameters' of \(title)").wrong(node, expected: "a map from names to values", hint: "as in { days: 30 }")
                return nil
            }
            for entry in entries {
                guard let parameter = known.first(where: { $0.name == entry.key }) else {
                    errors.addUnknown(
                        "parameter", entry.key, within: " of pipeline '\(name.value)'", at: entry.keyPlace, choices: known.map(\.name), plural: "parameters")
                    continue
                }
                given[entry.key] = NodeValues(errors, "the parameter '\(entry.key)' of \(title)").value(entry.value, of: parameter.type)
            }
        }
        for parameter in known where parameter.isRequired && given[parameter.name] == nil && errors.count == before {
            errors.add(
                .missingKey, at: node?.place ?? name.place, "\(title) gives no '\(parameter.name)', which pipeline '\(name.value)' must be given",
                expected: parameter.name, hint: "parameters: { \(parameter.name): … }, a \(parameter.type.rawValue)")
        }
        return errors.count == before ? .pipeline(name.value, parameters: given) : nil
    }

    /// An endpoint, which a stream has none of.
    private func required(_ endpoint: WatchedEndpoint?, _ place: SourcePlace, _ title: String) -> WatchedEndpoint? {
        if endpoint == nil {
            errors.add(
                .conflict, at: place, "\(title) changes how an endpoint answers, and the monitor watches a stream",
                hint: "move it to a monitor of the endpoint")
        }
        return endpoint
    }

    private func fallback(_ place: SourcePlace, _ endpoint: WatchedEndpoint?, _ title: String) -> AlarmReaction.Way? {
        guard let endpoint = required(endpoint, place, title) else { return nil }
        if endpoint.hasFallback { return .mitigate(.fallback) }
        errors.add(
            .conflict, at: place, "\(title) lets the fallback answer, and the endpoint has none", hint: "give the endpoint one: fallback: { score: 0.0 }")
        return nil
    }

    private func review(_ node: LocatedNode, _ endpoint: WatchedEndpoint?, _ title: String) -> AlarmReaction.Way? {
        guard let share = NodeValues(errors, "the key 'review' of \(title)").share(node), let endpoint = required(endpoint, share.place, title) else { return nil }
        if endpoint.hasReview { return .mitigate(.review(share: share.value)) }
        errors.add(
            .conflict, at: share.place, "\(title) lets people review decisions, and the endpoint has no 'review'",
            hint: "give the endpoint one: review: { explore: 1%, limit: 1000 }")
        return nil
    }

    private func webhook(_ text: Located<String>, _ title: String) -> AlarmReaction.Way? {
        if let address = try? WebAddress(text.value) { return .webhook(address) }
        errors.add(
            .wrongValue, at: text.place, "\(title) cannot post to '\(text.value.shortened(to: 60))'", found: text.value.shortened(to: 60),
            expected: "an address", hint: "as in https://alerts.example/hook")
        return nil
    }

    private func email(_ texts: [Located<String>], _ title: String) -> AlarmReaction.Way? {
        // What is no text is reported already.
        guard let first = texts.first else { return nil }
        guard texts.count <= MailMessage.recipientLimit else {
            errors.add(.tooLarge, at: first.place, "\(title) sends mails to \(texts.count) addresses; it may be \(MailMessage.recipientLimit)")
            return nil
        }
        if !surroundings.sendsMail {
            errors.add(
                .conflict, at: first.place, "\(title) sends mails, and the project names no server that takes them",
                hint: "name one in martlet.yaml: mail: { server: \"smtp://mail.example.org\", from: \"martlet@example.org\" }")
            return nil
        }
        var addresses: [MailAddress] = []
        for text in texts {
            do throws(MailAddressError) {
                let address = try MailAddress(text.value)
                if addresses.contains(address) {
                    errors.add(.duplicate, at: text.place, "\(title) has \(address) twice", hint: "keep one")
                } else {
                    addresses.append(address)
                }
            } catch {
                errors.add(
                    .wrongValue, at: text.place, "\(title) cannot send a mail to '\(text.value.shortened(to: 60))': it \(error)",
                    found: text.value.shortened(to: 60), expected: "a mail address", hint: "as in ops@example.org")
            }
        }
        return addresses.count == texts.count ? .email(addresses) : nil
    }

    /// Arguments of a command, and bytes of all of them.
    private static let argumentLimit = 100
    private static let argumentBytes = 16_384

    private func command(_ texts: [Located<String>], _ title: String) -> AlarmReaction.Way? {
        guard let program = texts.first else { return nil }
        let size = texts.reduce(0) { $0 + $1.value.utf8.count }
        guard texts.count <= Self.argumentLimit, size <= Self.argumentBytes, !texts.contains(where: { $0.value.utf8.contains(0) }) else {
            errors.add(
                .tooLarge, at: program.place,
                "\(title) has \(texts.count) arguments of \(size) bytes; it may have \(Self.argumentLimit) of \(Self.argumentBytes) together, without a NUL")
            return nil
        }
        return .command(texts.map(\.value))
    }
}
