import MartletFrames
import MartletPipelines

extension MetricsText {
    /// What pipelines did since the start, and how they stand. Labels: pipelines of the project, states, kinds of tasks, outcomes.
    mutating func pipelines(_ figures: PipelineFigures) {
        let counts = figures.counts
        family("martlet_pipeline_runs_total", "counter", "Runs that ended, by pipeline and how.")
        for (key, count) in counts.runs.sorted(by: { ($0.key.pipeline, $0.key.state.rawValue) < ($1.key.pipeline, $1.key.state.rawValue) }) {
            sample("martlet_pipeline_runs_total", [("pipeline", key.pipeline), ("state", key.state.rawValue)], "\(count)")
        }
        family("martlet_pipeline_runs", "gauge", "Runs that have not ended: under way, or queued behind others of their pipeline.")
        sample("martlet_pipeline_runs", [("state", "running")], "\(figures.runsUnderWay)")
        sample("martlet_pipeline_runs", [("state", "queued")], "\(figures.runsQueued)")
        family("martlet_task_attempts_total", "counter", "Attempts at tasks that ended, by kind of task and outcome.")
        let attempts = counts.attempts.sorted { ($0.key.kind, $0.key.outcome.rawValue) < ($1.key.kind, $1.key.outcome.rawValue) }
        for (key, count) in attempts {
            sample("martlet_task_attempts_total", [("kind", key.kind), ("outcome", key.outcome.rawValue)], "\(count)")
        }
        family("martlet_task_seconds", "histogram", "From an attempt's begin to its end, by kind of task.")
        for (kind, durations) in counts.durations.sorted(by: { $0.key < $1.key }) {
            histogram(
                "martlet_task_seconds", [("kind", kind)], bounds: PipelineCounts.Durations.bounds, counts: durations.counts,
                sum: durations.seconds)
        }
        family("martlet_task_attempts", "gauge", "Attempts at tasks that are under way.")
        sample("martlet_task_attempts", [], "\(figures.attemptsUnderWay)")
        family("martlet_tasks_waiting", "gauge", "Task instances that could start and wait for room in a pool or under a limit.")
        sample("martlet_tasks_waiting", [], "\(figures.instancesWaiting)")
        family("martlet_schedule_lag_seconds", "gauge", "For how long the scheduled run has been due that should have started first.")
        sample("martlet_schedule_lag_seconds", [], "\(Double(figures.scheduleLag.microseconds) / 1e6)")
        family("martlet_scheduler_turns_total", "counter", "Turns of the scheduler, each with at most one commit.")
        sample("martlet_scheduler_turns_total", [], "\(counts.turns)")
        family("martlet_scheduler_steps_total", "counter", "Decisions, tries to start, and timers that the scheduler looked at.")
        sample("martlet_scheduler_steps_total", [], "\(figures.steps)")
    }
}
