public import MartletDefinitions

extension PipelineDefinition {
    /// The kind `pipeline` with its keys.
    public static let kind = DefinitionKind(
        name: "pipeline", folder: "pipelines",
        summary: """
            A pipeline is a graph of tasks with what starts it. A text of a task may hold `${…}`, an expression over \
            `parameters.NAME`, `interval.start` and `interval.end` (of a pipeline with a schedule or a trigger of a stream), `run.id`, \
            `run.cause`, `task.key`, `item` (of a task with `map`), `run.failed_tasks` (in `on_failure`), and `tasks.NAME.OUTPUT` and \
            `tasks.NAME.state` of tasks that come before it. `$${` stands for the characters themselves.
            """,
        example: """
            pipeline: nightly
            schedule: "@daily"
            tasks:
              load:    { run: [./load.sh, "${interval.start}"] }
              train:   { train: returns, after: load }
              gate:    { check: tasks.train.roc_auc >= 0.8, after: train }
              promote: { promote: returns, version: "${tasks.train.version}", after: gate }
            on_failure:
              tell: { run: [./tell.sh, "${run.failed_tasks}"] }
            """,
        tables: [keys, scheduleKeys, triggerKeys, parameterKeys, defaultKeys, taskKeys, groupKeys] + TaskKinds.pages)

    static let keys = KeyTable(
        "a pipeline",
        keys: [
            .required("pipeline", "name", "Its name."),
            .optional(
                "schedule", "preset, cron text or map", standard: "none, so that triggers and people start it",
                "When it runs by itself: `\"@daily\"`, `\"30 6 * * 1-5\"`, `{ every: 15m }`. A run is about the interval that ends then."),
            .optional("time_zone", "IANA name", standard: "`UTC`", "The zone of the schedule, of times of day and of calendar functions."),
            .optional("start", "date or time", standard: "when it is first applied", "No interval begins before it."),
            .optional("end", "date or time", "No interval ends after it."),
            .optional("catchup", "true or false", standard: "`false`", "Whether intervals that were missed are all run, or only the newest."),
            .optional("triggers", "list of maps", "Data and events that start it."),
            .optional("parameters", "map from names to types", "Values that a run is given."),
            .optional("max_active_runs", "whole number", standard: "`16`", "Its runs under way at a time; others wait."),
            .optional("max_active_tasks", "whole number", standard: "`16`", "Task instances under way at a time, of all its runs."),
            .optional("priority", "whole number", standard: "`0`", "Larger goes first where room is short; added to each task's own."),
            .optional("deadline", "span", "A run that has not ended by then is an alert."),
            .optional("timeout", "span", "A run that has not ended by then is cancelled and has failed."),
            .optional("defaults", "map", "Of each task that does not say otherwise."),
            .required("tasks", "map of tasks", "What is done, by name."),
            .optional("on_failure", "map of tasks", "What is done once all else has ended and the run has failed."),
            .optional("doc", "text", "What it is, for people. No part of its version."),
        ])

    static let scheduleKeys = KeyTable(
        "a schedule", "One of `cron` and `every`; the other keys may stand here or in the pipeline, not in both.",
        keys: [
            .optional("cron", "preset or cron text", "As in `\"@daily\"` or `\"30 6 * * 1-5\"`."),
            .optional("every", "span", "Whole multiples of a span since 1970 in UTC, as in `15m`."),
            .optional("time_zone", "IANA name", standard: "`UTC`", "The zone of the cron text."),
            .optional("start", "date or time", standard: "when the pipeline is first applied", "No interval begins before it."),
            .optional("end", "date or time", "No interval ends after it."),
        ])

    static let triggerKeys = KeyTable(
        "a trigger", "One of `stream`, `model` and `webhook`.",
        keys: [
            .optional("stream", "name", "A run for each interval of the stream, once its newest event is late enough for the interval to be whole."),
            .optional("every", "span", standard: "must be there with `stream`", "How long the intervals of a stream are."),
            .optional("model", "`name@alias`", "When the alias names another version; a name alone means `@champion`."),
            .optional("webhook", "name of a secret", "A request to `/api/v1/pipelines/NAME/webhook` that is signed with the secret."),
        ])

    static let parameterKeys = KeyTable(
        "a parameter", "A type alone is short for a map with only `type`.",
        keys: [
            .required("type", "`bool`, `int64`, `float64`, `string` or `timestamp`", "What it takes."),
            .optional("default", "value", standard: "it must be given", "What holds where a run is given none."),
            .optional("doc", "text", "What it is, for people. No part of the version."),
        ])

    /// What both a task and `defaults` may say.
    private static let shared: [KeyDescription] = [
        .optional("retries", "whole number", standard: "`0`", "How often a failed attempt is made again."),
        .optional("retry_delay", "span", standard: "`10s`", "How long before the first further attempt."),
        .optional("retry_factor", "number", standard: "`2`", "By what the delay grows from one attempt to the next."),
        .optional("retry_max_delay", "span", standard: "`1h`, or `retry_delay` if that is longer", "What the delay grows to at most."),
        .optional("retry_jitter", "number from 0 to 1", standard: "`0.2`", "Up to what share of a delay is taken off it by chance."),
        .optional("timeout", "span", "How long one attempt may take; then it has failed."),
        .optional("deadline", "span", "A task that has not ended so long after the run's start is an alert."),
        .optional(
            "needs", "map from pools to numbers", standard: "`{ cpu: 1 }`, and nothing of a task that only waits",
            "The room that it holds in pools while it runs: `cpu`, `memory` (a size), `gpu`, and those of `martlet.yaml`."),
        .optional("priority", "whole number", standard: "`0`", "Larger goes first where room is short."),
        .optional("max_active", "whole number", standard: "any", "Its instances under way at a time, of all runs."),
    ]

    static let defaultKeys = KeyTable("the defaults of a pipeline", keys: shared)

    static let taskKeys = KeyTable(
        "a task", "It has the key of one kind, further keys of that kind, and:",
        keys: [
            .optional("after", "name or list of names", standard: "it starts with the run", "The tasks and groups that it waits for."),
            .optional(
                "trigger_rule", TriggerRule.allCases.map { "`\($0.rawValue)`" }.joined(separator: ", "), standard: "`all_success`",
                "How what it waits for must have ended."),
            .optional("when", "expression", standard: "always", "It is skipped unless this is true."),
            .optional(
                "map", "list of values, or `tasks.NAME.OUTPUT`", standard: "it runs once",
                "It runs once for each value, which is `item`. Of a mapped task, an output is the list of what its instances gave."),
            .optional("cache", "span", standard: "never", "For how long a result is taken again for equal code, parameters and inputs."),
            .optional("allow_failure", "true or false", standard: "`false`", "Whether the run succeeds even if it fails."),
            .optional("doc", "text", "What it is, for people. No part of the version."),
        ] + shared)

    static let groupKeys = KeyTable(
        "a group of tasks", "Its tasks are named `group.task` elsewhere, and shortly beside one another; groups may stand in groups, four deep.",
        keys: [
            .required("tasks", "map of tasks", "What is in it."),
            .optional("after", "name or list of names", standard: "they start with the run", "What its first tasks wait for."),
            .optional("doc", "text", "What it is, for people. No part of the version."),
        ])
}
