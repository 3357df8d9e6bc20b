import MartletDefinitions

/// One mistake planted in the design's project.
struct PlantedMistake: Sendable, CustomStringConvertible {
    var title: String
    var file: String
    var old: String
    var new: String

    init(_ title: String, _ file: String, _ old: String, _ new: String) {
        self.title = title
        self.file = file
        self.old = old
        self.new = new
    }

    var description: String { title }

    static let stream = "streams/transactions.yaml"
    static let customer = "features/customer.yaml"
    static let terminal = "features/terminal.yaml"
    static let request = "features/request.yaml"
    static let model = "models/fraud.yaml"
    static let endpoint = "endpoints/fraud.yaml"
    static let pipeline = "pipelines/daily.yaml"

    static let all: [PlantedMistake] = yaml + streams + views + derived + models + splits + endpoints + pipelines + tasks + graphs + monitors + mails

    static let yaml: [PlantedMistake] = [
        .init("broken YAML", stream, "fields:", "fields: [}"),
        .init("a tab as indent", stream, "  tx_id:       string", "\ttx_id: string"),
        .init("a key twice", stream, "  amount:      {", "  tx_id: string\n  amount:      {"),
        .init(
            "an alias", customer, "windows: [1d, 7d, 30d] }\n  - ",
            "windows: &w [1d] }\n  - { function: sum, of: amount, windows: *w }\n  - "),
        .init("a tag", customer, "entity: customer_id", "entity: !!python/object customer_id"),
        .init("a list as key", customer, "entity: customer_id", "? [a, b]\n: customer_id"),
        .init("no kind", stream, "stream: transactions", "streem: transactions"),
        .init(
            "a list for a definition", endpoint,
            "endpoint: fraud\nmodel: fraud@champion\nfallback: { score: 0.0 }", "- endpoint"),
        .init("a name twice", terminal, "feature_view: terminal", "feature_view: customer"),
        .init("no name for a name", stream, "stream: transactions", "stream: card transactions"),
        .init("a key without a value", stream, "unique: tx_id", "unique:"),
        .init(
            "two names of the project", "martlet.yaml", "project: fraud",
            "project: fraud\n---\nproject: other"),
        .init("a store that does not exist", "martlet.yaml", "\"sqlite:\"", "\"postgres://db\""),
        .init("a key of a later version", endpoint, "fallback", "mirror: { share: 10% }\nfallback"),
    ]

    static let streams: [PlantedMistake] = [
        .init("an unknown key of a stream", stream, "event_time: tx_time", "evnt_time: tx_time"),
        .init("a missing fields key", stream, "fields:\n", "feelds:\n"),
        .init("an unknown type", stream, "amount:      { type: float64", "amount:      { type: double"),
        .init("an unknown type in short form", stream, "terminal_id: string", "terminal_id: strin"),
        .init("an unknown event time", stream, "event_time: tx_time", "event_time: tx_tim"),
        .init("an event time that is no timestamp", stream, "event_time: tx_time", "event_time: amount"),
        .init("an unknown unique field", stream, "unique: tx_id", "unique: tx_ids"),
        .init("a unique field that is late", stream, "unique: tx_id", "unique: [tx_id, is_fraud]"),
        .init("an unknown time zone", stream, "Europe/Brussels", "Europe/Brusels"),
        .init("no span", stream, "unique: tx_id", "unique: tx_id\ndelay: 7 days"),
        .init("a check that names nothing", stream, "amount >= 0.0", "amout >= 0.0"),
        .init("a check that is no condition", stream, "amount >= 0.0", "amount + 1.0"),
        .init("a late field that must be there", stream, "optional: true", "optional: false"),
        .init("a wrong boolean", stream, "optional: true", "optional: yes"),
        .init("absent without known_after", stream, "check: \"amount >= 0.0\"", "absent: { value: 0.0 }"),
        .init("absent too early", stream, "optional: true", "absent: { value: false, after: 1d }"),
        .init(
            "an absent value of another type", stream, "optional: true",
            "absent: { value: maybe, after: 60d }"),
        .init(
            "a subject of a wrong type", stream, "{ type: string, personal: subject }",
            "{ type: float64, personal: subject }"),
        .init("an unknown personal word", stream, "personal: subject", "personal: email"),
        .init(
            "a unit without a time", stream, "{ type: float64, check", "{ type: float64, unit: seconds, check"
        ),
        .init(
            "an unknown unit", stream, "tx_time:     timestamp", "tx_time: { type: timestamp, unit: second }"),
        .init("an unknown clean rule", stream, "check: \"amount >= 0.0\"", "clean: [trimm]"),
        .init(
            "a clamp of a text", stream, "terminal_id: string",
            "terminal_id: { type: string, clean: [{ clamp: { low: 0 } }] }"),
        .init(
            "a clamp upside down", stream, "check: \"amount >= 0.0\"",
            "clean: [{ clamp: { low: 2, high: 1 } }]"),
        .init(
            "a clean rule of two", stream, "check: \"amount >= 0.0\"",
            "clean: [{ fill: 0.0, clamp: { low: 1 } }]"),
        .init("a field without a type", stream, "terminal_id: string", "terminal_id: { optional: true }"),
        .init("a field's name that is a word", stream, "terminal_id: string", "in: string"),
        .init("a field's name with a space", stream, "terminal_id: string", "terminal id: string"),
    ]

