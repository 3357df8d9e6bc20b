public import MartletAccess
public import MartletBytes
import MartletDefinitions
import MartletExpressions
public import MartletFrames
import MartletIngestion
import MartletPlan
import MartletServing
import MartletStorage
import MartletTraining
import MartletWorld

extension Platform {
    /// Counts an endpoint's decisions and what became known of them, by day of the prediction's time.
    ///
    /// A function of the log, the definitions and `now`. What was explored is told by the definition in force, and by what alarms
    /// let be reviewed besides.
    ///
    /// - Parameters:
    ///   - range: the prediction times that count.
    ///   - position: where to begin in the log; what the page before gave as next.
    ///   - now: decides what is mature; the present if nil.
    /// - Returns: the counts of one page, to be added to those of the others.
    /// - Throws: `tooMany` if the page has decisions of more days than an answer may tell.
    public func feedbackCoverage(
        _ name: String, in range: Range<Timestamp>, from position: Int64 = 0, now: Timestamp? = nil, scope: Scope
    ) async throws -> FeedbackCoverage {
        try scope.require(.predictionsRead, on: resource(.endpoint, name))
        let endpoint = try endpoint(name)
        let zone = try askedStream(endpoint).definition.timeZone
        let now = now ?? world.clock.now()
        var coverage = FeedbackCoverage()
        var next = position
        var rows = 0
        var days = DayNames(zone)
        let shares = mitigations.reviewShares(of: name)
        repeat {
            let page = try await joinedPredictions(of: name, from: next)
            let reviewed = try reviewedPositions(of: name, in: next..<max(next, page.next))
            for part in page.parts {
                let degraded = part.rows["degraded"]
                rows += part.count
                for row in 0..<part.count {
                    let time = Timestamp(microseconds: part.times[row])
                    guard range.contains(time) else { continue }
                    coverage.days[days.name(of: time), default: .init()].count(
                        isDegraded: degraded?[row] == .bool(true), isMature: part.isMature(row, at: now), isLabelled: part.hasLabel(row),
                        isExplored: endpoint.definition.review?.explores(part.keys[row], raisedTo: shares.share(for: part.keys[row])) ?? false,
                        isReviewed: reviewed.contains(part.positions[row]))
                }
            }
            guard coverage.days.count <= limits.feedbackDays else {
                throw PlatformError(
                    .tooMany, "the decisions of '\(name)' are of more than \(limits.feedbackDays) days", hint: "ask for a part of them: from=…&to=…")
            }
            coverage.end = page.end
            if page.next >= page.end { return coverage }
            next = page.next
        } while rows < limits.feedbackRows
        coverage.next = next
        return coverage
    }
}

extension Platform {
    /// One page of an endpoint's coverage, with how its queue of reviews stands.
    public func feedback(of name: String, in range: Range<Timestamp>, from position: Int64, scope: Scope) async throws -> JSONValue {
        let coverage = try await feedbackCoverage(name, in: range, from: position, scope: scope)
        var answer = coverage.json.object ?? JSONObject()
        answer["reviews"] = try reviewCounts(of: name)
        return .object(answer)
    }
}

/// Names days in a zone, without making a text for each decision.
private struct DayNames {
    private let zone: TimeZoneTable
    private var names: [CivilDay: String] = [:]

    private struct CivilDay: Hashable {
        var year: Int
        var month: Int
        var day: Int
    }

    init(_ zone: TimeZoneTable) { self.zone = zone }

    mutating func name(of time: Timestamp) -> String {
        let date = zone.civilDate(at: time)
        let day = CivilDay(year: date.year, month: date.month, day: date.day)
        if let known = names[day] { return known }
        let name = CivilDate(year: date.year, month: date.month, day: date.day).timestamp.map { String("\($0)".prefix(10)) } ?? ""
        names[day] = name
        return name
    }
}
