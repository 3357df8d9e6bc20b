import MartletAccess
import MartletBytes
import MartletExpressions
import MartletFeatureStore
import MartletFrames
import MartletPlatform
import MartletRegistry
import MartletSimulation
import MartletStorage
import MartletWorld

/// What a simulation of the platform did, to show that it did something.
package struct PlatformSimulationSummary: Sendable, Equatable {
    package var lives = 0
    package var operations = 0
    /// Operations that were answered.
    package var acknowledged = 0
    package var events = 0
    package var predictions = 0
    package var releases = 0
    package var crashes = 0
    package var failedSyncs = 0
    package var fullDisks = 0
    /// Operations whose answer was lost and whose effect was found afterwards.
    package var foundDone = 0
    /// Of every byte on the disk after the end; the sum over seeds.
    package var hash: UInt64 = 0

    package init() {}

    package static func += (left: inout Self, right: Self) {
        left.lives += right.lives
        left.operations += right.operations
        left.acknowledged += right.acknowledged
        left.events += right.events
        left.predictions += right.predictions
        left.releases += right.releases
        left.crashes += right.crashes
        left.failedSyncs += right.failedSyncs
        left.fullDisks += right.fullDisks
        left.foundDone += right.foundDone
        left.hash &+= right.hash
    }
}

/// A promise of the platform that a simulation saw broken.
package struct PlatformSimulationFailure: Error, CustomStringConvertible {
    package var seed: UInt64
    package var what: String

    package var description: String { "platform simulation, seed \(seed): \(what)" }
}

/// Runs the shipped platform on a simulated disk under virtual time: several lives that a fault or a kill ends.
///
/// Everything follows from the seed. After each start, all that the platform says is compared with a plain model.
///
/// - Throws: ``PlatformSimulationFailure`` at the first promise that does not hold.
package func simulatePlatform(seed: UInt64) async throws -> PlatformSimulationSummary {
    let simulation = try PlatformSimulation(seed: seed)
    do { return try await simulation.run() } catch let failure as PlatformSimulationFailure { throw failure } catch {
        throw PlatformSimulationFailure(seed: seed, what: "\(error)")
    }
}

final class PlatformSimulation {
    let seed: UInt64
    var random: SplitMix64
    let disk: SimulatedFileSystem
    /// The project's own folder, which the platform only reads.
    let projectFiles: SimulatedFileSystem
    let clock = VirtualClock(at: Timestamp(microseconds: 1_700_000_000_000_000))
    let limits: Platform.Limits
    var platform: Platform?
    /// What may be true: one state after an answer, several after an answer was lost.
    var candidates = [PlatformModel()]
    /// Whether the process can go on no longer.
    var isOver = false
    var sources: [Int: String] = [:]
    /// Rows by the text that they are sent as.
    var rowsByText: [String: PlatformModel.Row] = [:]
    /// Rows whose answer was lost, to be sent again.
    var lostRows: [PlatformModel.Row] = []
    var nextNumber = 0
    var summary = PlatformSimulationSummary()

    var model: PlatformModel { candidates[0] }

    init(seed: UInt64) throws {
        self.seed = seed
        random = SplitMix64(seed: seed &* 3 &+ 7)
        disk = SimulatedFileSystem(seed: seed &+ 1)
        projectFiles = SimulatedFileSystem(seed: seed &+ 2)
        var limits = Platform.Limits()
        limits.log.segmentBytes = Int.random(in: 4_000...40_000, using: &random)
        limits.log.indexesApart = false
        // Every input of four rows is read in parts.
        limits.ingestPartRows = 2
        limits.log.segmentRows = Int.random(in: 10...100, using: &random)
        limits.log.extentBytes = 512
        limits.database.checkpointPages = [8, 30, 1_000][Int.random(in: 0..<3, using: &random)]
        limits.features.snapshotRows = Int.random(in: 1...30, using: &random)
        limits.features.foldRows = Int.random(in: 2...50, using: &random)
        self.limits = limits
    }

    func run() async throws -> PlatformSimulationSummary {
        let lives = Int.random(in: 3...5, using: &random)
        for life in 0..<lives {
            summary.lives += 1
            if life > 0 || Int.random(in: 0..<3, using: &random) == 0 { try await endLife() }
            isOver = false
            guard try await open() else { continue }
            for _ in 0..<Int.random(in: 3...25, using: &random) where !isOver {
                clock.advance(by: .seconds(Int64.random(in: 0...2_000, using: &random)))
                try await act()
            }
        }
        // What is left at last, on a disk without faults.
        disk.setCapacity(.max)
        noteCrash()
        platform = nil
        disk.restart()
        isOver = false
        guard try await open() else { throw failure("the platform does not open on a sound disk") }
        try await checkEverything()
        try await platform?.close()
        summary.events = model.records.count { if case .event = $0 { true } else { false } }
        summary.predictions = model.predictions.count
        summary.releases = model.releases.count
        summary.hash = stateHash()
        return summary
    }