    static let views: [PlantedMistake] = [
        .init("an unknown function", customer, "mean, max", "men, max"),
        .init("a function of another system", customer, "mean, max", "avg, max"),
        .init("an unknown source", customer, "source: transactions", "source: transaction"),
        .init("an unknown entity", customer, "entity: customer_id", "entity: custmer_id"),
        .init("an entity that is a number", customer, "entity: customer_id", "entity: amount"),
        .init("no entity", customer, "entity: customer_id\n", ""),
        .init("an unknown field in of", customer, "of: amount", "of: amuont"),
        .init("an expression without as", customer, "of: amount", "of: amount * 2.0"),
        .init("a function without of", customer, "function: count,", "function: sum,"),
        .init("a mean of a text", customer, "of: amount", "of: terminal_id"),
        .init("a where that is no condition", customer, "where: amount > 0.0", "where: amount"),
        .init("a feature twice", customer, "windows: [1d, 7d, 30d] }\n  - ", "windows: [1d, 7d, 7d] }\n  - "),
        .init(
            "two spellings of a window", customer, "windows: [1d, 7d, 30d] }\n  - ",
            "windows: [1d, 24h] }\n  - "),
        .init("one name for several functions", customer, "of: amount,", "of: amount, as: paid,"),
        .init("a window of nothing", customer, "windows: [1d, 7d, 30d] }\n  - ", "windows: [0d] }\n  - "),
        .init("no windows", customer, "function: count, windows: [1d, 7d, 30d]", "function: count"),
        .init("an offset that sees the label", terminal, "as: risk", "as: risk, offset: 1d"),
        .init(
            "a subject that is read", terminal, "function: mean, of: is_fraud",
            "function: first, of: customer_id"),
        .init(
            "a subject in a condition", terminal, "source: transactions",
            "source: transactions\nwhere: customer_id == \"a\""),
        .init(
            "neither aggregate nor derive", terminal,
            "aggregate:\n  - { function: mean, of: is_fraud, windows: [1d, 7d, 30d], as: risk }", ""),
        .init("both aggregate and derive", terminal, "aggregate:", "derive: { a: amount }\naggregate:"),
    ]

    static let derived: [PlantedMistake] = [
        .init("a late field derived", request, "amount:       amount", "label: is_fraud"),
        .init("an unknown feature", request, "customer.mean_amount_30d", "customer.mean_amount_31d"),
        .init("an unknown method", request, "getHours", "getHour"),
        .init(
            "a circle", request, "amount / (customer.mean_amount_30d + 1.0)",
            "request.twice\n  twice: request.amount_ratio * 2.0"),
        .init(
            "views in a circle", request, "amount / (customer.mean_amount_30d + 1.0)",
            "other.a\n---\nfeature_view: other\nsource: transactions\nderive: { a: request.amount }"),
        .init("a subject derived", request, "amount:       amount", "who: customer_id"),
        .init(
            "an entity of a derived view", request, "source: transactions",
            "source: transactions\nentity: customer_id"),
        .init("types that do not fit", request, "amount:       amount", "amount: amount + terminal_id"),
    ]

