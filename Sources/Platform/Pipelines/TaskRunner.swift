import MartletAccess
import MartletExpressions
import MartletFrames
import MartletPipelines
import MartletStorage
import MartletWorld
import Synchronization

/// Carries out the attempts of a project's pipelines: programs, the platform's own operations, waits.
final class TaskRunner: TaskExecutor {
    struct AttemptName: Hashable, Sendable {
        var address: InstanceAddress
        var attempt: Int
    }

    /// An attempt that is under way.
    private struct Attempt: Sendable {
        var start: AttemptStart
        var body: Task<Void, Never>
        var program: (any RunningProgram)?
        var grace = Timestamp.Span.zero
        /// Why it is being ended.
        var stopReason: String?
    }

    private struct State: Sendable {
        var attempts: [AttemptName: Attempt] = [:]
        /// Waits for a file, a stream or a server, which are looked at now and then.
        var watches: [AttemptName: (start: AttemptStart, report: @Sendable (AttemptOutcome) -> Void)] = [:]
        /// What attempts read and made that ended and are not reported yet.
        var uses: [AttemptName: [DataUse]] = [:]
        /// Set when the program ends: what was under way is taken back rather than reported.
        var isEnding = false
    }

    /// Set once, right after both are made.
    private let platformReference = Mutex<Reference?>(nil)
    /// Guards what is under way.
    private let state = Mutex(State())
    private let servers = ServerWatch()
    private let programsAllowed: Bool

    private struct Reference: Sendable { unowned let platform: Platform }

    init(programsAllowed: Bool) {
        self.programsAllowed = programsAllowed
    }

    func attach(_ platform: Platform) {
        platformReference.withLock { $0 = Reference(platform: platform) }
    }

    private var platform: Platform? { platformReference.withLock { $0?.platform } }

    // MARK: - Starting

    func start(_ start: AttemptStart, report: @escaping @Sendable (AttemptOutcome) -> Void) {
        let name = AttemptName(address: start.address, attempt: start.attempt)
        guard let platform else { return }
        if start.task.work.base.isWaiting { return wait(start, name, platform, report) }
        state.withLock { state in
            guard !state.isEnding else { return }
            // Noted with its body, so that whoever ends all of them waits for each.
            state.attempts[name] = Attempt(start: start, body: Task { @concurrent in
                let uses = UseRecorder()
                let outcome = await self.outcome(of: start, name, platform, uses)
                let isEnding = self.state.withLock { state in
                    state.attempts[name] = nil
                    if !state.isEnding || outcome.isSuccess { state.uses[name] = uses.uses }
                    return state.isEnding
                }
                // What the program's end cut short is taken back by whoever ends it.
                if !isEnding || outcome.isSuccess { report(outcome) }
            })
        }
    }

    func takeUses(of address: InstanceAddress, attempt: Int) -> [DataUse] {
        state.withLock { $0.uses.removeValue(forKey: AttemptName(address: address, attempt: attempt)) } ?? []
    }

    private func outcome(of start: AttemptStart, _ name: AttemptName, _ platform: Platform, _ uses: UseRecorder) async -> AttemptOutcome {
        let log = TaskLog(
            platform.world.files, platform.logPath(start.address, attempt: start.attempt),
            limit: Int((start.task.work.base as? any ProgramWork)?.limits.output ?? Int64(Platform.taskLogBytes)))
        defer { log.close() }
        do {
            let principal = try platform.principal(of: start.facts.actor)
            for needed in start.task.work.base.permissions {
                _ = try Guard().scope(for: principal, to: needed.permission, on: needed.resource(in: platform.project))
            }
            var scope = start.scope
            for (number, (name, hash)) in start.files.sorted(by: { $0.key < $1.key }).enumerated() {
                scope[name] = .string(try platform.copy(ofBlob: hash, named: "input-\(number)", for: start))
            }
            let context = TaskContext(start: start, scope: scope, principal: principal, log: log, uses: uses)
            for hash in Set(start.files.values).sorted() { context.read(.blob, hash, version: hash) }
            if let work = start.task.work.base as? any ProgramWork { return try await run(work, context, name, platform) }
            guard let work = start.task.work.base as? any PlatformTask else {
                return .failed(reason: "nothing carries out '\(start.task.work.kind.word)'", isRetryable: false)
            }
            let result = try await work.perform(context, on: platform)
            context.made(filesOf: result)
            return .succeeded(result)
        } catch {
            let stopped = state.withLock { $0.attempts[name]?.stopReason }
            log.write("\(error)\n")
            return Self.failure(error, stopped: stopped)
        }
    }

    private static func failure(_ error: any Error, stopped: String?) -> AttemptOutcome {
        if let stopped { return .failed(reason: stopped) }
        switch error {
        case let failure as TaskFailure: return .failed(reason: failure.reason, isRetryable: failure.isRetryable)
        case let skip as TaskSkip: return .skipped(reason: skip.reason)
        // What a person must mend is not mended by trying again.
        case is AccessError, is TaskScopeError: return .failed(reason: "\(error)", isRetryable: false)
        default: return .failed(reason: "\(error)")
        }
    }

