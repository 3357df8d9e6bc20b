extension AlarmPlan {
    /// What the monitors in force ask for: a rule for each kind of measure, those of rollouts, and for each reaction the rows that lead to it.
    ///
    /// - Throws: ``AlarmError`` where there are more rows than a plan may have.
    public init(_ monitors: [MonitorDefinition]) throws(AlarmError) {
        var rules = RolloutAlarm.allCases.map(\.rule)
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
                for (name, matchers) in try Self.matchers(monitor, reaction) {
                    routes.append(
                        AlarmRoute(
                            "\(id) \(name)", matchers: matchers, receivers: told.map(\.id), actions: action,
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
        case .pipeline, .rollback, .mitigate: []
        }
    }

    private static func id(_ monitor: MonitorDefinition, _ number: Int) -> String { "\(monitor.name)/\(number + 1)" }

    /// The alarms that a reaction is for, each with a name for its row. Without `on` these are the monitor's own and, where it tells of
    /// alarms, those of its endpoint's rollouts.
    private static func matchers(_ monitor: MonitorDefinition, _ reaction: AlarmReaction) throws(AlarmError) -> [(name: String, matchers: [LabelMatcher])] {
        let isAll = reaction.measures.isEmpty
        let kinds = MonitorMeasure.Kind.allCases.filter { isAll || reaction.measures.contains($0.rawValue) }
        var rows: [(name: String, matchers: [LabelMatcher])] = []
        if kinds.count == MonitorMeasure.Kind.allCases.count {
            rows.append(("\(monitor.name).*", [try LabelMatcher("alertname", .matches, "\(monitor.name).*")]))
        } else {
            for kind in kinds { rows.append((monitor.rule(kind), [try LabelMatcher("alertname", .equals, monitor.rule(kind))])) }
        }
        guard let endpoint = monitor.endpoint else { return rows }
        for alarm in RolloutAlarm.allCases where isAll && reaction.way.isMessage || reaction.measures.contains(alarm.rawValue) {
            rows.append((
                alarm.rawValue,
                [
                    try LabelMatcher("alertname", .equals, alarm.rawValue), try LabelMatcher(RolloutAlarm.endpointLabel, .equals, endpoint),
                ]
            ))
        }
        return rows
    }

    /// The reaction that an action's id stands for, and its monitor.
    public static func reaction(_ id: String, among monitors: [MonitorDefinition]) -> (monitor: MonitorDefinition, reaction: AlarmReaction)? {
        for monitor in monitors {
            for number in monitor.reactions.indices where self.id(monitor, number) == id { return (monitor, monitor.reactions[number]) }
        }
        return nil
    }
}
