public import MartletFrames

/// Which alarms go where: a row of a table that is read from the top.
///
/// An alarm takes the first row whose matchers all hold, and goes on to the next only past rows with ``continues``. What goes to one
/// receiver by one row is gathered by ``groupBy``: a group has one message about all its alarms. As in Alertmanager:
///
/// - ``groupWait`` after a group's first alarm comes its first message;
/// - changes (a new alarm, one that ended) are told ``groupInterval`` after the message before, at the soonest;
/// - while nothing changes, the same is told again ``repeatInterval`` after the message before, unless every alarm of it is acknowledged.
///
/// A monitor's `on_alarm: [{ pipeline: daily }, { webhook: "https://…" }]` is a row whose matcher is the rule's name.
public struct AlarmRoute: Hashable, Sendable {
    public enum Grouping: Hashable, Sendable {
        /// By the values of these labels; `alertname` and `severity` can be among them. None: all alarms of the row are one group.
        case labels([String])
        /// Each alarm is a group of its own.
        case all
    }

    /// Unique in the table and the same from one version of the project to the next: what was told already is known by it.
    public var name: String
    /// All must hold; none: every alarm.
    public var matchers: [LabelMatcher]
    /// Ids of receivers.
    public var receivers: [String]
    /// Ids of actions that an alarm calls for when it fires.
    public var actions: [String]
    public var groupBy: Grouping
    public var groupWait: Timestamp.Span
    public var groupInterval: Timestamp.Span
    public var repeatInterval: Timestamp.Span
    /// Whether rows below are looked at too.
    public var continues: Bool

    public init(
        _ name: String, matchers: [LabelMatcher] = [], receivers: [String] = [], actions: [String] = [],
        groupBy: Grouping = .labels(["alertname"]), groupWait: Timestamp.Span = .seconds(30), groupInterval: Timestamp.Span = .minutes(5),
        repeatInterval: Timestamp.Span = .hours(4), continues: Bool = false
    ) {
        self.name = name
        self.matchers = matchers
        self.receivers = receivers
        self.actions = actions
        self.groupBy = groupBy
        self.groupWait = groupWait
        self.groupInterval = groupInterval
        self.repeatInterval = repeatInterval
        self.continues = continues
    }
}

/// Something that is done once when an alarm fires: a pipeline is run, an endpoint is rolled back.
///
/// What it is stays closed to this part: whoever carries it out knows it by its id, and by the order's key what was done already.
public struct AlarmAction: Hashable, Sendable {
    /// How often it may be done, for whichever alarms.
    public struct Budget: Hashable, Sendable {
        /// At most ``countLimit``.
        public var count: Int
        public var per: Timestamp.Span

        public static let countLimit = 100

        public init(_ count: Int, per: Timestamp.Span) {
            self.count = min(max(0, count), Self.countLimit)
            self.per = per
        }
    }

    public var id: String
    /// For how long after it was ordered it is not ordered again, whichever alarm fires.
    public var coolDown: Timestamp.Span
    public var budget: Budget?
    /// Whether a person must say yes first; the question is withdrawn when the alarm ends.
    public var needsApproval: Bool

    public init(_ id: String, coolDown: Timestamp.Span = .hours(1), budget: Budget? = Budget(10, per: .days(1)), needsApproval: Bool = false) {
        self.id = id
        self.coolDown = coolDown
        self.budget = budget
        self.needsApproval = needsApproval
    }
}

/// For a while, alarms that its matchers hold for are not told and call for no action.
///
/// The end of an alarm that was told before is told all the same, so that nobody waits for it.
public struct Silence: Hashable, Sendable {
    public var id: String
    /// All must hold; one at least must not hold for an alarm without labels, so that none silences everything.
    public var matchers: [LabelMatcher]
    public var start: Timestamp
    /// From here on it is over.
    public var end: Timestamp
    public var author: String
    public var comment: String

    public static let matcherLimit = 32
    public static let commentLimit = 1_000

