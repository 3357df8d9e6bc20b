import MartletFrames
import MartletSimulation
import MartletWorld
import Testing

@testable import MartletStorage

@Suite("The log at a crash") struct LogCrashTests {
    /// Appends until the machine crashes; returns how many rows were acknowledged.
    static func live(_ fixture: LogFixture, from first: Int) -> Int {
        guard var log = try? fixture.open() else { return first }
        var acknowledged = max(first, Int(log.end))
        for id in acknowledged..<(acknowledged + 20) {
            guard (try? log.append([[LogFixture.batch([id])]])) != nil else { return acknowledged }
            acknowledged += 1
        }
        try? log.close()
        return acknowledged
    }

    @Test("a crash at any of its operations, and at any of the next life's, loses nothing acknowledged", arguments: 0..<60)
    func everyOperation(number: Int) throws {
        for second in stride(from: 0, to: 60, by: 7) {
            let files = SimulatedFileSystem(seed: UInt64(number * 100 + second), faults: FaultPlan(crashAt: number))
            var fixture = LogFixture(files: files)
            fixture.configuration.segmentRows = 5
            let first = Self.live(fixture, from: 0)
            files.restart(faults: FaultPlan(crashAt: second))
            let acknowledged = Self.live(fixture, from: first)
            files.restart()
            var log = try fixture.open()
            let found = try LogFixture.read(log.view).flatMap(\.positions)
            #expect(found == Array(0..<log.end), "crash at \(number), then at \(second)")
            #expect(found.count >= acknowledged, "crash at \(number), then at \(second)")
            #expect(found.count <= acknowledged + 1)
            // Each id was sent once more at most, so each is at the position of its number.
            let states = try log.current(of: (0..<found.count).map { LogFixture.key($0) })
            #expect(states.map { $0?.position } == found)
        }
    }
}