    private func run(_ work: any ProgramWork, _ context: TaskContext, _ name: AttemptName, _ platform: Platform) async throws -> AttemptOutcome {
        guard programsAllowed else {
            throw TaskFailure(reason: "this server starts no programs: it was started with --no-exec")
        }
        let folder = try work is RunWork ? nil : platform.world.files.absolutePath(platform.workFolder(of: context.start))
        let program = try work.program(in: context.scope, needs: context.start.task.needs, folder: folder)
        let secrets = try platform.secrets(program.secrets, context)
        let token = platform.taskTokens.issue(to: context.start.facts.actor)
        defer { platform.taskTokens.revoke(token) }
        let mask = SecretMask(secrets.values.values + [token])
        // Whatever is told of the attempt from here on may hold a secret.
        do {
            let inputs = try platform.inputs(of: program, context)
            var cacheKey: String?
            if let age = context.start.task.cache {
                let key = try platform.cacheKey(work, context, inputs: inputs, secrets)
                cacheKey = key
                let since = platform.world.clock.now() - age
                if let result = try platform.database.read({ try PipelineTables().cached(key, since: since, $0) }) {
                    context.made(filesOf: result)
                    return .cached(result)
                }
            }
            let launch = Launch(
                work: program, tellsFailures: work.tellsFailures, context: context, secrets: secrets, token: token, mask: mask, cacheKey: cacheKey)
            return try await self.run(launch, name, platform).masked(by: mask)
        } catch {
            let stopped = state.withLock { $0.attempts[name]?.stopReason }
            context.log.write(mask.masked("\(error)\n"))
            return Self.failure(error, stopped: stopped).masked(by: mask)
        }
    }

    /// A program that is about to be started.
    private struct Launch {
        var work: RunWork
        var tellsFailures: Bool
        var context: TaskContext
        var secrets: TaskSecrets
        /// What its calls of this program act under.
        var token: Secret
        /// Knows the secrets and the token.
        var mask: SecretMask
        /// Nil if the result is not to be taken again.
        var cacheKey: String?
    }

