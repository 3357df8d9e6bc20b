public import MartletDefinitions
internal import MartletFrames

extension MonitorDefinition {
    /// The kind `monitor` with its keys.
    public static let kind = DefinitionKind(
        name: "monitor", folder: "monitors",
        summary: "A monitor watches what an endpoint is asked and what it answers, or what comes into a stream, and raises alarms.",
        example: """
            monitor: returns
            endpoint: returns
            drift: { features: all, predictions: true }
            """,
        tables: [
            keys, windowsKeys, driftKeys, qualityKeys, performanceKeys, estimatedKeys, biasKeys, alarmKeys, reactionKeys,
        ])

    static let keys = KeyTable(
        "a monitor",
        "Exactly one of `endpoint` and `stream`. Of a stream `drift`, `quality`, `reference`, windows and alarms have a meaning.",
        keys: [
            .required("monitor", "name", "Its name."),
            .optional("endpoint", "name of an endpoint", "Whose predictions are watched."),
            .optional("stream", "name of a stream", "Whose events are watched, as they came in; corrections and outcomes of events change no window."),
            .optional("window", "span", standard: "`1d`", "Predictions or events are measured in windows of this length by their time; windows begin at multiples of it since 1970."),
            .optional("lateness", "span", standard: "`10m`, or 30 windows if that is less", "How long after a window's end what belongs to it is waited for, at most 30 windows; what comes later is counted and not measured."),
            .optional(
                "reference", "`training`, `seasonal` or a map", standard: "`training`; of a stream `{ windows: 7 }`",
                """
                What inputs and outputs are held against: what the version that answers was trained on, or windows of the past. A stream has the latter. `seasonal`: the \
                seven windows before, those of the same time in the last seven days, or of the same time and weekday in the last four weeks, whichever had been \
                nearer over the last two weeks; the volume too is held against these.
                """),
            .optional("minimum_rows", "whole number", standard: "`200`", "Predictions or events of a window below which nothing is concluded from it."),
            .optional("drift", "map", "How far features and outputs, or a stream's fields, may move."),
            .optional("quality", "map", "What may be wrong with what is asked, or with what comes in."),
            .optional("performance", "map or list of maps", "How good predictions must be, once their outcomes are known."),
            .optional("estimated", "map or list of maps", "The same, estimated at once from the outputs of a binary model, without outcomes."),
            .optional("bias", "map or list of maps", "How far apart decisions for groups may be."),
            .optional("errors", "share", "How many of a window's predictions the fallback may answer."),
            .optional("latency", "span", "What 99 of 100 predictions may take at most."),
            .optional("skew", "whole number", standard: "`0`", "How many predictions of a window are computed again as of their time and compared bit by bit; one difference is an alarm."),
            .optional("alarms", "map", "How its alarms behave."),
            .optional("on_alarm", "list of maps", standard: "alarms are shown and kept", "What is done when one of its alarms fires."),
            .optional("doc", "text", "What it is, for people. No part of its version."),
        ])

    static let windowsKeys = KeyTable(
        "the reference of a monitor",
        keys: [
            .required("windows", "whole number", "So many windows of the past, taken together; at most 60."),
            .optional("every", "span", standard: "the window's length", "How far they lie apart: with `7d` a Monday is held against Mondays."),
        ])

    static let driftKeys = KeyTable(
        "the drift of a monitor",
        keys: [
            .optional("features", "`all`, `none` or list of names", standard: "`all`", "Which features of the model; of an endpoint."),
            .optional(
                "fields", "`all` or list of names", standard: "`all`",
                "Which fields of the stream; of a stream. Times, fields that identify persons and late fields have no drift, a unique key only by its name."),
            .optional("predictions", "true or false", standard: "`true`", "Whether the outputs too; of an endpoint."),
            .optional(
                "distance", Distance.allCases.map { "`\($0.rawValue)`" }.joined(separator: ", "), standard: "`psi`",
                """
                `psi`: population stability index over ten bins of equal shares of the reference. `ks`: Kolmogorov–Smirnov's statistic (numbers). `chi_squared`: the \
                chance (p) of the counts if nothing moved; less is worse. `jensen_shannon`: base 2, a distance from 0 to 1. `wasserstein`: in standard deviations of the \
                reference (numbers). Categories have `psi` where a distance is of numbers.
                """),
            .optional("raise", "number", standard: "`0.2` (psi), `0.1` (ks, jensen_shannon, wasserstein), `0.001` (chi_squared)", "Beyond it is drift."),
            .optional("clear", "number", standard: "`raise`, or half of it", "Within it the alarm ends."),
        ])

    static let qualityKeys = KeyTable(
        "the quality of a monitor",
        keys: [
            .optional("missing", "share", "How many points more of a feature or field may be missing than in the reference. Late fields are not watched."),
            .optional("unseen", "share", "How much of a feature or field may lie outside of the reference's range, or in categories that it lacks."),
            .optional("volume", "share", "How much the number of predictions or events may differ from the mean of the last seven windows."),
            .optional("freshness", "span", "How long no prediction, or no event, at all may come."),
            .optional("rejected", "share", "How many of the rows that arrive in a window may become dead letters; of a stream."),
            .optional(
                "schema", "share",
                """
                How many of the rows that come may have a field otherwise than the contract: without a value that it asks for, with one of another type, or with a field \
                that it lacks. Each such field is told with what was seen. Of a stream a field that a release added or removed is told too, in the window in which it did.
                """),
        ])

