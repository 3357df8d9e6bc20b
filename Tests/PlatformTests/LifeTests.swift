import Foundation
import MartletAccess
import MartletBytes
import MartletDemo
import MartletFrames
import MartletGovernance
import MartletIngestion
import MartletMonitoring
import MartletPipelines
import MartletRegistry
import MartletServing
import MartletSimulation
import MartletStorage
import MartletWorld
import Testing

@testable import MartletPlatform

/// Ninety days of the example under virtual time, on a simulated disk, from a seed: nobody does anything after the first day but to
/// try, near the end, a version that has hardly learned.
private final class SimulatedLife {
    let life: DemoLife
    private let folder: String
    /// The version that has hardly learned.
    private(set) var careless: Int?
    private(set) var story: [(day: Int, event: LifeEvent)] = []

    private var platform: Platform { life.platform }

    init(seed: UInt64) async throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "martlet-life-" + UUID().uuidString).path()
        var settings = LifeSettings(end: Timestamp(microseconds: 1_780_012_800_000_000) + .days(90))
        settings.seed = seed
        settings.customers = 250
        settings.terminals = 500
        settings.history = 40
        settings.days = 90
        settings.attack = 20
        settings.carelessVersion = 60
        settings.step = .hours(12)
        for (path, text) in DemoProject.files {
            // Few customers have few payments in a quarter of a day.
            // And show less, so that less is asked for.
            let text = text.replacing("window: 6h", with: "window: 1d").replacing("margin: 0.02", with: "margin: 0.4").replacing("rounds: 60", with: "rounds: 30")
            try PlatformFixture.write(text, to: folder + "/" + path)
        }
        let clock = VirtualClock(at: settings.start)
        let world = World(clock: clock, random: SeededRandom(seed: seed), files: SimulatedFileSystem(seed: seed).newProcess())
        let platform = try await Platform.open(world: world, projectFiles: SystemFileSystem(root: folder))
        life = DemoLife(settings, platform, clock: clock) { clock.advance(by: $0) }
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    private func scope(_ permission: Permission, _ kind: Resource.Kind? = nil, _ name: String? = nil) throws -> Scope {
        let resource: Resource = kind.map { .thing($0, name, in: platform.project) } ?? .project(platform.project)
        return try Guard().scope(for: .owner(named: "test"), to: permission, on: resource)
    }

    func run() async throws {
        try await life.begin()
        try await life.train(reason: "the first model")
        var isCareless = false
        while !life.isOver {
            if let day = life.settings.carelessVersion, !isCareless, life.now >= life.settings.start + .days(Int64(day)), try !life.isTrying() {
                isCareless = true
                try PlatformFixture.write(DemoProject.carelessModel, to: folder + "/models/fraud.yaml")
                try await life.apply(reason: "faster to train")
                careless = try await life.train(reason: "faster to train").version
            }
            for event in try await life.step() {
                story.append((Int((life.now.microseconds - life.settings.start.microseconds) / 86_400_000_000), event))
            }
        }
    }

    /// The day of the first event of a kind that is about something.
    func day(_ kind: LifeEvent.Kind, _ isIt: (JSONValue) -> Bool) -> Int? {
        story.first { $0.event.kind == kind && isIt($0.event.facts) }?.day
    }

    var text: String {
        story.map { "day \($0.day): \($0.event.kind) \($0.event.facts["name"]?.string ?? "") \($0.event.facts["challenger"]?.int64 ?? 0) \($0.event.facts["event"]?["reason"]?.string ?? "")" }
            .joined(separator: "\n")
    }

    /// Of everything that is kept, by what it is: each record of the log, releases, rollouts, alarms, measures.
    func stateHashes() async throws -> [String: Fingerprint] {
        var texts: [String: [UInt8]] = [:]
        var position: Int64 = 0
        while true {
            let page = try await platform.log.read(from: position, streams: nil, maxRows: 10_000, maxBytes: 64 << 20)
            for batch in page.batches {
                texts["records of \(batch.stream)", default: []] += Array(
                    "\(batch.kind) \(batch.positions) \(batch.eventTimes) \(batch.knownTimes) \(batch.uniqueKeys) \(batch.payloads)".utf8)
                CanonicalRows(batch.rows.schema).forEach(of: batch.rows, after: []) { _, bytes in
                    texts["rows of \(batch.stream)", default: []] += Array(bytes)
                }
            }
            if page.next == position || page.next >= page.end { break }
            position = page.next
        }
        let read = try scope(.monitorsRead)
        texts["releases"] = Array("\(try platform.releaseList(limit: 1_000, scope: scope(.definitionsRead)).map { "\($0.aliases) \($0.created) \($0.reason ?? "")" })".utf8)
        for rollout in try platform.rolloutList(endpoint: nil, before: nil, limit: 100, scope: scope(.modelsRead, .endpoint)) {
            texts["rollouts", default: []] += Array("\(try platform.rolloutDetails(rollout.id, scope: scope(.modelsRead, .endpoint)))".utf8)
        }
        texts["alarms"] = Array("\(try platform.alarmHistory(nil, limit: 10_000, scope: read))".utf8)
        texts["measures"] = Array("\(try ["inputs", "outcomes"].map { try platform.monitorWindows($0, part: nil, from: nil, to: nil, limit: 10_000, scope: read) })".utf8)
        return texts.mapValues { Fingerprint(sha256Of: $0) }
    }

    func close() async throws { try await platform.close() }
}

@Suite("A life of ninety days")
struct LifeTests {
    @Test("the loop closes by itself: attack, drift, performance, retraining, canary, promotion; and a bad version is withdrawn; twice the same", .timeLimit(.minutes(10)))
    func life() async throws {
        var hashes: [[String: Fingerprint]] = []
        for _ in 0..<2 {
            let simulated = try await SimulatedLife(seed: 11)
            try await simulated.run()
            let text = Comment(rawValue: simulated.text)
            let drift = try #require(simulated.day(.alarmFired) { $0["name"]?.string == "inputs.drift" }, text)
            let performance = try #require(simulated.day(.alarmFired) { $0["name"]?.string == "outcomes.performance" }, text)
            let retrained = try #require(simulated.day(.pipelineEnded) { $0["pipeline"]?.string == "refresh" && $0["state"]?.string == "succeeded" }, text)
            let promoted = try #require(simulated.day(.rolloutPromoted) { $0["challenger"]?.int64 == 2 }, text)
            let withdrawn = try #require(simulated.day(.rolloutWithdrawn) { $0["challenger"]?.int64 == simulated.careless.map(Int64.init) }, text)
            #expect((21...24).contains(drift), text)
            #expect(performance > drift && retrained >= performance && promoted > retrained && withdrawn > promoted, text)
            #expect(try simulated.life.verifyAudit().isIntact)
            hashes.append(try await simulated.stateHashes())
            try await simulated.close()
        }
        let differing = hashes[0].keys.filter { hashes[0][$0] != hashes[1][$0] }.sorted()
        #expect(differing.joined(separator: ", ") == "")
        #expect(hashes[0].count == hashes[1].count)
    }

    @Test("what the program plays is the example's folder, byte for byte")
    func files() throws {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().appending(path: "Examples/fraud")
        for (path, text) in DemoProject.files {
            #expect(try String(contentsOf: folder.appending(path: path), encoding: .utf8) == text, "\(path)")
        }
        let names = (FileManager.default.enumerator(atPath: folder.path())?.compactMap { $0 as? String } ?? []).filter { $0.hasSuffix(".yaml") }
        #expect(Set(names).isSubset(of: DemoProject.files.map(\.path)))
    }
}
