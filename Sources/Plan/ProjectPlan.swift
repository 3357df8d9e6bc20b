public import MartletDefinitions
internal import MartletExpressions
internal import MartletFeatureStore
internal import MartletFrames
package import MartletIngestion
package import MartletMonitoring
internal import MartletPipelines
internal import MartletServing
public import MartletTraining

/// Checks a project's files as a whole and shows what they would change. Pure: texts in, plans or mistakes out.
public enum ProjectPlan {
    /// Every kind that exists. A monitor names an endpoint by its word, and that a model, so they stand in this order.
    public static let kinds = KindRegistry([
        MonitorDefinition.kind,
        PipelineDefinition.kind,
        EndpointDefinition.kind, ModelDefinition.kind, FeatureViewDefinition.kind, StreamDefinition.kind,
        ProjectDefinition.kind,
    ])

    /// Checks every definition.
    ///
    /// - Parameters:
    ///   - trainers: those that this program has.
    ///   - metrics: those that this program has.
    /// - Throws: every mistake found, with its place; a mistake in one definition does not hide those of others, nor is it
    ///   told again where the definition is used.
    public static func check(
        _ source: ProjectSource, trainers: [TrainerDescription] = [.xgboost],
        metrics: [MetricDescription] = MetricDescription.all,
        limits: DefinitionLimits = .init()
    ) throws(DefinitionErrors) -> CheckedProject {
        let errors = ErrorCollector(limit: limits.errors)
        let blocks = Block.read(source, kinds: kinds, limits: limits, errors: errors)
        func of(_ kind: DefinitionKind) -> [Block] { blocks.filter { $0.kind == kind.name } }
        // What a file that cannot be read would define is not known, so nothing is called unknown for want of it.
        if !errors.isEmpty { errors.muted = [.unknownName, .expression] }

        let projectBlocks = of(ProjectDefinition.kind)
        let projects = projectBlocks.compactMap { ProjectDefinition.read($0, errors: errors) }
        if let second = projectBlocks.dropFirst().first {
            errors.add(.duplicate, at: second.namePlace, "the project has two names", hint: "keep one")
        }

        var streams: [String: StreamDefinition] = [:]
        var brokenStreams: Set<String> = []
        for block in of(StreamDefinition.kind) {
            if let stream = StreamDefinition.read(block, errors: errors) {
                streams[stream.name] = stream
            } else {
                brokenStreams.insert(block.name)
            }
        }
        let catalog = FeatureCatalog(
            of(FeatureViewDefinition.kind), streams: streams, brokenStreams: brokenStreams, errors: errors)

        let surroundings = ModelDefinition.Surroundings(
            streams: streams, brokenStreams: brokenStreams, catalog: catalog, trainers: trainers,
            metrics: metrics)
        var models: [ModelDefinition] = []
        var brokenModels: Set<String> = []
        for block in of(ModelDefinition.kind) {
            if let model = ModelDefinition.read(block, in: surroundings, errors: errors) {
                models.append(model)
            } else {
                brokenModels.insert(block.name)
            }
        }
        let answering = Dictionary(uniqueKeysWithValues: models.map { ($0.name, self.answering($0, streams)) })
        var endpoints: [EndpointDefinition] = []
        var brokenEndpoints: Set<String> = []
        for block in of(EndpointDefinition.kind) {
            if let endpoint = EndpointDefinition.read(block, models: answering, brokenModels: brokenModels, errors: errors) {
                endpoints.append(endpoint)
            } else {
                brokenEndpoints.insert(block.name)
            }
        }
        refuseSecondRollouts(endpoints, errors)
        let answers = answers(of: endpoints, answering)
        // One whose model has mistakes answers nobody knows what.
        brokenEndpoints.formUnion(endpoints.map(\.name).filter { answers[$0] == nil })
        let project = projects.first ?? .standard
        let named = PipelineSurroundings(
            streams: Set(streams.keys),
            models: Dictionary(uniqueKeysWithValues: models.map { ($0.name, $0.metrics.map(\.name)) }),
            endpoints: answers, pools: projects.isEmpty && !projectBlocks.isEmpty ? nil : project.pools, brokenStreams: brokenStreams, brokenModels: brokenModels,
            brokenEndpoints: brokenEndpoints)
        let pipelines = PipelineDefinition.read(of(PipelineDefinition.kind), in: named, errors: errors)
        let pipelineNames = Set(of(PipelineDefinition.kind).map(\.name))
        let watched = MonitorReader.Surroundings(
            endpoints: self.watched(endpoints, models, streams), brokenEndpoints: brokenEndpoints,
            pipelines: Dictionary(
                uniqueKeysWithValues: pipelines.map { pipeline in
                    (pipeline.name, pipeline.parameters.map { MonitorReader.Parameter(name: $0.name, type: $0.type, isRequired: $0.standard == nil) })
                }),
            brokenPipelines: pipelineNames.subtracting(pipelines.map(\.name)), streams: streams.mapValues(\.watchedFields),
            brokenStreams: brokenStreams,
            // A project whose settings have mistakes is not said to lack any.
            sendsMail: project.mail != nil || projects.isEmpty && !projectBlocks.isEmpty)
        let monitors = of(MonitorDefinition.kind).compactMap { MonitorReader.read($0, in: watched, errors: errors) }
        check(monitors, errors)
        guard errors.isEmpty else { throw errors.collected }
        return CheckedProject(
            project: project, streams: streams.values.sorted { $0.name < $1.name },
            views: catalog.views.values.sorted { $0.name < $1.name },
            models: models.sorted { $0.name < $1.name },
            endpoints: endpoints.sorted { $0.name < $1.name },
            pipelines: pipelines.sorted { $0.name < $1.name },
            monitors: monitors.sorted { $0.name < $1.name })
    }