    static let performanceKeys = KeyTable(
        "the performance of a monitor",
        "A window is measured once all its outcomes must have come: its end and the label's `known_after` later. The share of predictions with an outcome is shown beside.",
        keys: [
            .required("metric", MonitoredMetric.allCases.map { "`\($0.rawValue)`" }.joined(separator: ", "), "What is measured."),
            .optional("at_least", "number", "The bound, of a metric of which more is better."),
            .optional("at_most", "number", "The bound, of a metric of which less is better."),
            .optional("clear", "number", standard: "the bound", "Within it the alarm ends."),
            .optional("threshold", "number", standard: "`0.5`", "An output of at least this is a positive decision; for accuracy, precision, recall and f1."),
        ])

    static let estimatedKeys = KeyTable(
        "the estimated performance of a monitor",
        "Outputs are calibrated on the test rows of the version that answers; then their own uncertainty says how often they are right (CBPE). It sees a change of inputs, not a change of what they mean.",
        keys: performanceKeys.keys)

    static let biasKeys = KeyTable(
        "the bias of a monitor",
        keys: [
            .required("by", "field", "The input whose values are the groups; the first 20 values of a window are watched."),
            .optional(
                "rate", Bias.Rate.allCases.map { "`\($0.rawValue)`" }.joined(separator: ", "), standard: "`selection_rate`",
                "Whose greatest difference between two groups is measured. The other two than `selection_rate` wait for outcomes."),
            .required("gap", "share", "The greatest difference."),
            .optional("clear", "share", standard: "`gap`", "Within it the alarm ends."),
            .optional("threshold", "number", standard: "`0.5`", "An output of at least this is a positive decision."),
        ])

    static let alarmKeys = KeyTable(
        "the alarms of a monitor",
        keys: [
            .optional("for", "whole number or span", standard: "`1`", "So many windows in a row, or for so long, a measure lies beyond its bound before the alarm fires."),
            .optional("clear_after", "whole number or span", standard: "`1`", "So long it lies within before the alarm ends."),
            .optional("severity", AlarmSeverity.allCases.map { "`\($0.rawValue)`" }.joined(separator: ", "), standard: "`warning`", "How much it matters."),
            .optional("repeat", "span", standard: "`4h`", "After how long it is told again while it fires and nobody has acknowledged it."),
            .optional("cool_down", "span", standard: "`0s`", "For how long after its end it does not fire again."),
        ])

    static let reactionKeys = KeyTable(
        "a reaction to alarms",
        """
        Exactly one of `pipeline`, `rollback`, `fallback` and `review`, which are done once when an alarm fires, and `webhook`, `email` and `command`, which tell of \
        alarms, of their end too, and again as `repeat` says. `cool_down`, `budget` and `approval` are of what is done.
        """,
        keys: [
            .optional("pipeline", "name of a pipeline", "Runs it, with the rights of whoever applied the project."),
            .optional("parameters", "map of values", standard: "their defaults", "What the run of the pipeline is given."),
            .optional("rollback", "`true`", "Restores what was in force before the version that answers came to answer; not while another is tried."),
            .optional(
                "fallback", "`true`",
                """
                The endpoint answers everything with its `fallback`, marked as degraded, until the alarm ends, another version comes to answer, or a person lifts it. What \
                the fallback answers is no measure of the model: see the page on watching an endpoint.
                """),
            .optional(
                "review", "share",
                "At least so much of the endpoint's decisions is reviewed, whatever their score, until the alarm ends or a person lifts it; the endpoint has a `review`."),
            .optional("webhook", "address", "Posts Alertmanager's body to it."),
            .optional("email", "mail address or list of them", "Sends each a mail, by the server that `mail` of `martlet.yaml` names."),
            .optional(
                "command", "list of texts",
                """
                A program and its arguments; no shell reads them. It has Alertmanager's body on its standard input and `MARTLET_NOTIFICATION`, the same for every try of a \
                message, in its environment; started in the project's folder, with the rights of whoever applied the project (`execute`), and for at most a minute. Code 0 says \
                that it took the message.
                """),
            .optional(
                "on", "list of measures", standard: "all",
                """
                Only for alarms of these: `drift`, `missing`, `unseen`, `volume`, `freshness`, `schema`; of a stream also `rejected`; of an endpoint also `prediction_drift`, \
                `performance`, `estimated`, `bias`, `errors`, `latency`, `skew`, and of its rollouts `sample_ratio` (units are not shared as planned) and `guardrail` (a version was withdrawn by one), of which messages tell \
                without being asked, and for which other reactions are done only where these are named.
                """),
            .optional("cool_down", "span", standard: "`1d`", "For how long after it was done it is not done again."),
            .optional("budget", "whole number", standard: "`3`", "How often at most in seven days."),
            .optional("approval", "`required` or `none`", standard: "`none`", "Whether a person must say yes first."),
        ])
}
