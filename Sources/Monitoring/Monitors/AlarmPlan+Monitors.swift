extension AlarmPlan {
    /// What the monitors in force ask for: a rule for each kind of measure, and for each reaction the rows that lead to it.
    ///
    /// - Throws: ``AlarmError`` where there are more rows than a plan may have.
    public init(_ monitors: [MonitorDefinition]) throws(AlarmError) {
        var rules: [AlarmRule] = []
        var routes: [AlarmRoute] = []
        var receivers: [Receiver] = []
        var actions: [AlarmAction] = []
        for monitor in monitors {
            rules += monitor.alarmRules
            for (number, reaction) in monitor.reactions.enumerated() {
                let id = Self.id(monitor, number)
                let told = Self.receivers(id, reaction.way)
                receivers += told
                var action: [String] = []
                if !reaction.way.isMessage {
                    actions.append(AlarmAction(id, coolDown: reaction.coolDown, budget: reaction.budget, needsApproval: reaction.needsApproval))
                    action = [id]
                }
                for matcher in try Self.matchers(monitor, reaction) {
                    routes.append(
                        AlarmRoute(
                            "\(id) \(matcher.value)", matchers: [matcher], receivers: told.map(\.id), actions: action,
                            repeatInterval: monitor.alarms.repeatInterval, continues: true))
                }
            }
        }
        try self.init(rules: rules, routes: routes, receivers: receivers, actions: actions)
    }

    /// Who a reaction tells; of mails each address by itself, so that one that is refused keeps nobody else from being told, or told twice.
    private static func receivers(_ id: String, _ way: AlarmReaction.Way) -> [Receiver] {
        switch way {
        case .webhook(let address): [Receiver(id, .webhook(address))]
        case .email(let addresses): addresses.map { Receiver("\(id) \($0)", .email(to: [$0])) }
        case .command(let arguments): [Receiver(id, .command(arguments))]
        case .pipeline, .rollback: []
        }
    }

    private static func id(_ monitor: MonitorDefinition, _ number: Int) -> String { "\(monitor.name)/\(number + 1)" }

    private static func matchers(_ monitor: MonitorDefinition, _ reaction: AlarmReaction) throws(AlarmError) -> [LabelMatcher] {
        var matchers: [LabelMatcher] = []
        let kinds = MonitorMeasure.Kind.allCases.filter { reaction.measures.isEmpty || reaction.measures.contains($0.rawValue) }
        if kinds.count == MonitorMeasure.Kind.allCases.count { return [try LabelMatcher("alertname", .matches, "\(monitor.name).*")] }
        for kind in kinds { matchers.append(try LabelMatcher("alertname", .equals, monitor.rule(kind))) }
        return matchers
    }

    /// The reaction that an action's id stands for, and its monitor.
    public static func reaction(_ id: String, among monitors: [MonitorDefinition]) -> AlarmReaction? {
        for monitor in monitors {
            for number in monitor.reactions.indices where self.id(monitor, number) == id { return monitor.reactions[number] }
        }
        return nil
    }
}
