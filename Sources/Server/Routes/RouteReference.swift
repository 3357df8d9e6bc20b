import MartletAccess

extension RouteTable {
    /// The reference of routes, as Markdown: each with its permission, the roles that have it, its limit and what the audit log keeps.
    var referencePage: String {
        let roles = Role.allCases
        var lines = [
            "# Routes", "",
            "Every way in, as the server declares it; written from the table of routes, and the tests hold each role to it. Shapes of bodies and answers",
            "are in `/openapi.json`. A role that is not named is refused with 403, a request without a credential with 401, and both stand in the audit log.", "",
            "| route | what it does | permission | roles | body | audit log |", "| --- | --- | --- | --- | --- | --- |",
        ]
        for route in routes.sorted(by: { ($0.pattern.text, $0.method.rawValue) < ($1.pattern.text, $1.method.rawValue) }) {
            let permission: String
            let allowed: String
            switch route.access {
            case .open: (permission, allowed) = ("none", "anyone")
            case .signed(let needed, _): (permission, allowed) = ("`\(needed.rawValue)`, of who set the secret", "who signs")
            case .needs(let needed, _):
                let names = roles.filter { $0.permissions.contains(needed) }.map(\.rawValue)
                (permission, allowed) = ("`\(needed.rawValue)`", names.isEmpty ? "by name only" : names.joined(separator: ", "))
            }
            lines.append(
                "| `\(route.method.rawValue) \(route.pattern.text)` | \(route.summary.replacing("|", with: "\\|")) | \(permission) | \(allowed) | \(route.body.text) | \(route.audit.text) |")
        }
        return lines.joined(separator: "\n") + "\n"
    }
}

extension Route.BodyRule {
    fileprivate var text: String {
        switch self {
        case .none: "none"
        case .collected(let limit), .streamed(let limit):
            limit == .max ? "any length" : limit >= 1 << 20 ? "\(limit >> 20) MiB" : "\(limit >> 10) KiB"
        }
    }
}

extension Route.Audit {
    fileprivate var text: String {
        switch self {
        case .recordedByOperation: "the change"
        case .recordedInLog: "the event log's own record"
        case .refusalsOnly: "refusals"
        }
    }
}
