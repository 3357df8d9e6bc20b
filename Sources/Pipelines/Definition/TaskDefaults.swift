import MartletDefinitions
import MartletExpressions
import MartletFrames

/// What a task, or the defaults of a pipeline, say of retries, time and room.
struct TaskDefaults {
    var retry = RetryPolicy()
    var hasMaxDelay = false
    var timeout: Timestamp.Span?
    var deadline: Timestamp.Span?
    /// Nil where nothing is said.
    var needs: [String: Int64]?
    var priority = 0
    var maxActive: Int?

    /// Takes what a map says over what holds already.
    mutating func read(_ map: inout MapReader, surroundings: PipelineSurroundings) {
        let errors = map.errors
        let above = Timestamp.Span(microseconds: 1)
        if let retries = map.integer("retries", in: 0...1_000) { retry.retries = Int(retries.value) }
        if let factor = map.number("retry_factor", in: 1...100) { retry.factor = factor.value }
        if let jitter = map.number("retry_jitter", in: 0...1) { retry.jitter = jitter.value == 0 ? 0 : jitter.value }
        let delay = map.span("retry_delay")
        let maxDelay = map.span("retry_max_delay")
        if let delay { retry.delay = delay.value }
        if let maxDelay {
            retry.maxDelay = maxDelay.value
            hasMaxDelay = true
        }
        if retry.delay > retry.maxDelay {
            if hasMaxDelay, let place = maxDelay?.place ?? delay?.place {
                errors.add(
                    .conflict, at: place,
                    "the retries of \(map.title) wait \(retry.delay) at first, and at most \(retry.maxDelay)", hint: "make 'retry_max_delay' the longer")
            }
            retry.maxDelay = retry.delay
        }
        if let span = map.span("timeout", atLeast: above) { timeout = span.value }
        if let span = map.span("deadline", atLeast: above) { deadline = span.value }
        if let number = map.integer("priority", in: -1_000_000...1_000_000) { priority = Int(number.value) }
        if let number = map.integer("max_active", in: 1...1_000_000) { maxActive = Int(number.value) }
        if let node = map.node("needs") { needs = room(node, map.title, surroundings, errors) }
    }

    /// Those that need no declaration.
    private static let usualPools = ["cpu", "memory", "gpu"]

    /// The room in pools, refused where no pool could ever give it.
    private func room(
        _ node: LocatedNode, _ title: String, _ surroundings: PipelineSurroundings, _ errors: ErrorCollector
    ) -> [String: Int64]? {
        guard case .map(let entries) = node.content else {
            NodeValues(errors, "the key 'needs' of \(title)").wrong(
                node, expected: "a map from pools to numbers", hint: "as in { cpu: 2, memory: 4GB }")
            return nil
        }
        var result: [String: Int64] = [:]
        for entry in entries {
            let known = surroundings.pools?[entry.key]
            guard known != nil || surroundings.pools == nil || TaskDefaults.usualPools.contains(entry.key) else {
                let named = (surroundings.pools ?? [:]).keys.filter { !TaskDefaults.usualPools.contains($0) }
                let choices = TaskDefaults.usualPools + named.sorted()
                errors.addUnknown(
                    "pool", entry.key, within: " in the key 'needs' of \(title)", at: entry.keyPlace, choices: choices, plural: "pools")
                continue
            }
            let values = PipelineValues(errors, "the key 'needs' of \(title)", zone: .utc)
            guard let wanted = values.room(entry, atLeast: entry.key == "cpu" ? 0 : 1) else { continue }
            // A project that declares no GPU has none; processors and memory are the machine's own.
            let available = known ?? (entry.key == "gpu" && surroundings.pools != nil ? 0 : .max)
            if wanted > available {
                errors.add(
                    .conflict, at: entry.value.place,
                    "\(title) needs \(wanted) of the pool '\(entry.key)', which has \(available), so it could never start",
                    found: "\(wanted)", expected: "at most \(available)",
                    hint: known == nil ? "declare it in 'martlet.yaml': pools: { \(entry.key): \(wanted) }" : nil)
            }
            result[entry.key] = wanted
        }
        return result
    }
}
