import MartletAccess
import MartletBytes
import MartletDefinitions
import MartletExpressions
import MartletFeatureStore
import MartletFeatures
import MartletFrames
import MartletGovernance
import MartletIngestion
import MartletModels
import MartletPlan
import MartletRegistry
import MartletServing
import MartletStatistics
import MartletStorage
import MartletTraining
import MartletWorld

/// Everything that a release puts in force, compiled and loaded: immutable, and replaced as a whole.
final class InForce: Sendable {
    /// Nil before the first apply.
    let release: Release?
    let source: ProjectSource
    let project: CheckedProject?
    let streams: [String: StreamRuntime]
    let endpoints: [String: EndpointRuntime]

    init(
        release: Release?, source: ProjectSource, project: CheckedProject?, streams: [String: StreamRuntime],
        endpoints: [String: EndpointRuntime]
    ) {
        self.release = release
        self.source = source
        self.project = project
        self.streams = streams
        self.endpoints = endpoints
    }

    static let nothing = InForce(release: nil, source: ProjectSource([]), project: nil, streams: [:], endpoints: [:])
}

/// An endpoint in force: its definition, the model behind it, and the one that is being tried.
final class EndpointRuntime: Sendable {
    let definition: EndpointDefinition
    /// Nil while the alias names no version.
    let model: ServedModel?
    let trial: Trial?

    init(_ definition: EndpointDefinition, _ model: ServedModel?, trial: Trial? = nil) {
        self.definition = definition
        self.model = model
        self.trial = trial
    }

    /// The same with another trial.
    func with(_ trial: Trial?) -> EndpointRuntime { EndpointRuntime(definition, model, trial: trial) }

    /// The loaded model of a version; nil if it is neither the champion's nor the challenger's.
    func model(version: Int64) -> ServedModel? {
        if let model, Int64(model.version.number) == version { return model }
        guard let challenger = trial?.challenger, Int64(challenger.version.number) == version else { return nil }
        return challenger
    }
}

extension Platform {
    /// Loads what the database says is in force; at the start.
    func loadCurrentRelease() async throws {
        guard let release = try database.read({ try releases.current($0) }) else { return }
        let next = try load(release, rollouts: database.read { try rollouts.active($0) })
        try await features.setViews(try viewsToKeep(for: next))
        putInForce(next)
        try configureAlarms()
    }

    /// Compiles a release's definitions and loads its models; changes nothing.
    ///
    /// - Parameter rollouts: those under way; one that is about something else than the release has is passed over.
    func load(_ release: Release, rollouts: [Rollout] = []) throws -> InForce {
        let source = try projectSource(release.source)
        let project = try ProjectPlan.check(source)
        var streams: [String: StreamRuntime] = [:]
        for stream in project.streams { streams[stream.name] = try StreamRuntime(stream) }
        var endpoints: [String: EndpointRuntime] = [:]
        var loaded: [String: ServedModel] = [:]
        for endpoint in project.endpoints {
            let number: Int? =
                switch endpoint.model.version {
                case .alias(let alias): release.version(of: endpoint.model.model, alias: alias)
                case .number(let number): Int(number)
                }
            func model(_ number: Int) throws -> ServedModel {
                let key = "\(endpoint.model.model)@\(number)"
                let model = try loaded[key] ?? servedModel(endpoint.model.model, number)
                loaded[key] = model
                return model
            }
            var trial: Trial?
            if let rollout = rollouts.first(where: { $0.isOf(endpoint, champion: number) }), let definition = endpoint.rollout {
                trial = Trial(rollout, definition, challenger: try model(rollout.challenger))
            }
            endpoints[endpoint.name] = EndpointRuntime(endpoint, try number.map(model), trial: trial)
        }
        return InForce(release: release, source: source, project: project, streams: streams, endpoints: endpoints)
    }

    /// The views whose states must be folded: of the definitions in force, of every model behind an alias or an
    /// endpoint, and of what one rollback would put in force, so that it is instant.
    func viewsToKeep(for next: InForce) throws -> [FeatureStore.View] {
        var views: [String: FeatureStore.View] = [:]
        func keep(_ project: CheckedProject) {
            for view in project.views {
                guard case .aggregate(let plan, _) = view.body, let source = project.stream(plan.source) else { continue }
                let hash = DefinedVersion(view).hash.description
                views[hash] = FeatureStore.View(hash: hash, plan: plan, source: source.contract.schema)
            }
        }
        if let project = next.project { keep(project) }
        for endpoint in next.endpoints.values {
            if let model = endpoint.model { keep(model.project) }
            if let trial = endpoint.trial { keep(trial.challenger.project) }
        }
        if let release = next.release, let previous = try previousRelease(of: release) {
            let before = try load(previous)
            if let project = before.project { keep(project) }
            for endpoint in before.endpoints.values { if let model = endpoint.model { keep(model.project) } }
        }
        return views.values.sorted { $0.hash < $1.hash }
    }

    private func previousRelease(of release: Release) throws -> Release? {
        do {
            return try database.read { try releases.content(before: release, $0) }
        } catch let error as RegistryError where error.code == .nothingToRollBack {
            return nil
        }
    }

    /// The project's files as a blob holds them.
    func projectSource(_ blob: String) throws -> ProjectSource {
        try ProjectSource(blob: blobs.read(blobHash(blob), limit: 64 << 20))
    }
}

extension Rollout {
    /// Whether it is under way at an endpoint as it is defined, beside the champion that answers there.
    func isOf(_ endpoint: EndpointDefinition, champion: Int?) -> Bool {
        state.isActive && self.endpoint == endpoint.name && model == endpoint.model.model && endpoint.model.version == .alias(alias)
            && self.champion == champion && endpoint.rollout.map { "\($0.hash)" == definition } ?? false
    }
}
