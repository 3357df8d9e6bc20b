import Dispatch
import MartletAccess
import MartletGovernance
import Synchronization

/// Counts every request, records every refusal in the audit log, and logs every failure.
final class ProjectObserver: RequestObserver {
    /// Refusals that may wait for the audit log; what comes on top is counted only.
    static let pendingLimit = 1_000

    private let metrics: Metrics
    private let audit: AuditLog
    private let log: ServerLog
    /// Writes one after another, off the threads that answer requests: an entry waits for the disk.
    private let queue = DispatchQueue(label: "martlet.refusals")
    private let pending = Atomic<Int>(0)

    init(metrics: Metrics, audit: AuditLog, log: ServerLog) {
        self.metrics = metrics
        self.audit = audit
        self.log = log
    }

    func answered(route: Route?, status: Int, nanoseconds: UInt64) {
        metrics.answered(route: route?.name, status: status, nanoseconds: nanoseconds)
    }

    func refused(_ request: Request, route: Route?, principal: Principal?, problem: Problem, requestID: String) {
        metrics.refused()
        // The limiter's own refusals are not recorded one by one: they are what bounds the record.
        guard problem.status != 429 else { return }
        guard pending.add(1, ordering: .relaxed).newValue <= Self.pendingLimit else {
            pending.subtract(1, ordering: .relaxed)
            return metrics.lostRefusal()
        }
        let source = request.source
        let actor = principal.map { "\($0)" } ?? "anonymous"
        // A path is anybody's text, so only that of a known route is recorded, as its pattern.
        let action = route?.name ?? "request"
        let resource = route?.pattern.text ?? "unknown"
        queue.async { [self] in
            defer { pending.subtract(1, ordering: .relaxed) }
            do throws(GovernanceError) {
                try audit.recordRefusal(
                    actor: actor, action: action, resource: resource, requestID: requestID,
                    details: ["code": .text(problem.code), "source": .text(source)])
            } catch {
                log.error("a refusal could not be recorded", [("request", requestID), ("error", error.message)])
            }
        }
    }

    func failed(route: Route, error: any Error, problem: Problem?, requestID: String) {
        metrics.failed()
        var values = [("request", requestID), ("route", route.name), ("error_type", "\(type(of: error))")]
        if let problem { values += [("code", problem.code), ("error", problem.message)] }
        log.error("a request failed", values)
    }

    /// Returns when every refusal so far is recorded.
    func flush() {
        queue.sync {}
    }
}