    public init(id: String, matchers: [LabelMatcher], start: Timestamp, end: Timestamp, author: String, comment: String) {
        self.id = id
        self.matchers = matchers
        self.start = start
        self.end = end
        self.author = author
        self.comment = comment
    }

    func isActive(at now: Timestamp) -> Bool { start <= now && now < end }

    func check() throws(AlarmError) {
        guard !id.isEmpty, id.utf8.count <= 128 else { throw .invalid("a silence needs an id of at most 128 bytes") }
        guard start < end else { throw .invalid("the silence would end at \(end), before it begins") }
        guard (1...Self.matcherLimit).contains(matchers.count) else { throw .invalid("a silence needs from 1 to \(Self.matcherLimit) matchers") }
        guard matchers.contains(where: { !$0.holds(for: "") }) else {
            throw .invalid("the silence would hold for every alarm", hint: "let one matcher ask for a value, such as feature=\"amount\"")
        }
        guard author.utf8.count <= 256, comment.utf8.count <= Self.commentLimit else {
            throw .invalid("the comment is longer than \(Self.commentLimit) bytes, or the author's name than 256")
        }
    }
}

/// What is in force: rules, the table of routes, receivers and actions.
public struct AlarmPlan: Hashable, Sendable {
    public let rules: [String: AlarmRule]
    public let routes: [AlarmRoute]
    public let receivers: [String: Receiver]
    public let actions: [String: AlarmAction]

    public static let routeLimit = 1_000

    public static let empty = AlarmPlan()

    private init() {
        rules = [:]
        routes = []
        receivers = [:]
        actions = [:]
    }

    /// - Throws: ``AlarmError`` with code `invalid` for a name that stands twice or names nothing.
    public init(rules: [AlarmRule], routes: [AlarmRoute], receivers: [Receiver] = [], actions: [AlarmAction] = []) throws(AlarmError) {
        self.rules = try Self.byName(rules, "rule", \.id)
        self.receivers = try Self.byName(receivers, "receiver", \.id)
        self.actions = try Self.byName(actions, "action", \.id)
        self.routes = routes
        guard routes.count <= Self.routeLimit else { throw .invalid("\(routes.count) routes stand where at most \(Self.routeLimit) may") }
        _ = try Self.byName(routes, "route", \.name)
        for route in routes {
            for name in route.receivers where self.receivers[name] == nil {
                throw .invalid("route '\(route.name)' names no receiver by '\(name)'", hint: Self.list(self.receivers.keys))
            }
            for name in route.actions where self.actions[name] == nil {
                throw .invalid("route '\(route.name)' names no action by '\(name)'", hint: Self.list(self.actions.keys))
            }
            if case .labels(let names) = route.groupBy, let name = names.first(where: { !AlarmLabels.isName($0) }) {
                throw .invalid("route '\(route.name)' groups by '\(name.prefix(60))', which is no name of a label")
            }
        }
    }

    private static func byName<Thing>(_ things: [Thing], _ what: String, _ name: (Thing) -> String) throws(AlarmError) -> [String: Thing] {
        var found: [String: Thing] = [:]
        for thing in things {
            guard !name(thing).isEmpty, name(thing).utf8.count <= 512 else { throw .invalid("a \(what) needs a name of at most 512 bytes") }
            guard found.updateValue(thing, forKey: name(thing)) == nil else { throw .invalid("two \(what)s are named '\(name(thing))'") }
        }
        return found
    }

    private static func list(_ names: some Sequence<String>) -> String { "there are: " + names.sorted().prefix(12).joined(separator: ", ") }

    /// The rows that an alarm takes, from the top.
    func routes(of identity: AlarmIdentity, severity: AlarmSeverity) -> [AlarmRoute] {
        var found: [AlarmRoute] = []
        for route in routes where route.matchers.hold(for: identity, severity: severity) {
            found.append(route)
            if !route.continues { break }
        }
        return found
    }
}
