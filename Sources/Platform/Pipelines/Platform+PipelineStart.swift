import MartletAccess
import MartletDefinitions
import MartletFrames
import MartletGovernance
package import MartletPipelines
import MartletPlan
package import MartletRegistry
import MartletStorage
import MartletWorld
import Synchronization

/// The pipelines of an opened project at work.
final class PipelineDesk: Sendable {
    let service: PipelineService
    let runner: TaskRunner
    /// Whether schedules and data start runs, or only requests.
    let runsSchedules: Bool

    init(service: PipelineService, runner: TaskRunner, runsSchedules: Bool) {
        self.service = service
        self.runner = runner
        self.runsSchedules = runsSchedules
    }
}

/// What the programs of tasks are given of this process.
public struct TaskSettings: Sendable {
    /// Where programs are looked for.
    public var path = "/usr/local/bin:/usr/bin:/bin"
    public var home: String?
    /// The file of this program, so that a task's `martlet` is the same.
    public var program: String?
    /// Where DuckDB's library is; nil for the places where the system looks.
    public var duckDB: String?
    /// Whether programs are started at all.
    public var allowsPrograms = true
    /// Those of a Swift project; nil for the plain program.
    public var functions: TaskFunctions?

    public init() {}

    /// What this process was given itself.
    public static func ofThisProcess() -> TaskSettings {
        var settings = TaskSettings()
        settings.path = Environment.value("PATH") ?? settings.path
        settings.home = Environment.value("HOME")
        settings.program = Environment.programPath
        settings.duckDB = Environment.value(duckDBVariable)
        return settings
    }

    /// Names DuckDB's library, for this process and those that it starts.
    public static let duckDBVariable = "MARTLET_DUCKDB"
}

extension Platform {
    var pipelines: PipelineDesk? { desk.withLock { $0 } }

    /// Sets the pipelines going: what was under way goes on, and schedules begin to run if asked for.
    ///
    /// Programs that a former process left behind are ended first, so that no attempt runs beside its successor.
    ///
    /// - Parameter schedules: whether schedules and data start runs, as a server does; else only what is asked for.
    public func startPipelines(schedules: Bool) async throws {
        guard pipelines == nil else { return }
        _ = await world.programs.endAll(marked: programsMark, within: .seconds(10))
        let runner = TaskRunner(programsAllowed: taskSettings.allowsPrograms)
        let service = try PipelineService(database: database, world: world, executor: runner, graph: { source, pipeline in
            try? self.pinnedProject(source).pipeline(pipeline).map { PipelineGraph($0) }
        })
        runner.attach(self)
        let isFirst = desk.withLock { desk in
            guard desk == nil else { return false }
            desk = PipelineDesk(service: service, runner: runner, runsSchedules: schedules)
            return true
        }
        guard isFirst else { return }
        service.start()
        try await configurePipelines()
    }

    /// Puts the pipelines of the release in force.
    func configurePipelines() async throws {
        guard let pipelines else { return }
        let inForce = inForce
        guard let release = inForce.release, let project = inForce.project else {
            return try await pipelines.service.configure([], pools: [:])
        }
        let actor = try pipelineActor(of: release)
        let configured = project.pipelines.map { definition in
            Scheduler.Configured(
                PipelineGraph(pipelines.runsSchedules ? definition : definition.withoutTriggers), source: release.source, actor: actor)
        }
        var pools = project.project.pools
        if pools["cpu"] == nil { pools["cpu"] = Int64(Environment.processorCount) }
        try await pipelines.service.configure(configured, pools: pools)
        try await startModelTriggers(project, release)
    }

    /// Runs that wait for a model's alias to name another version: one for each release that moved it.
    private func startModelTriggers(_ project: CheckedProject, _ release: Release) async throws {
        guard let pipelines, pipelines.runsSchedules, release.number > 1 else { return }
        let before = try database.read { try releases.release(release.number - 1, $0) }
        for definition in project.pipelines {
            for trigger in definition.triggers {
                guard case .model(let model, let alias) = trigger, let version = release.version(of: model, alias: alias),
                    before.version(of: model, alias: alias) != version
                else { continue }
                let key = "model:\(model)@\(alias)=\(version)" + Self.triggerEnding(ofRelease: release.number)
                _ = try? await request(
                    Scheduler.Request(definition.name, cause: .data, actor: pipelineActor(of: release), requestKey: key))
            }
        }
    }