    private func run(_ start: Launch, _ name: AttemptName, _ platform: Platform) async throws -> AttemptOutcome {
        let (work, context) = (start.work, start.context)
        var resultPath: RelativePath?
        if !work.outputs.isEmpty { resultPath = try platform.workFolder(of: context.start) / "result.json" }
        let launch = try platform.launch(
            work, context, start.secrets, token: start.token, resultPath: resultPath.flatMap { platform.world.files.absolutePath($0) })
        let output = MaskedOutput(start.mask)
        let exit = try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<ProgramExit, any Error>) in
            do throws(ProgramError) {
                let program = try platform.world.programs.start(launch) { event in
                    switch event {
                    case .output(let stream, let bytes): context.log.write(output.take(bytes, from: stream))
                    case .ended(let exit):
                        context.log.write(output.finish(isCut: exit.droppedOutputBytes > 0))
                        continuation.resume(returning: exit)
                    }
                }
                let isStopped = state.withLock { state in
                    state.attempts[name]?.program = program
                    state.attempts[name]?.grace = work.grace
                    return state.isEnding || state.attempts[name]?.stopReason != nil
                }
                if isStopped { program.end(after: work.grace) }
            } catch {
                continuation.resume(throwing: TaskFailure(reason: "\(error)", isRetryable: error.code == .exhausted))
            }
        }
        if exit.droppedOutputBytes > 0 { context.log.write("\n… \(exit.droppedOutputBytes) bytes of output were left out\n") }
        let stopped = state.withLock { $0.attempts[name]?.stopReason }
        if let outcome = Platform.outcome(exit, work, stopped: stopped) {
            guard start.tellsFailures, stopped == nil, let resultPath else { return outcome }
            return platform.toldFailure(at: resultPath) ?? outcome
        }
        let result = try resultPath.map { try platform.result(of: work, at: $0, context, start.mask) } ?? [:]
        context.made(filesOf: result)
        return .succeeded(result, cacheKey: start.cacheKey)
    }

    // MARK: - Waiting

    private func wait(
        _ start: AttemptStart, _ name: AttemptName, _ platform: Platform, _ report: @escaping @Sendable (AttemptOutcome) -> Void
    ) {
        do {
            if let work = start.task.work.base as? PipelineWork { return try startChild(work, start, platform, report) }
            guard let work = start.task.work.base as? WaitWork else { return }
            switch work.condition {
            case .span(let span): complete(start, at: start.started + span, platform)
            case .moment(let moment):
                guard case .timestamp(let time) = try moment.value(in: start.scope) else { return }
                complete(start, at: time, platform)
            case .timeOfDay(let time, let zone):
                var date = zone.civilDate(at: start.started)
                let seconds = Int(time.microseconds / 1_000_000)
                (date.hour, date.minute, date.second, date.microsecond) = (seconds / 3_600, seconds / 60 % 60, seconds % 60, 0)
                complete(start, at: zone.timestamp(of: date) ?? start.started, platform)
            case .file, .stream, .http:
                state.withLock { $0.watches[name] = (start, report) }
                checkWatches(platform)
            }
        } catch {
            report(Self.failure(error, stopped: nil))
        }
    }

    private func complete(_ start: AttemptStart, at time: Timestamp, _ platform: Platform) {
        platform.pipelines?.service.tell { scheduler, _, turn in
            scheduler.complete(run: start.address.run, start.number, attempt: start.attempt, at: time, &turn)
        }
    }

    private func startChild(
        _ work: PipelineWork, _ start: AttemptStart, _ platform: Platform, _ report: @escaping @Sendable (AttemptOutcome) -> Void
    ) throws {
        let principal = try platform.principal(of: start.facts.actor)
        for needed in work.permissions {
            _ = try Guard().scope(for: principal, to: needed.permission, on: needed.resource(in: platform.project))
        }
        var parameters: [String: Value] = [:]
        for (name, argument) in work.parameters { parameters[name] = try argument.value(in: start.scope) }
        let request = Scheduler.Request(
            work.pipeline, cause: .pipeline, actor: start.facts.actor, parameters: parameters, interval: start.facts.interval,
            parent: start.address, requestKey: "\(start.address)#\(start.attempt)")
        // A child that had ended would have ended this instance with it, so one that is known is under way.
        platform.pipelines?.service.tell { scheduler, now, turn in
            do throws(SchedulerError) {
                try scheduler.request(request, at: now, &turn)
            } catch {
                report(.failed(reason: "\(error)", isRetryable: false))
            }
        }
    }

    /// Looks at what is waited for: files, streams. Costs nothing while nothing is.
    func checkWatches(_ platform: Platform) {
        let watches = state.withLock { $0.watches }
        guard !watches.isEmpty else { return }
        for (name, watch) in watches {
            guard let work = watch.start.task.work.base as? WaitWork else { continue }
            do {
                let hasCome =
                    switch work.condition {
                    case .file(let path): try platform.projectFileExists(try path.render(in: watch.start.scope))
                    case .stream(let stream):
                        watch.start.facts.interval.map { interval in platform.reached(stream).map { $0 >= interval.end } ?? false } ?? true
                    case .span, .moment, .timeOfDay: false
                    case .http(let address):
                        askServer(try address.render(in: watch.start.scope), for: name, platform)
                    }
                guard hasCome, state.withLock({ $0.watches.removeValue(forKey: name) }) != nil else { continue }
                watch.report(.succeeded([:]))
            } catch {
                guard state.withLock({ $0.watches.removeValue(forKey: name) }) != nil else { continue }
                watch.report(Self.failure(error, stopped: nil))
            }
        }
    }

    /// Asks a server that is waited for, if it is time to; what it answers ends the wait later, so that it has never come right away.
    private func askServer(_ address: WebAddress, for name: AttemptName, _ platform: Platform) -> Bool {
        servers.ask(name, platform.world.clock) {
            guard let watch = self.state.withLock({ $0.watches[name] }) else { return }
            let outcome: AttemptOutcome
            do {
                let principal = try platform.principal(of: watch.start.facts.actor)
                _ = try Guard().scope(for: principal, to: .httpSend, on: .project(platform.project))
                guard try await platform.isAnswering(address) else { return }
                outcome = .succeeded([:])
            } catch {
                outcome = Self.failure(error, stopped: nil)
            }
            guard self.state.withLock({ $0.watches.removeValue(forKey: name) }) != nil else { return }
            watch.report(outcome)
            self.servers.forget(name)
        }
        return false
    }

    var watchesStreams: Bool {
        state.withLock { $0.watches.values.contains { watch in
            if let work = watch.start.task.work.base as? WaitWork, case .stream = work.condition { true } else { false }
        } }
    }

    // MARK: - Ending

    func stop(_ address: InstanceAddress, attempt: Int, reason: String) {
        let name = AttemptName(address: address, attempt: attempt)
        let (program, grace, body) = state.withLock { state in
            state.watches[name] = nil
            state.attempts[name]?.stopReason = reason
            let attempt = state.attempts[name]
            return (attempt?.program, attempt?.grace ?? .zero, attempt?.body)
        }
        servers.forget(name)
        if let program { program.end(after: grace) } else { body?.cancel() }
    }

    /// It is stored with what it tells of.
    func alert(_ alert: PipelineAlert) {}

    func ended(run: String, _ state: RunState) {
        platform?.removeWork(of: run)
    }

    /// Ends everything that is under way, and gives what is to be taken back once it has ended.
    func endAll() async -> [AttemptStart] {
        let attempts = state.withLock { state in
            state.isEnding = true
            state.watches = [:]
            return Array(state.attempts.values)
        }
        for attempt in attempts {
            attempt.program?.end(after: min(attempt.grace, .seconds(5)))
            attempt.body.cancel()
        }
        for attempt in attempts { await attempt.body.value }
        await servers.end()
        return attempts.map(\.start)
    }
}

extension AttemptOutcome {
    var isSuccess: Bool {
        switch self {
        case .succeeded, .cached: true
        case .failed, .skipped: false
        }
    }
}
