import MartletExpressions
import MartletFrames
import Testing

@Suite struct TimeZoneTests {
    @Test("agrees with Python's zoneinfo, on both sides of clock changes of many zones")
    func golden() throws {
        var zones: [Substring: TimeZoneTable] = [:]
        var count = 0
        for line in timeZoneVectors.split(separator: "\n") {
            let fields = line.split(separator: " ")
            let zone = try zones[fields[1]] ?? TimeZoneTable.named(String(fields[1]))
            zones[fields[1]] = zone
            let given = Timestamp(microseconds: try #require(Int64(fields[2])) * 1_000_000)
            let expected = try #require(Int64(fields[3]))
            if fields[0] == "at" {
                #expect(zone.offset(at: given) == Int(expected), "\(line)")
            } else {
                #expect(zone.timestamp(of: CivilDate(given)) == Timestamp(microseconds: expected * 1_000_000), "\(line)")
            }
            count += 1
        }
        #expect(count > 4_000)
    }

    @Test("knows every name, and links as their zones")
    func names() throws {
        let names = TimeZoneTable.allNames
        #expect(names.count > 550)
        for name in names { #expect(try TimeZoneTable.named(name).name == name) }
        let link = try TimeZoneTable.named("US/Eastern")
        let zone = try TimeZoneTable.named("America/New_York")
        #expect(link.transitions == zone.transitions && link.rule == zone.rule && !zone.transitions.isEmpty)
        #expect(try TimeZoneTable.named("-03:30").initialOffset == -12_600)
        #expect(TimeZoneTable.databaseVersion == "2026f")
    }

    @Test("offers the nearest name for one it does not know")
    func unknown() {
        do {
            _ = try TimeZoneTable.named("Europe/Brusels")
            Issue.record("a misspelt zone was found")
        } catch {
            #expect(error.message == "no time zone is named 'Europe/Brusels'")
            #expect(error.hint == "did you mean 'Europe/Brussels'?")
        }
    }

    @Test("shifts a skipped local time forward, and takes the first of two")
    func gapAndOverlap() throws {
        let zone = try TimeZoneTable.named("Europe/Brussels")
        let skipped = zone.timestamp(of: CivilDate(year: 2018, month: 3, day: 25, hour: 2, minute: 30))
        #expect(skipped?.description == "2018-03-25T01:30:00Z")
        #expect(skipped.map { zone.civilDate(at: $0).hour } == 3)
        let twice = zone.timestamp(of: CivilDate(year: 2018, month: 10, day: 28, hour: 2, minute: 30, microsecond: 5))
        #expect(twice?.description == "2018-10-28T00:30:00.000005Z")
        #expect(zone.timestamp(of: CivilDate(year: 2018, month: 2, day: 29)) == nil)
    }

    @Test("refuses rules that are none", arguments: ["", "CET-1CEST", "CET", "CET-1CEST,M13.5.0,M10.5.0", "CET-1CEST,M3.5.0", "<+03", "X1Y,J0,J1"])
    func badRules(text: String) {
        #expect(TimeZoneRule(posix: text) == nil)
    }

    @Test("answers at the ends of time", arguments: [Int64.min, .min + 1, -1, 0, .max - 1, .max])
    func extremes(microseconds: Int64) throws {
        for name in ["Europe/Brussels", "America/Santiago", "Africa/Monrovia", "UTC"] {
            let offset = try TimeZoneTable.named(name).offset(at: Timestamp(microseconds: microseconds))
            #expect(abs(offset) < 86_400)
        }
    }
}