    static let models: [PlantedMistake] = [
        .init("a task that does not exist", model, "task: binary", "task: ranking"),
        .init("an unknown stream of a model", model, "from: transactions", "from: transaction"),
        .init("a label of another type", model, "label: is_fraud", "label: amount"),
        .init("an unknown label", model, "label: is_fraud", "label: is_froud"),
        .init("an unknown view", model, "request.*, customer.*", "request.*, custmer.*"),
        .init("an unknown feature of a view", model, "request.*, customer.*", "request.*, customer.count_2d"),
        .init("a feature twice in a model", model, "request.*, customer.*", "request.*, request.amount"),
        .init("a field for a feature", model, "request.*, customer.*", "amount, customer.*"),
        .init("a label among the features", model, "label: is_fraud", "label: amount > 100.0"),
        .init(
            "a view at an unknown field", model, "request.*, customer.*",
            "{ view: customer, on: sender_id, as: sender }"),
        .init("an exception of nothing", model, "split:", "except: [customer.count_2d]\nsplit:"),
        .init("an unknown trainer", model, "kind: xgboost", "kind: xgbost"),
        .init("an unknown parameter", model, "max_depth: 6", "max_dept: 6"),
        .init("a parameter out of range", model, "max_depth: 6", "max_depth: 600"),
        .init("an unknown metric", model, "roc_auc", "auc_roc"),
        .init("a metric of another task", model, "roc_auc", "rmse"),
        .init("a metric without its count", model, "roc_auc", "precision_at"),
        .init("an unknown group of a metric", model, "per: [day, customer_id]", "per: [day, customer]"),
        .init(
            "a gate of an unknown metric", model, "average_precision >= champion.average_precision",
            "recall >= 0.5"),
        .init(
            "a gate that is no condition", model, "average_precision >= champion.average_precision",
            "average_precision"),
        .init(
            "a gate of the champion alone", model, "average_precision >= champion.average_precision",
            "champion.roc_auc > 0.5"),
    ]

    static let splits: [PlantedMistake] = [
        .init(
            "parts that overlap", model, "test: { to: 2018-08-25 }",
            "test: { from: 2018-07-26, to: 2018-08-25 }"),
        .init(
            "parts that are not kept apart", model,
            "{ train: { from: 2018-05-08, to: 2018-07-25 }, gap: 7d, test: { to: 2018-08-25 } }",
            "{ train: { from: 2018-05-08 } }"),
        .init("a date that is none", model, "from: 2018-05-08", "from: 2018-02-30"),
        .init("a part that ends before it begins", model, "from: 2018-05-08", "from: 2018-09-08"),
        .init(
            "shares that are more than the whole", model,
            "{ train: { from: 2018-05-08, to: 2018-07-25 }, gap: 7d, test: { to: 2018-08-25 } }",
            "{ train: 60%, test: 60% }"),
        .init(
            "a share that is none", model,
            "{ train: { from: 2018-05-08, to: 2018-07-25 }, gap: 7d, test: { to: 2018-08-25 } }",
            "{ train: most }"),
        .init("an unknown test stream", model, "test: { to: 2018-08-25 }", "test: { stream: later }"),
    ]

    static let endpoints: [PlantedMistake] = [
        .init("an unknown model", endpoint, "fraud@champion", "frod@champion"),
        .init("a version that is none", endpoint, "fraud@champion", "fraud@0"),
        .init("a fallback that is no probability", endpoint, "score: 0.0", "score: 2"),
        .init("an unknown record mode", endpoint, "fallback", "record: after_anser\nfallback"),
        .init("a limit out of range", endpoint, "fallback", "limits: { rows: 0 }\nfallback"),
        .init("a review of nothing", endpoint, "fallback", "review: { limit: 5 }\nfallback"),
        .init("a review that reads what is not there", endpoint, "fallback", "review: { when: \"outptu > 0.4\" }\nfallback"),
        .init("a review that reads the label", endpoint, "fallback", "review: { when: \"inputs.is_fraud\" }\nfallback"),
        .init("a review that reads a person", endpoint, "fallback", "review: { when: \"inputs.customer_id == 'c'\" }\nfallback"),
        .init("a review of more than all", endpoint, "fallback", "review: { explore: 120% }\nfallback"),
    ] + rollouts