    /// Whose rights scheduled runs have: who applied the definitions in force, whoever has promoted models since.
    package func pipelineActor(of release: Release) throws -> RunActor {
        RunActor(try database.read { try releases.applier(of: release, $0) })
    }

    /// The project's files as some release has them, checked: what runs of that release are pinned to.
    func pinnedProject(_ source: String) throws -> CheckedProject {
        if let now = inForce.release, now.source == source, let project = inForce.project { return project }
        if let known = pinnedProjects.withLock({ $0[source] }) { return known }
        let project = try ProjectPlan.check(projectSource(source))
        pinnedProjects.withLock { projects in
            if projects.count >= Self.pinnedProjectLimit { projects = [:] }
            projects[source] = project
        }
        return project
    }

    /// Checked projects of former releases that are kept.
    private static let pinnedProjectLimit = 8

    /// Asks for a run; one with a key that a run has already gives that run.
    func request(_ request: Scheduler.Request) async throws -> String {
        guard let pipelines else { throw PlatformError(.unavailable, "pipelines are not at work in this process") }
        return try await pipelines.service.request(request)
    }

    /// Tells the scheduler how far streams are, and looks at what tasks wait for. Called about once a second.
    public func checkPipelines() async throws {
        guard let pipelines else { return }
        let watched = pipelines.runsSchedules ? triggerStreams : []
        if !watched.isEmpty || pipelines.runner.watchesStreams {
            try await refreshReached()
            for stream in watched {
                guard let time = reached(stream) else { continue }
                try await pipelines.service.ask { scheduler, now, turn throws(SchedulerError) in
                    scheduler.streamReached(stream, time, at: now, &turn)
                }
            }
        }
        pipelines.runner.checkWatches(self)
    }

    private var triggerStreams: Set<String> {
        var names: Set<String> = []
        for definition in inForce.project?.pipelines ?? [] {
            for case .stream(let name, _) in definition.triggers { names.insert(name) }
        }
        return names
    }

    private func refreshReached() async throws {
        guard log.end != reachedEnd.withLock({ $0.end }) else { return }
        let end = log.end
        let summaries = try await log.streams()
        reachedEnd.withLock { reached in
            reached.end = end
            for summary in summaries { reached.times[summary.stream] = Timestamp(microseconds: summary.eventTimes.upperBound) }
        }
    }

    /// The newest event time of a stream; nil for one without events, or not looked at yet.
    func reached(_ stream: String) -> Timestamp? {
        reachedEnd.withLock { $0.times[stream] }
    }

    func projectFileExists(_ path: String) throws -> Bool {
        guard let relative = RelativePath(Self.plain(path)) else { return false }
        return try projectFiles.size(relative) != nil
    }

    /// Ends what is under way, to be made again at the next start, and stores that it was.
    func stopPipelines() async throws {
        guard let pipelines else { return }
        try? await pipelines.service.beginStopping()
        for start in await pipelines.runner.endAll() {
            try? await pipelines.service.interrupt(start.address, start.number, attempt: start.attempt)
        }
        pipelines.service.close()
        desk.withLock { $0 = nil }
    }

    // MARK: - Rights, logs

    /// Who a run's actor is now, with what it may do now.
    func principal(of actor: RunActor) throws -> Principal {
        switch actor.kind {
        case Principal.Kind.token.rawValue:
            guard let principal = try tokens.principal(tokenID: actor.id) else {
                throw TaskFailure(reason: "the token '\(actor.name)' that asked for this run is no longer in force")
            }
            return principal
        // The owner of the folder, who alone reaches the socket.
        case Principal.Kind.user.rawValue: return .owner(named: actor.id)
        default: throw TaskFailure(reason: "nobody stands behind '\(actor.kind):\(actor.id)'")
        }
    }

    func logPath(_ address: InstanceAddress, attempt: Int) -> RelativePath {
        let name = "\(address.task).\(address.index).\(attempt).log"
        return logFolder(of: address.run)?.appending(name) ?? .root / "pipelines" / "logs" / "lost"
    }
}

extension RunActor {
    /// As a release or an audit entry names a principal: `token:7f3a…`.
    init(_ text: String) {
        let parts = text.split(separator: ":", maxSplits: 1).map(String.init)
        self.init(kind: parts.first ?? "", id: parts.count > 1 ? parts[1] : "", name: parts.count > 1 ? parts[1] : "")
    }

    init(_ principal: Principal) {
        self.init(kind: principal.kind.rawValue, id: principal.id, name: principal.name)
    }
}
