import MartletAccess
import MartletBytes
import MartletFrames
import MartletGovernance
import MartletSimulation
import MartletStorage
import MartletWorld
import Testing

@testable import MartletPlatform

@Suite("Reviews and crashes")
struct ReviewCrashTests {
    private static let files = FeedbackProject.files.merging([
        "endpoints/returns.yaml": "endpoint: returns\nmodel: returns@champion\nfallback: { score: 0.5 }\nreview: { when: \"output > 0.0\" }\n"
    ]) { $1 }

    private final class Life {
        let disk: SimulatedFileSystem
        let project = SimulatedFileSystem(seed: 2)
        let clock = VirtualClock(at: Timestamp(microseconds: 1_700_000_000_000_000))
        var starts: UInt64 = 0

        init(seed: UInt64) throws {
            disk = SimulatedFileSystem(seed: seed)
            for (name, text) in ReviewCrashTests.files {
                guard let path = RelativePath(name) else { continue }
                if !path.parent.components.isEmpty { try project.createFolder(path.parent) }
                try project.open(path, .write).write(Array(text.utf8), at: 0)
            }
        }

        func open() async throws -> Platform {
            starts += 1
            let world = World(clock: clock, random: SeededRandom(seed: starts), files: disk.newProcess())
            var limits = Platform.Limits()
            limits.log.indexesApart = false
            return try await Platform.open(world: world, projectFiles: project, limits: limits)
        }
    }

    private static func scope(_ permission: Permission, _ kind: Resource.Kind? = nil, _ name: String? = nil) throws -> Scope {
        let resource: Resource = kind == .server ? .server : kind.map { .thing($0, name, in: "shop") } ?? .project("shop")
        return try Guard().scope(for: Principal.owner(named: "test"), to: permission, on: resource)
    }

    private static func predict(_ platform: Platform) async throws -> String {
        let body = Array(#"{"inputs":{"id":"a","time":"2023-11-14T00:00:00Z","buyer":"b","amount":1.0},"append":true}"#.utf8)
        let scope = try scope(.predict, .endpoint, "returns")
        let answer: PredictionAnswer = try await withCheckedThrowingContinuation { continuation in
            platform.predict("returns", [PredictionCall(body: body, scope: scope)]) { results in
                for (_, result) in results { continuation.resume(with: result) }
            }
        }
        return try JSONValue(parsing: answer.body)["prediction_id"]?.string ?? ""
    }

    @Test("a verdict is in the log once, or not given, wherever the power goes", arguments: [0, 1, 2])
    func everywhere(seed: UInt64) async throws {
        var undone = 0
        var done = 0
        var step = Int(seed)
        while true {
            let life = try Life(seed: seed)
            var platform: Platform? = try await life.open()
            _ = try await platform?.apply(reason: nil, requestID: nil, scope: Guard().scope(
                    for: Principal.owner(named: "test"), to: .definitionsApply, on: .project(#require(platform).project)))
            let id = try await Self.predict(#require(platform))
            try await platform?.maintain()
            try await platform?.close()
            platform = nil
            life.disk.restart(faults: FaultPlan(crashAt: step))
            var isAcknowledged = false
            if let platform = try? await life.open() {
                isAcknowledged = (try? await platform.answerReview(
                    id, label: true, note: nil, requestID: nil, scope: Self.scope(.reviewsAnswer, .prediction, id))) != nil
            }
            let hasCrashed = life.disk.hasCrashed
            life.disk.restart()
            let found = try await life.open()
            let review = try await found.review(id, scope: Self.scope(.reviewsRead, .prediction, id))
            let outcomes = try await found.log.read(from: 0, streams: ["orders"], maxRows: 100, maxBytes: 1 << 20)
                .batches.filter { $0.kind == .outcome }.flatMap(\.positions)
            let audited = try found.auditEntries(.init(), before: nil, limit: 100, scope: Self.scope(.auditRead, .server))
                .filter { $0.record.action == "review.answer" }.count
            // Told to be done: it is. Not told: it is done whole, audit entry and all, or nothing of it is there.
            let isDecided = review["state"]?.string == "decided"
            #expect(isDecided == (outcomes.count == 1) && outcomes.count <= 1, "step \(step): \(review["state"] ?? nil), \(outcomes)")
            #expect(audited == outcomes.count, "step \(step)")
            #expect(!isAcknowledged || isDecided, "step \(step)")
            if isDecided, !isAcknowledged { done += 1 }
            if !isDecided { undone += 1 }
            try await found.close()
            if !hasCrashed { break }
            step += 3
        }
        #expect(done > 0 && undone > 0, "\(done) done, \(undone) not")
    }
}