    /// What each endpoint answers with; none of an endpoint whose model has mistakes.
    private static func answers(
        of endpoints: [EndpointDefinition], _ models: [String: EndpointDefinition.AnsweringModel]
    ) -> [String: PipelineSurroundings.Answer] {
        var answers: [String: PipelineSurroundings.Answer] = [:]
        for endpoint in endpoints {
            guard let task = models[endpoint.model.model]?.task else { continue }
            answers[endpoint.name] = task == .labels ? .labels : .number
        }
        return answers
    }

    private static func answering(
        _ model: ModelDefinition, _ streams: [String: StreamDefinition]
    ) -> EndpointDefinition.AnsweringModel {
        let task: EndpointDefinition.AnsweringTask =
            switch model.task {
            case .binary: .probability
            case .multiclass: .labels
            case .regression: .number
            }
        return EndpointDefinition.AnsweringModel(
            task: task, labelType: model.label.type, labelKnownAfter: model.labelKnownAfter,
            inputs: streams[model.source]?.scope ?? ExpressionScope([]))
    }

    /// What all monitors ask for together must be a plan of alarms.
    private static func check(_ monitors: [MonitorDefinition], _ errors: ErrorCollector) {
        do {
            _ = try AlarmPlan(monitors)
        } catch {
            errors.add(
                .tooLarge, at: monitors.last?.place, "the reactions of all monitors cannot be in force together: \(error.message)",
                hint: error.hint ?? "let one reaction stand for several, or give a monitor fewer")
        }
    }

    /// The endpoints as monitors see them.
    private static func watched(
        _ endpoints: [EndpointDefinition], _ models: [ModelDefinition], _ streams: [String: StreamDefinition]
    ) -> [String: MonitorReader.WatchedEndpoint] {
        var watched: [String: MonitorReader.WatchedEndpoint] = [:]
        for endpoint in endpoints {
            guard let model = models.first(where: { $0.name == endpoint.model.model }), let stream = streams[model.source] else { continue }
            let task: MonitorReader.WatchedEndpoint.Task =
                switch model.task {
                case .binary: .probability
                case .multiclass: .labels
                case .regression: .number
                }
            watched[endpoint.name] = MonitorReader.WatchedEndpoint(
                task: task, features: model.features.map(\.name), inputs: stream.scope, labelKnownAfter: model.labelKnownAfter,
                hasFallback: endpoint.fallbackScore != nil, hasReview: endpoint.review != nil)
        }
        return watched
    }

    /// What a rollout lets in moves the alias, so one alias can have one rollout alone.
    private static func refuseSecondRollouts(_ endpoints: [EndpointDefinition], _ errors: ErrorCollector) {
        var first: [EndpointDefinition.ModelReference: EndpointDefinition] = [:]
        for endpoint in endpoints.sorted(by: { $0.name < $1.name }) where endpoint.rollout != nil {
            guard let other = first[endpoint.model] else {
                first[endpoint.model] = endpoint
                continue
            }
            errors.add(
                .conflict, at: endpoint.place,
                "endpoints '\(other.name)' and '\(endpoint.name)' both have a rollout of '\(endpoint.model)', and whichever ends first would move it for both",
                hint: "let one of them answer with another alias, or keep one 'rollout'")
        }
    }

    /// The reference page of the users' files.
    public static var referencePage: String { ReferencePage.markdown(kinds) }
}

extension StreamDefinition {
    /// Its fields as monitors see them.
    package var watchedFields: [WatchedField] {
        contract.fields.map { field in
            let role: WatchedField.Role =
                if field.knownAfter != nil {
                    .late
                } else if field.isSubject {
                    .person
                } else if field.type == .timestamp {
                    .time
                } else if contract.unique == [field.name] {
                    .key
                } else {
                    .value
                }
            return WatchedField(field.name, field.type, role)
        }
    }
}
