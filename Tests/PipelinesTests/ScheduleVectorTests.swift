import Foundation
import MartletExpressions
import MartletFrames
import MartletPipelines
import Testing

/// Compares with croniter, the library with which Airflow reads cron expressions: `Golden/make-cron-vectors.py`.
@Suite("Schedules: croniter's vectors")
struct ScheduleVectorTests {
    /// How many of the 10,000 lines differ, by reason; a line may have two. The other 8,141 agree in all their answers.
    static let expected: [CronDifference: Int] = [
        .ordinalOrDay: 723, .wrappedStep: 487, .equalRange: 394, .mixedOrdinal: 151, .repeatedTime: 127, .wholeField: 106, .lastByName: 69,
        .wholeStep: 40, .neverMatches: 10, .before1970: 4, .passedOver: 2,
    ]

    @Test("every answer is croniter's, or differs by a rule")
    func vectors() throws {
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Golden/cron-vectors.txt")
        let lines = try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
        let zones = try lines[1].split(separator: " ").map { try TimeZoneTable.named(String($0)) }
        var counts: [CronDifference: Int] = [:]
        var same = 0
        for line in lines.dropFirst(2) {
            let fields = line.split(separator: "|", omittingEmptySubsequences: false).map(String.init)
            let found = fields[1] == "!" ? compareRefusal(fields[0]) : try compare(fields, zones)
            if found.isEmpty { same += 1 }
            for reason in found { counts[reason, default: 0] += 1 }
        }
        print("\(lines.count - 2) vectors, \(same) as croniter")
        for (reason, count) in counts.sorted(by: { $0.value > $1.value }) { print("  \(count) differ: \(reason) (\(reason.rawValue))") }
        #expect(lines.count == 10_002 && same == 8_141)
        #expect(counts == ScheduleVectorTests.expected)
    }

    /// A text that croniter refuses.
    private func compareRefusal(_ text: String) -> Set<CronDifference> {
        guard (try? CronExpression(text)) != nil else { return [] }
        let reading = CroniterReading(text)
        if reading.mixesOrdinals { return [.mixedOrdinal] }
        if text.lowercased().contains(#/l(sun|mon|tue|wed|thu|fri|sat)/#) { return [.lastByName] }
        Issue.record("croniter refuses '\(text)'")
        return []
    }

    /// Walks croniter's answers and our own for croniter's reading of the text; they may part only where clocks change.
    private func compare(_ fields: [String], _ zones: [TimeZoneTable]) throws -> Set<CronDifference> {
        let own = try? CronExpression(fields[0])
        if own == nil, fields[3] == "!", fields[4] == "!" { return [.neverMatches] }
        let reading = CroniterReading(fields[0])
        let theirs = try CronExpression(reading.text)
        let zone = zones[try #require(Int(fields[1]))]
        let start = Timestamp(microseconds: try #require(Int64(fields[2], radix: 36)) * 1_000_000)
        var found = own == theirs ? [] : reading.differences
        for (isNext, answers) in [(true, fields[3]), (false, fields[4])] {
            var minute = start.microseconds.quotient(60_000_000)
            var moment = start
            for answer in answers.split(separator: ",") {
                let mine = isNext ? theirs.next(after: moment, in: zone) : theirs.previous(before: moment, in: zone)
                guard let delta = Int64(answer, radix: 36) else {
                    if mine != nil, !reading.differences.contains(.ordinalOrDay) { Issue.record("croniter finds nothing: \(fields)") }
                    break
                }
                minute += delta
                let expected = Timestamp(microseconds: minute * 60_000_000)
                if reading.namesHours, zone.first(showing: expected) < expected {
                    found.insert(.repeatedTime)
                    continue
                }
                guard mine != expected else {
                    moment = expected
                    continue
                }
                if expected.microseconds < 0 {
                    found.insert(.before1970)
                } else if !isNext, let mine, mine > expected, zone.isShownTwice(mine) {
                    found.insert(.passedOver)
                } else {
                    Issue.record("\(fields[0]) in \(zone.name) from \(moment): \(mine?.description ?? "nil"), croniter \(expected)")
                }
                break
            }
        }
        return found
    }
}

extension TimeZoneTable {
    /// The first moment at which the clock shows what it shows at this one.
    fileprivate func first(showing moment: Timestamp) -> Timestamp {
        timestamp(of: civilDate(at: moment)) ?? moment
    }

    /// Whether the clock shows at another moment what it shows at this one.
    fileprivate func isShownTwice(_ moment: Timestamp) -> Bool {
        let minute = Timestamp.Span.minutes(1)
        return (1...1_500).contains { distance in
            let later = Timestamp(microseconds: moment.microseconds + minute.microseconds * Int64(distance))
            return civilDate(at: later) == civilDate(at: moment)
        } || first(showing: moment) < moment
    }
}

extension Int64 {
    fileprivate func quotient(_ divisor: Int64) -> Int64 {
        let quotient = self / divisor
        return self % divisor < 0 ? quotient - 1 : quotient
    }
}
