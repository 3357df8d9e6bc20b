import MartletAccess
import MartletBytes
import MartletPlatform

extension APIRoutes {
    /// The pages on which people answer: an alarm's, and the decisions that wait for a verdict.
    var peoplePages: [Route] {
        [
            Route(
                "page.alarm", .get, "/alarms/{alarm}", "One alarm: what caused it, what happened since, and what can be done.",
                access: .needs(.monitorsRead, on: .project), audit: .refusalsOnly, output: .media("text/html"),
                handler: .asynchronous { [platform] call in
                    let scope = try call.requireScope()
                    do {
                        let alarm = try platform.alarmDetails(call.parameter(0), scope: scope)
                        let mayAnswer = (try? Guard().scope(for: scope.principal, to: .alarmsAnswer, on: .project(platform.project))) != nil
                        return AlarmPage(project: platform.project, alarm: alarm, mayAnswer: mayAnswer).response
                    } catch let error as PlatformError where error.code == .notFound {
                        return PageShell.problem(Problem(error) ?? .pageFailed, project: platform.project)
                    }
                }),
            Route(
                "page.reviews", .get, "/reviews", "The decisions that wait for a person, one at a time.",
                access: .needs(.reviewsRead, on: .thing(.prediction)), audit: .refusalsOnly,
                query: [.init("after", "the number of the one before")], output: .media("text/html"), handler: .asynchronous(reviewPage)),
        ]
    }

    @Sendable private func reviewPage(_ call: Call) async throws -> Response {
        let scope = try call.requireScope()
        let after = try QueryReader(call).integer("after", in: 0...Int64.max)
        let predictions = Resource.thing(.prediction, nil, in: platform.project)
        var page = ReviewPage(project: platform.project, waiting: 0)
        page.mayAnswer = (try? Guard().scope(for: scope.principal, to: .reviewsAnswer, on: predictions)) != nil
        // First what this person holds already, unless they passed over it.
        var chosen: String?
        if after == nil {
            let held = try await platform.reviewList(endpoint: nil, state: "claimed", after: 0, limit: 1_000, scope: scope).items
            chosen = held.first { $0["state"]?.string == "open" || $0["holder"]?.string == "\(scope.principal)" && $0["state"]?.string == "claimed" }?["prediction_id"]?.string
        }
        var place = after ?? 0
        for _ in 0..<Self.lookedAt {
            let open = try await platform.reviewList(endpoint: nil, state: "open", after: place, limit: 1, scope: scope)
            guard let item = open.items.first else { break }
            // Where it goes on: behind the one that is shown; before the first open one where a held one is shown.
            if chosen == nil, item["state"]?.string == "open" {
                chosen = item["prediction_id"]?.string
                page.next = open.next
                break
            } else if chosen != nil {
                page.next = 0
                break
            }
            place = open.next ?? Int64.max
        }
        // After the newest decisions were looked at, which the lists above do.
        page.waiting = try platform.waitingReviews(scope: scope)
        if let chosen { page.review = try await platform.review(chosen, scope: scope) }
        return page.response
    }

    /// Reviews that are passed over, since it is too late for them, before a page says that nothing waits.
    private static let lookedAt = 100
}
