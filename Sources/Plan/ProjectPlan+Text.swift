public import MartletDefinitions
internal import MartletExpressions
internal import MartletFeatureStore
internal import MartletFeatures
internal import MartletFrames
internal import MartletIngestion
internal import MartletMonitoring
internal import MartletPipelines
internal import MartletServing
internal import MartletTraining

extension ProjectPlan {
    /// What a person reads at `plan`: the project in a few lines, then what would change against what is applied.
    public static func text(_ project: CheckedProject, applied: DefinitionSet) -> String {
        var lines: [String] = []
        for stream in project.streams {
            let contract = stream.contract
            let late = contract.fields.compactMap { field in
                field.knownAfter.map { "\(field.name) known after \($0)" }
            }
            lines.append(
                "stream \(stream.name): \(counted(contract.fields.count, "field")), time \(contract.isTimedByArrival ? "of arrival" : contract.eventTime)"
                    + (contract.unique.isEmpty ? "" : ", unique \(contract.unique.joined(separator: " + "))")
                    + late.map { ", \($0)" }.joined())
        }
        for view in project.views {
            switch view.body {
            case .aggregate(let plan, let entity):
                let offsets = Set(plan.aggregations.map(\.offset)).subtracting([.zero]).sorted()
                lines.append(
                    "feature_view \(view.name): \(counted(view.features.count, "feature")) of \(entity.name) over \(view.source)"
                        + offsets.map { ", windows end \($0) before the row" }.joined())
            case .derive:
                lines.append(
                    "feature_view \(view.name): \(counted(view.features.count, "feature")) of the row of \(view.source)"
                )
            }
        }
        for model in project.models {
            lines.append(
                "model \(model.name): \(model.task.rawValue), \(model.label.canonicalText) from \(model.source), "
                    + "\(counted(model.features.count, "feature")), \(model.trainer.kind)")
        }
        for endpoint in project.endpoints {
            lines.append(
                "endpoint \(endpoint.name): \(endpoint.model), record \(endpoint.record.rawValue)"
                    + (endpoint.rollout.map { ", rollout by \($0.strategy.rawValue) \($0.steps.map(\.description).joined(separator: ", "))" } ?? ""))
        }
        for pipeline in project.pipelines {
            let starts = [pipeline.schedule.map(text)].compactMap { $0 } + pipeline.triggers.map(text)
            lines.append(
                "pipeline \(pipeline.name): \(counted(pipeline.tasks.count, "task")), \(starts.isEmpty ? "started by hand" : starts.joined(separator: ", "))")
        }
        for monitor in project.monitors {
            lines.append(
                "monitor \(monitor.name): \(monitor.endpoint.map { "endpoint \($0)" } ?? "stream \(monitor.stream ?? "")"), windows of \(monitor.window)"
                    + (monitor.reactions.isEmpty ? "" : ", \(counted(monitor.reactions.count, "reaction"))"))
        }
        lines.append("")
        lines.append("\(DefinitionDifference(from: applied, to: project.definitions))")
        return lines.joined(separator: "\n")
    }

    private static func text(_ schedule: PipelineSchedule) -> String {
        let rule =
            switch schedule.rule {
            case .cron(let cron): cron.canonicalText
            case .every(let span): "every \(span)"
            }
        return rule + (schedule.zone == .utc ? "" : " in \(schedule.zone.name)")
    }

    private static func text(_ trigger: PipelineTrigger) -> String {
        switch trigger {
        case .stream(let name, let every): "every \(every) of \(name)"
        case .model(let name, let alias): "when \(name)@\(alias) moves"
        case .webhook(let secret): "by a request signed with \(secret)"
        }
    }

    private static func counted(_ count: Int, _ noun: String) -> String {
        "\(count) \(noun)\(count == 1 ? "" : "s")"
    }
}