    static let rollouts: [PlantedMistake] = [
        rollout("no strategy", "share: 10%"),
        rollout("an unknown strategy", "strategy: canari"),
        rollout("steps of no canary", "strategy: ab, steps: [10%, 20%]"),
        rollout("steps and a share", "strategy: canary, steps: [10%], share: 5%"),
        rollout("steps that fall", "strategy: canary, steps: [50%, 10%]"),
        rollout("a step that is no share", "strategy: canary, steps: [most]"),
        rollout("nothing but a shadow", "strategy: canary, steps: [shadow]"),
        rollout("a shadow after a step", "strategy: canary, steps: [10%, shadow]"),
        rollout("a share that leaves nobody", "strategy: canary, share: 0.01%"),
        rollout("an unknown unit", "strategy: canary, unit: customer"),
        rollout("a unit that is known late", "strategy: canary, unit: is_fraud"),
        rollout("an objective that does not parse", "strategy: canary, objective: \"outcome ? 1.0\""),
        rollout("an objective that is no number", "strategy: canary, objective: \"outcome\""),
        rollout("an objective that no version changes", "strategy: canary, objective: \"inputs.amount\""),
        rollout("an objective with an unknown input", "strategy: canary, objective: \"output * inputs.amont\""),
        rollout("an objective that reads persons", "strategy: canary, objective: \"inputs.customer_id == 'c1' ? output : 0.0\""),
        rollout("an error rate that concludes from nothing", "strategy: canary, error_rate: 80%"),
        rollout("a minimum out of range", "strategy: canary, minimum: { units: 5 }"),
        rollout("steps that do not fit", "strategy: canary, steps: [10%, 20%], minimum: { time: 10d }, longest: 12d"),
        rollout("an unknown end", "strategy: canary, undecided: hope"),
        rollout("a latency without its bound", "strategy: canary, guardrails: { latency: { share: 1% } }"),
        rollout("an unknown guardrail", "strategy: canary, guardrails: { eror: 1% }"),
        rollout("a fairness without groups", "strategy: canary, guardrails: { fairness: { by: region, gap: 5% } }"),
        rollout("an approval that is neither", "strategy: canary, approval: yes"),
        .init(
            "a rollout of a fixed version", endpoint, "model: fraud@champion", "model: fraud@3\nrollout: { strategy: canary }"),
        .init(
            "two rollouts of one alias", endpoint, "fallback: { score: 0.0 }",
            "rollout: { strategy: canary }\n---\nendpoint: other\nmodel: fraud@champion\nrollout: { strategy: ab }"),
    ]

