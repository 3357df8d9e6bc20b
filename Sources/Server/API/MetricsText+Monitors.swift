import MartletFrames
import MartletPlatform

extension MetricsText {
    /// How monitors, alarms and rollouts stand. Labels: monitors and endpoints of the project, kinds of measures, what a monitor's definition
    /// or its model names, severities, phases, states.
    mutating func watch(_ figures: WatchFigures) {
        family("martlet_monitor_measure", "gauge", "What a monitor measured of its last window, by measure and what it is of.")
        for window in figures.windows {
            for measure in window.measures {
                sample(
                    "martlet_monitor_measure", [("monitor", window.monitor), ("measure", measure.kind), ("subject", measure.subject)], "\(measure.value)")
            }
        }
        family("martlet_monitor_measures_left_out", "gauge", "Measures that are not told here, since there are too many.")
        sample("martlet_monitor_measures_left_out", [], "\(figures.leftOut)")
        windows(figures, "martlet_monitor_beyond", "gauge", "Measures of the last window that lie beyond their bounds.") { "\($0.beyond)" }
        windows(figures, "martlet_monitor_rows", "gauge", "Predictions or events of the last window.") { "\($0.rows)" }
        windows(figures, "martlet_monitor_window_end_seconds", "gauge", "When the last measured window ended, in seconds since 1970.") {
            "\(Double($0.end.microseconds) / 1e6)"
        }
        windows(figures, "martlet_monitor_late_total", "counter", "What came after its window had closed.") { "\($0.late)" }
        family("martlet_alarms", "gauge", "Alarms that have not ended, by severity and phase.")
        for (severity, phases) in figures.alarms.sorted(by: { $0.key < $1.key }) {
            for (phase, count) in phases.sorted(by: { $0.key < $1.key }) {
                sample("martlet_alarms", [("severity", severity), ("phase", phase)], "\(count)")
            }
        }
        family("martlet_rollouts", "gauge", "Rollouts, by state; ended ones too.")
        for (state, count) in figures.rollouts.sorted(by: { $0.key < $1.key }) { sample("martlet_rollouts", [("state", state)], "\(count)") }
        family("martlet_rollout_step", "gauge", "The step that a rollout under way is at, from 1.")
        for trial in figures.trials { sample("martlet_rollout_step", [("endpoint", trial.endpoint), ("state", trial.state)], "\(trial.step)") }
    }

    private mutating func windows(
        _ figures: WatchFigures, _ name: String, _ type: String, _ help: String, _ value: (WatchFigures.Window) -> String
    ) {
        family(name, type, help)
        for window in figures.windows { sample(name, [("monitor", window.monitor), ("part", window.part)], value(window)) }
    }
}