    // MARK: - Lives

    /// Ends a life: the power is cut, or the process is killed, or it closes in order; then plants the next faults.
    private func endLife() async throws {
        if !disk.hasCrashed, !isOver, let platform, Int.random(in: 0..<4, using: &random) == 0 {
            do { try await platform.close() } catch { try expectFault("closing", error) }
        }
        noteCrash()
        platform = nil
        var faults = FaultPlan()
        switch Int.random(in: 0..<6, using: &random) {
        case 0, 1, 2: faults.crashAt = Int.random(in: 0..<[40, 120, 300][Int.random(in: 0..<3, using: &random)], using: &random)
        case 3: faults.failingSyncs = [Int.random(in: 0..<[15, 60][Int.random(in: 0..<2, using: &random)], using: &random)]
        case 4: faults.fullWrites = Set((0..<5).map { _ in Int.random(in: 0..<80, using: &random) })
        default: break
        }
        disk.setCapacity(.max)
        // After a failed sync the power goes more often, since only that shows what was lost.
        if Int.random(in: 0..<3, using: &random) == 0 { disk.killProcesses(faults: faults) } else { disk.restart(faults: faults) }
    }

    private func noteCrash() {
        if disk.hasCrashed { summary.crashes += 1 }
        summary.failedSyncs += disk.failedSyncs.count
        summary.fullDisks += disk.fullWriteCount
    }

    /// Starts a process; false if a fault kept it from starting, which must change nothing.
    private func open() async throws -> Bool {
        nextNumber += 1
        let world = World(
            clock: clock, random: SeededRandom(seed: seed &* 1_000 &+ UInt64(nextNumber)), files: disk.newProcess())
        do {
            let opened = try await Platform.open(world: world, projectFiles: projectFiles, limits: limits)
            platform = opened
        } catch {
            try expectFault("opening", error)
            return false
        }
        try await check()
        return true
    }

    /// An error is right only where a fault was planted and has struck.
    private func expectFault(_ what: String, _ error: any Error) throws {
        guard disk.hasCrashed || !disk.failedSyncs.isEmpty || disk.fullWriteCount > 0 else {
            throw failure("\(what) failed without a fault: \(error)")
        }
    }

    // MARK: - Operations

    /// Does something that changes the project, and keeps account of what may be true after it.
    ///
    /// - Parameters:
    ///   - states: what may be found if no answer comes, from the first step to all of it; the last is what an answer means.
    ///   - refusal: whether an error is the right answer, which changes nothing.
    /// - Returns: the answer; nil if there was none, or a refusal.
    func attempt<Answer>(
        _ what: String, _ states: [PlatformModel], refusal: (any Error) -> Bool = { _ in false },
        _ body: (Platform) async throws -> Answer
    ) async throws -> Answer? {
        guard let platform else { return nil }
        let syncs = disk.failedSyncs.count
        let full = disk.fullWriteCount
        summary.operations += 1
        do {
            let answer = try await body(platform)
            summary.acknowledged += 1
            candidates = [states.last ?? model]
            return answer
        } catch {
            if disk.hasCrashed {
                candidates = [model] + states
                isOver = true
            } else if disk.failedSyncs.count > syncs {
                candidates = [model] + states
                try await refuseToGoOn(after: Array(disk.failedSyncs.dropFirst(syncs)), error)
                isOver = true
            } else if disk.fullWriteCount > full {
                candidates = [model] + states
                if Bool.random(using: &random) { disk.setCapacity(.max) }
                try await check()
            } else if !refusal(error) {
                throw failure("\(what) failed without a fault: \(error)")
            }
            return nil
        }
    }

    // MARK: - Details

    /// What an administrator may do, on everything of a kind.
    func scope(_ permission: Permission, _ kind: Resource.Kind? = nil, _ name: String? = nil) throws -> Scope {
        let resource: Resource =
            switch kind {
            case nil, .project: .project(platform?.project ?? "shop")
            case .server: .server
            case let kind?: .thing(kind, name, in: platform?.project ?? "shop")
            }
        let actor = Principal(
            kind: .system, id: "simulation", name: "simulation", grants: [Grant(.admin, including: [.eventsReadPersonal])])
        return try Guard().scope(for: actor, to: permission, on: resource)
    }

    func failure(_ what: String) -> PlatformSimulationFailure {
        PlatformSimulationFailure(seed: seed, what: what)
    }

    static func time(_ text: String) -> Int64? { Timestamp(rfc3339: text)?.microseconds }

    private func stateHash() -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        func add(_ byte: UInt8) { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        for (path, bytes) in disk.contents().sorted(by: { $0.key < $1.key }) {
            for byte in path.utf8 { add(byte) }
            add(0)
            for byte in bytes { add(byte) }
        }
        return hash
    }
}