    static let monitors: [PlantedMistake] = [
        monitor("nothing to watch", ""),
        monitor("an unknown endpoint", "drift: {}", endpoint: "froud"),
        monitor("an unknown key", "drfit: {}"),
        monitor("an unknown feature", "drift: { features: [customer.count_2d] }"),
        monitor("an unknown distance", "drift: { distance: kl }"),
        monitor("an end beyond its alarm", "drift: { raise: 0.1, clear: 0.3 }"),
        monitor("a reference that is none", "drift: {}\nreference: yesterday"),
        monitor("a reference between windows", "drift: {}\nreference: { windows: 4, every: 36h }"),
        monitor("a bound of the wrong side", "performance: { metric: recall, at_most: 0.5 }"),
        monitor("a metric of numbers", "performance: { metric: rmse, at_most: 0.5 }"),
        monitor("a metric that is not estimated", "estimated: { metric: brier, at_most: 0.5 }"),
        monitor("a metric twice", "performance: [{ metric: recall, at_least: 0.5 }, { metric: recall, at_least: 0.4 }]"),
        monitor("persons for groups", "bias: { by: customer_id, gap: 10% }"),
        monitor("groups that are known late", "bias: { by: is_fraud, gap: 10% }"),
        monitor("a hold that is none", "drift: {}\nalarms: { for: long }"),
        monitor("a reaction that does nothing", "drift: {}\non_alarm: [{ cool_down: 1d }]"),
        monitor("a reaction that does two things", "drift: {}\non_alarm: [{ pipeline: daily, rollback: true }]"),
        monitor("an unknown pipeline", "drift: {}\non_alarm: [{ pipeline: dayly }]"),
        monitor("a reaction to an unknown measure", "drift: {}\non_alarm: [{ pipeline: daily, on: drifting }]"),
        monitor("a reaction to what only streams have", "drift: {}\non_alarm: [{ pipeline: daily, on: [drift, rejected] }]"),
        streamMonitor("a reaction to what only predictions have", "quality: { rejected: 1% }\non_alarm: [{ pipeline: daily, on: [performance, rejected] }]"),
        streamMonitor("a reaction to what rollouts have", "quality: { rejected: 1% }\non_alarm: [{ command: [notify], on: guardrail }]"),
        monitor("an address that is none", "drift: {}\non_alarm: [{ webhook: alerts }]"),
        monitor("a key of streams' quality", "quality: { rejected: 1% }"),
        monitor("too much lateness", "drift: {}\nwindow: 1h\nlateness: 2d"),
        streamMonitor("nothing to watch", ""),
        streamMonitor("an unknown stream", "drift: {}", stream: "transaction"),
        streamMonitor("what only predictions have", "drift: {}\nskew: 5"),
        streamMonitor("a training for reference", "drift: {}\nreference: training"),
        streamMonitor("an unknown field", "drift: { fields: [amuont] }"),
        streamMonitor("features of a model", "drift: { features: all }"),
        streamMonitor("the drift of persons", "drift: { fields: [customer_id] }"),
        streamMonitor("the drift of a late field", "drift: { fields: [is_fraud] }"),
        streamMonitor("the drift of times", "drift: { fields: [tx_time] }"),
        monitor("a mail and no server", "drift: {}\non_alarm: [{ email: ops@example.org }]"),
        monitor("a command without a program", "drift: {}\non_alarm: [{ command: [''] }]"),
        monitor("a review of an endpoint without", "drift: {}\non_alarm: [{ review: 20% }]"),
        monitor("a review of nothing", "drift: {}\non_alarm: [{ review: 0% }]"),
        monitor("a parameter that the pipeline has not", "drift: {}\non_alarm: [{ pipeline: daily, parameters: { days: 3 } }]"),
        .init(
            "a monitor that falls back on nothing", endpoint, "fallback: { score: 0.0 }",
            "---\nmonitor: watch\nendpoint: fraud\ndrift: {}\non_alarm: [{ fallback: true }]"),
        streamMonitor("a rollback", "drift: {}\non_alarm: [{ rollback: true }]"),
        .init(
            "monitors with too many reactions", endpoint, "fallback: { score: 0.0 }",
            "fallback: { score: 0.0 }\n"
                + (1...7).map { number in
                    "---\nmonitor: m\(number)\nendpoint: fraud\ndrift: {}\non_alarm:\n"
                        + String(repeating: "  - { command: [notify] }\n", count: 50)
                }.joined()),
        monitor("a budget for messages", "drift: {}\non_alarm: [{ command: [notify], budget: 3 }]"),
    ]

    static let mails: [PlantedMistake] = [
        mail("a server of another kind", "server: 'http://mail.example.org', from: martlet@example.org"),
        mail("a server with a path", "server: 'smtp://mail.example.org/inbox', from: martlet@example.org"),
        mail("no sender", "server: 'smtp://mail.example.org'"),
        mail("a sender that is none", "server: 'smtp://mail.example.org', from: martlet"),
        mail("a password in the clear", "server: 'smtp://mail.example.org', from: martlet@example.org, security: none, user: a, password: b"),
        mail("a user alone", "server: 'smtp://mail.example.org', from: martlet@example.org, user: a"),
        mail("two ways to begin TLS", "server: 'smtps://mail.example.org', from: martlet@example.org, security: starttls"),
        mail("a password that is no name", "server: 'smtps://mail.example.org', from: martlet@example.org, user: a, password: 'hunter 2'"),
    ]

    private static func streamMonitor(_ name: String, _ keys: String, stream named: String = "transactions") -> PlantedMistake {
        .init("a stream's monitor with " + name, endpoint, "fallback: { score: 0.0 }", "fallback: { score: 0.0 }\n---\nmonitor: watch\nstream: \(named)\n\(keys)")
    }

    private static func mail(_ name: String, _ keys: String) -> PlantedMistake {
        .init("a mail with " + name, "martlet.yaml", "project: fraud", "project: fraud\nmail: { \(keys) }")
    }

    /// A monitor beside the endpoint, whose file has it behind the endpoint's own.
    private static func monitor(_ name: String, _ keys: String, endpoint named: String = "fraud") -> PlantedMistake {
        .init("a monitor with " + name, endpoint, "fallback: { score: 0.0 }", "fallback: { score: 0.0 }\n---\nmonitor: watch\nendpoint: \(named)\n\(keys)")
    }

    private static func rollout(_ name: String, _ keys: String) -> PlantedMistake {
        .init("a rollout with " + name, endpoint, "fallback", "rollout: { \(keys) }\nfallback")
    }
}
