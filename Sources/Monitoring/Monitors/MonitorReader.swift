package import MartletDefinitions
package import MartletExpressions
package import MartletFrames
internal import MartletWorld

/// Reads a monitor's file.
package struct MonitorReader {
    /// An endpoint as a monitor sees it.
    package struct WatchedEndpoint: Sendable {
        package enum Task: Sendable { case probability, labels, number }

        package var task: Task
        /// The features of its model, by name.
        package var features: [String]
        /// The fields of the rows that it judges.
        package var inputs: ExpressionScope
        package var labelKnownAfter: Timestamp.Span
        package var hasFallback: Bool
        package var hasReview: Bool

        package init(
            task: Task, features: [String], inputs: ExpressionScope, labelKnownAfter: Timestamp.Span, hasFallback: Bool, hasReview: Bool
        ) {
            self.hasFallback = hasFallback
            self.hasReview = hasReview
            self.task = task
            self.features = features
            self.inputs = inputs
            self.labelKnownAfter = labelKnownAfter
        }
    }

    /// What a monitor watches, resolved.
    enum Watched {
        case endpoint(WatchedEndpoint)
        case stream([WatchedField])

        var endpoint: WatchedEndpoint? { if case .endpoint(let endpoint) = self { endpoint } else { nil } }
        var fields: [WatchedField]? { if case .stream(let fields) = self { fields } else { nil } }
    }

    /// What a run of a pipeline can be given.
    package struct Parameter: Sendable {
        package var name: String
        package var type: ValueType
        package var isRequired: Bool

        package init(name: String, type: ValueType, isRequired: Bool) {
            self.name = name
            self.type = type
            self.isRequired = isRequired
        }
    }

    /// What a monitor's references are resolved in.
    package struct Surroundings: Sendable {
        package var endpoints: [String: WatchedEndpoint]
        package var brokenEndpoints: Set<String>
        package var pipelines: [String: [Parameter]]
        package var brokenPipelines: Set<String>
        /// The fields of each stream, in its order.
        package var streams: [String: [WatchedField]]
        package var brokenStreams: Set<String>
        /// Whether the project names a server of mails.
        package var sendsMail: Bool

        package init(
            endpoints: [String: WatchedEndpoint], brokenEndpoints: Set<String>, pipelines: [String: [Parameter]], brokenPipelines: Set<String>,
            streams: [String: [WatchedField]], brokenStreams: Set<String>, sendsMail: Bool
        ) {
            self.endpoints = endpoints
            self.brokenEndpoints = brokenEndpoints
            self.streams = streams
            self.brokenStreams = brokenStreams
            self.pipelines = pipelines
            self.brokenPipelines = brokenPipelines
            self.sendsMail = sendsMail
        }
    }

    let surroundings: Surroundings
    let errors: ErrorCollector
    let title: String

    private init(_ block: Block, _ surroundings: Surroundings, _ errors: ErrorCollector) {
        title = block.title
        self.surroundings = surroundings
        self.errors = errors
    }

    /// Reads and checks a monitor; nil if it has a mistake, all of which are reported.
    package static func read(_ block: Block, in surroundings: Surroundings, errors: ErrorCollector) -> MonitorDefinition? {
        MonitorReader(block, surroundings, errors).read(block)
    }

    private func read(_ block: Block) -> MonitorDefinition? {
        let before = errors.count
        guard var map = MapReader(block.node, MonitorDefinition.keys, title: title, errors: errors) else { return nil }
        _ = map.node("monitor")
        // What only predictions have is not asked for of a stream, and so told to have no meaning there.
        let isStream = map.has("stream") && !map.has("endpoint")
        let subjectText = map.requiredText(isStream ? "stream" : "endpoint")
        let window = map.span("window", atLeast: .seconds(1))?.value ?? .days(1)
        let latenessText = map.span("lateness")
        let lateness = latenessText?.value ?? Self.standardLateness(of: window)
        let referenceNode = map.node("reference")
        let minimumRows = map.integer("minimum_rows", in: 1...1_000_000_000)?.value ?? 200
        let driftNode = map.node("drift")
        let qualityNode = map.node("quality")
        let performanceNode = isStream ? nil : map.node("performance")
        let estimatedNode = isStream ? nil : map.node("estimated")
        let biasNode = isStream ? nil : map.node("bias")
        let errorNode = isStream ? nil : map.node("errors")
        let errorShare = errorNode.flatMap { NodeValues(errors, "the key 'errors' of \(title)").share($0)?.value }
        let latency = isStream ? nil : map.span("latency", atLeast: Timestamp.Span(microseconds: 1))?.value
        let skew = isStream ? 0 : map.integer("skew", in: 0...10_000)?.value ?? 0
        let alarmsNode = map.node("alarms")
        let reactionsNode = map.node("on_alarm")
        let doc = map.text("doc")?.value ?? ""
        map.finish()

        guard let subjectText, let watched = isStream ? stream(subjectText) : endpoint(subjectText) else { return nil }
        checkLateness(latenessText, window)
        let standard: MonitorDefinition.Reference = isStream ? .windows(7, every: window) : .training
        let reference = referenceNode.flatMap { self.reference($0, window, isStream: isStream) } ?? standard
        let drift = driftNode.flatMap { self.drift($0, watched) }
        let quality = qualityNode.map { self.quality($0, isStream: isStream) } ?? MonitorDefinition.Quality()
        let performance = list(performanceNode) { node in watched.endpoint.flatMap { self.performance(node, $0, isEstimated: false) } }
        let estimated = list(estimatedNode) { node in watched.endpoint.flatMap { self.performance(node, $0, isEstimated: true) } }
        let bias = list(biasNode) { node in watched.endpoint.flatMap { self.bias(node, $0) } }
        let alarms = alarmsNode.map(self.alarms) ?? AlarmDefaults()
        let reactions = list(reactionsNode, isList: true) { self.reaction($0, watched.endpoint) }
        refuseRepetition(performance.map(\.metric.rawValue), performanceNode, "performance")
        refuseRepetition(estimated.map(\.metric.rawValue), estimatedNode, "estimated")
        refuseRepetition(bias.map { "\($0.rate.rawValue) by \($0.field)" }, biasNode, "bias")
        guard errors.count == before else { return nil }
        let isEmpty = drift == nil && quality == .init() && performance.isEmpty && estimated.isEmpty && bias.isEmpty && errorShare == nil
            && latency == nil && skew == 0
        guard !isEmpty else {
            errors.add(
                .wrongValue, at: block.place, "\(title) watches nothing", expected: isStream ? "drift or quality" : "drift, quality, performance …",
                hint: isStream ? "add 'drift: { fields: all }'" : "add 'drift: { features: all }'")
            return nil
        }
        return MonitorDefinition(
            name: block.name, place: block.place, subject: isStream ? .stream(subjectText.value) : .endpoint(subjectText.value), window: window, lateness: lateness, reference: reference,
            minimumRows: Int(minimumRows), drift: drift, quality: quality, performance: performance, estimated: estimated, bias: bias,
            errors: errorShare.map { .init(raise: $0, clear: $0) },
            latency: latency.map { .init(raise: Double($0.microseconds), clear: Double($0.microseconds)) }, skewSample: Int(skew),
            alarms: alarms, reactions: reactions, matures: watched.endpoint?.labelKnownAfter ?? .zero, doc: doc)
    }

    // MARK: - Details

    /// One map, or a list of maps.
    private func list<Item>(_ node: LocatedNode?, isList: Bool = false, _ read: (LocatedNode) -> Item?) -> [Item] {
        guard let node else { return [] }
        guard case .list(let items) = node.content else {
            if isList {
                NodeValues(errors, "the key 'on_alarm' of \(title)").wrong(node, expected: "a list of maps", hint: "as in [{ pipeline: daily }]")
                return []
            }
            return read(node).map { [$0] } ?? []
        }
        guard items.count <= 50 else {
            errors.add(.tooLarge, at: node.place, "\(title) has a list of \(items.count) items; it may have 50")
            return []
        }
        return items.compactMap(read)
    }

    private func refuseRepetition(_ names: [String], _ node: LocatedNode?, _ key: String) {
        for (index, name) in names.enumerated() where names[..<index].contains(name) {
            errors.add(.duplicate, at: node?.place, "the key '\(key)' of \(title) has \(name) twice", hint: "keep one")
        }
    }

    private func reference(_ node: LocatedNode, _ window: Timestamp.Span, isStream: Bool) -> MonitorDefinition.Reference? {
        if case .scalar(let scalar) = node.content {
            if scalar.text == "seasonal" { return .seasonal }
            if scalar.text == "training", !isStream { return .training }
            NodeValues(errors, "the reference of \(title)").wrong(
                node, expected: isStream ? "'seasonal' or a map, since no version was trained on a stream" : "'training', 'seasonal' or a map", hint: "as in { windows: 4, every: 7d }")
            return nil
        }
        guard var map = MapReader(node, MonitorDefinition.windowsKeys, title: "the reference of \(title)", errors: errors) else { return nil }
        let count = map.required("windows").flatMap { NodeValues(errors, "the key 'windows' of the reference of \(title)").integer($0, in: 1...60) }
        let every = map.span("every", atLeast: .minutes(1))
        map.finish()
        if let every, every.value.microseconds % window.microseconds != 0 {
            errors.add(
                .wrongValue, at: every.place, "the reference of \(title) has windows every \(every.value), which is no multiple of their length, \(window)",
                found: "\(every.value)", hint: "as in \(Timestamp.Span(microseconds: window.microseconds * 7))")
        }
        return count.map { .windows(Int($0.value), every: every?.value ?? window) }
    }

    private func drift(_ node: LocatedNode, _ watched: Watched) -> MonitorDefinition.Drift? {
        let title = "the drift of \(title)"
        guard var map = MapReader(node, MonitorDefinition.driftKeys, title: title, errors: errors) else { return nil }
        let names = map.texts(watched.endpoint == nil ? "fields" : "features")
        var predictions = false
        if let endpoint = watched.endpoint { predictions = map.bool("predictions")?.value ?? true && endpoint.task != .labels }
        let distance = map.choice("distance", MonitorDefinition.Distance.self)?.value ?? .psi
        let raise = map.number("raise", in: 0...1e15)
        let clear = map.number("clear", in: 0...1e15)
        map.finish()
        var features: [String]?
        if let names, names.map(\.value) != ["all"] {
            features = watched.endpoint != nil && names.map(\.value) == ["none"] ? [] : names.map(\.value)
            if let fields = watched.fields { check(names, among: fields, title) }
            for name in names where features?.isEmpty == false && watched.endpoint?.features.contains(name.value) == false {
                errors.addUnknown(
                    "feature", name.value, within: " in \(title)", at: name.place, choices: watched.endpoint?.features ?? [],
                    plural: "features of the model")
            }
        }
        let isUpper = distance != .chiSquared
        let standard: Double =
            switch distance {
            case .psi: 0.2
            case .chiSquared: 0.001
            case .ks, .jensenShannon, .wasserstein: 0.1
            }
        let bound = raise?.value ?? standard
        let end = clear?.value ?? (isUpper ? bound / 2 : bound)
        check(bound, end, isUpper, at: clear?.place ?? node.place, title)
        return MonitorDefinition.Drift(
            features: features, predictions: predictions, distance: distance,
            bounds: .init(raise: bound, clear: end, isUpper: isUpper))
    }

    /// An alarm that could end while it is raised would never be still.
    private func check(_ raise: Double, _ clear: Double, _ isUpper: Bool, at place: SourcePlace?, _ title: String) {
        guard isUpper ? clear > raise : clear < raise else { return }
        errors.add(
            .conflict, at: place,
            "\(title) ends its alarm at \(NodeValues.plain(clear)), which lies beyond \(NodeValues.plain(raise)), where it is raised",
            hint: "make 'clear' \(isUpper ? "at most" : "at least") \(NodeValues.plain(raise))")
    }

    private func quality(_ node: LocatedNode, isStream: Bool) -> MonitorDefinition.Quality {
        let title = "the quality of \(title)"
        var quality = MonitorDefinition.Quality()
        guard var map = MapReader(node, MonitorDefinition.qualityKeys, title: title, errors: errors) else { return quality }
        func share(_ node: LocatedNode?, _ key: String) -> Double? {
            node.flatMap { NodeValues(errors, "the key '\(key)' of \(title)").share($0)?.value }
        }
        quality.missing = share(map.node("missing"), "missing")
        quality.unseen = share(map.node("unseen"), "unseen")
        quality.volume = share(map.node("volume"), "volume")
        quality.freshness = map.span("freshness", atLeast: .minutes(1))?.value
        quality.schema = share(map.node("schema"), "schema")
        if isStream { quality.rejected = share(map.node("rejected"), "rejected") }
        map.finish()
        return quality
    }

    private func performance(_ node: LocatedNode, _ endpoint: WatchedEndpoint, isEstimated: Bool) -> MonitorDefinition.Performance? {
        let title = "the \(isEstimated ? "estimated performance" : "performance") of \(title)"
        guard var map = MapReader(node, isEstimated ? MonitorDefinition.estimatedKeys : MonitorDefinition.performanceKeys, title: title, errors: errors)
        else { return nil }
        guard map.required("metric") != nil else { return nil }
        let metric = map.choice("metric", MonitoredMetric.self)
        let least = map.number("at_least", in: -1e15...1e15)
        let most = map.number("at_most", in: -1e15...1e15)
        let clear = map.number("clear", in: -1e15...1e15)
        let threshold = map.number("threshold", in: -1e15...1e15)?.value ?? 0.5
        map.finish()
        guard let metric else { return nil }
        let isHigherBetter = metric.value.isHigherBetter
        let fits =
            switch endpoint.task {
            case .probability: !metric.value.isOfNumbers && (!isEstimated || metric.value.canBeEstimated)
            case .number: metric.value.isOfNumbers && !isEstimated
            case .labels: false
            }
        guard fits else {
            errors.add(
                .conflict, at: metric.place,
                endpoint.task == .labels
                    ? "\(title) has a metric, and endpoints that answer with several classes have none here"
                    : "\(title) cannot be '\(metric.value.rawValue)' of a model that answers with \(endpoint.task == .number ? "a number" : "a probability")",
                found: metric.value.rawValue,
                hint: "metrics: "
                    + MonitoredMetric.allCases.filter { $0.isOfNumbers == (endpoint.task == .number) && (!isEstimated || $0.canBeEstimated) }
                    .map(\.rawValue).joined(separator: ", "))
            return nil
        }
        guard let bound = isHigherBetter ? least : most, (isHigherBetter ? most : least) == nil else {
            errors.add(
                .wrongValue, at: node.place, "\(title) needs '\(isHigherBetter ? "at_least" : "at_most")' of \(metric.value.rawValue), and that alone",
                expected: isHigherBetter ? "at_least" : "at_most", hint: "of \(metric.value.rawValue) \(isHigherBetter ? "more" : "less") is better")
            return nil
        }
        check(bound.value, clear?.value ?? bound.value, !isHigherBetter, at: clear?.place, title)
        return .init(
            metric: metric.value, threshold: threshold,
            bounds: .init(raise: bound.value, clear: clear?.value ?? bound.value, isUpper: !isHigherBetter))
    }

    private func bias(_ node: LocatedNode, _ endpoint: WatchedEndpoint) -> MonitorDefinition.Bias? {
        let title = "the bias of \(title)"
        guard var map = MapReader(node, MonitorDefinition.biasKeys, title: title, errors: errors) else { return nil }
        let field = map.requiredText("by")
        let rate = map.choice("rate", MonitorDefinition.Bias.Rate.self)?.value ?? .selection
        let gap = map.required("gap").flatMap { NodeValues(errors, "the key 'gap' of \(title)").share($0) }
        let clear = map.node("clear").flatMap { NodeValues(errors, "the key 'clear' of \(title)").share($0) }
        let threshold = map.number("threshold", in: -1e15...1e15)?.value ?? 0.5
        map.finish()
        guard let field, let gap else { return nil }
        guard let known = endpoint.inputs[field.value], !known.isLate else {
            errors.addUnknown(
                "field", field.value, within: " in \(title)", at: field.place,
                choices: endpoint.inputs.names.filter { !$0.isLate && !$0.isSubject }.map(\.name).sorted(), plural: "fields")
            return nil
        }
        guard !known.isSubject else {
            errors.add(
                .leakage, at: field.place, "\(title) has persons for groups: '\(field.value)' identifies one", found: field.value,
                hint: "take a field that many persons share")
            return nil
        }
        guard endpoint.task == .probability || endpoint.task == .number && !rate.needsOutcomes else {
            errors.add(
                .conflict, at: node.place, "\(title) compares positive decisions, and the model answers with \(endpoint.task == .labels ? "labels" : "a number")",
                hint: "remove it")
            return nil
        }
        check(gap.value, clear?.value ?? gap.value, true, at: clear?.place, title)
        return .init(field: field.value, rate: rate, threshold: threshold, bounds: .init(raise: gap.value, clear: clear?.value ?? gap.value))
    }

    private func alarms(_ node: LocatedNode) -> AlarmDefaults {
        let title = "the alarms of \(title)"
        var alarms = AlarmDefaults()
        guard var map = MapReader(node, MonitorDefinition.alarmKeys, title: title, errors: errors) else { return alarms }
        func hold(_ text: Located<String>?, _ key: String) -> AlarmRule.Hold? {
            guard let text else { return nil }
            if let hold = AlarmRule.Hold(text.value) { return hold }
            errors.add(
                .wrongValue, at: text.place, "the key '\(key)' of \(title) cannot be '\(text.value.shortened(to: 60))'", found: text.value,
                expected: "a number of windows or a span", hint: "as in 2 or 6h")
            return nil
        }
        alarms.hold = hold(map.text("for"), "for") ?? alarms.hold
        alarms.clearAfter = hold(map.text("clear_after"), "clear_after") ?? alarms.clearAfter
        alarms.severity = map.choice("severity", AlarmSeverity.self)?.value ?? alarms.severity
        alarms.repeatInterval = map.span("repeat", atLeast: .minutes(1))?.value ?? alarms.repeatInterval
        alarms.coolDown = map.span("cool_down")?.value ?? alarms.coolDown
        map.finish()
        return alarms
    }
}
