package import MartletDefinitions
import MartletFrames
package import MartletPipelines

/// A task whose body a simulation plays: what it gives is settled, how each attempt ends is drawn.
package struct SimulatedWork: TaskWork {
    package static let kind = TaskKind(word: "simulated", type: "nothing", summary: "A body that a simulation plays.") { _, _ in nil }

    /// Whether it waits for an answer instead of running.
    package var waits: Bool
    /// The items of the list that it gives under `items`.
    package var items: Int

    package init(waits: Bool = false, items: Int = 0) {
        self.waits = waits
        self.items = items
    }

    package var canonical: CanonicalValue { .map(["waits": .bool(waits), "items": .integer(Int64(items))]) }
    package var outputs: [TaskOutput] { [TaskOutput("items", .list(.int64)), TaskOutput("number", .scalar(.int64))] }
    package var permissions: [RequiredPermission] { [] }
    package var isWaiting: Bool { waits }

    package var result: [String: TaskValue] {
        ["items": .list((0..<items).map { .int64(Int64($0)) }), "number": .scalar(.int64(Int64(items)))]
    }
}

/// An approval, for simulations that know no project.
package struct SimulatedApproval: TaskWork {
    package static let kind = TaskKind(word: "approval", type: "nothing", summary: "An approval.") { _, _ in nil }

    package init() {}

    package var canonical: CanonicalValue { .none }
    package var outputs: [TaskOutput] { [] }
    package var permissions: [RequiredPermission] { [] }
    package var isWaiting: Bool { true }
}
