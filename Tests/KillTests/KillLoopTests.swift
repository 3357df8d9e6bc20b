import Foundation
import Testing

@Suite("The server is killed while clients write")
struct KillLoopTests {
    /// `MARTLET_KILLS` and `MARTLET_KILL_SEED` choose how often and how.
    @Test("nothing acknowledged is lost, doubled or reordered, and nothing is half there", .timeLimit(.minutes(15)))
    func killLoop() async throws {
        let environment = ProcessInfo.processInfo.environment
        let kills = environment["MARTLET_KILLS"].flatMap { Int($0) } ?? KillLoopTests.defaultKills
        let seed = environment["MARTLET_KILL_SEED"].flatMap { UInt64($0) } ?? 1
        let command = try CommandUnderTest()
        let (problems, totals, place) = try await onThread {
            let folder = try TemporaryFolder("kill")
            let loop = try KillLoop(command: command, folder: folder, seed: seed)
            do { try loop.run(kills: kills, checkEvery: 10) } catch {
                folder.isKept = true
                throw TestFailure("\(error), with seed \(seed); \(loop.problems.joined(separator: "; ")); the project is \(folder.path)")
            }
            folder.isKept = !loop.problems.isEmpty
            return (loop.problems, loop.totals, folder.path)
        }
        print("""
            \(totals.kills) kills (\(totals.killsWhileStarting) while it started), \(totals.events) events and \(totals.predictions) \
            predictions, \(totals.acknowledged) of them acknowledged, \(totals.releases) releases; slowest start \
            \(String(format: "%.2f", totals.slowestStart)) s; problems: \(problems.count)
            """)
        #expect(problems.isEmpty, "seed \(seed); the project is \(place)")
        #expect(totals.kills == kills)
        #expect(totals.acknowledged > kills, "the clients hardly wrote")
    }

    #if DEBUG
        private static let defaultKills = 5
    #else
        private static let defaultKills = 100
    #endif
}
