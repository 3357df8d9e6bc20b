public import MartletAccess
public import MartletBytes
import MartletFrames
public import MartletPipelines
import MartletStorage
import MartletWorld

extension Platform {
    private var tables: PipelineTables { PipelineTables() }

    /// The history of a run as run events of OpenLineage, in order, from a number on.
    ///
    /// - Returns: the events, and the number of the one after them; nil at the end.
    public func pipelineLineage(run id: String, from first: Int, limit: Int, scope: Scope) throws -> (events: [JSONValue], next: Int?) {
        try scope.require(.pipelinesRead, on: resource(.pipeline, nil))
        let (stored, graph, records) = try history(of: id)
        let (traces, parent) = try database.read { reader in
            (try tables.traces(ofRun: id, reader), try parentAttempt(of: stored, reader))
        }
        let all = OpenLineageEvents(
            project: project, root: projectFiles.absolutePath(.root), run: stored, graph: graph, parent: parent,
            traces: Dictionary(uniqueKeysWithValues: traces.map { ($0.id, $0) })
        ).events(records)
        let events = Array(all.dropFirst(first).prefix(min(limit, limits.pageRows)))
        let end = first + events.count
        return (events, end < all.count ? end : nil)
    }

    /// The attempt that started a run; nil if no task did, or its run is no longer there.
    private func parentAttempt(of run: StoredRun, _ reader: any DatabaseReader) throws -> (job: String, id: String)? {
        // Its key names the attempt.
        guard let address = run.facts.parent, let key = run.facts.requestKey, key.hasPrefix("\(address)#"),
            let attempt = Int(key.dropFirst("\(address)#".count)), let above = try tables.run(address.run, reader)
        else { return nil }
        return ("\(above.facts.pipeline).\(address.task)", OpenLineageEvents.id(of: .init(address: address, attempt: attempt)))
    }

    /// Where something came from and what was made of it: attempts at tasks, step by step, the nearest first.
    ///
    /// Those that made it, then those that made what they read, and so on; and those that read it, then those that read what they made.
    /// A stream is followed by positions: what wrote before, and what read past.
    ///
    /// - Parameters:
    ///   - depth: how many steps are taken.
    ///   - limit: the most attempts each way; of one thing at most 20.
    public func lineage(of thing: DataThing, depth: Int, limit: Int, scope: Scope) throws -> JSONValue {
        try scope.require(.pipelinesRead, on: resource(.pipeline, nil))
        let limit = min(limit, limits.pageRows)
        return try database.read { reader in
            let up = try walk(from: thing, .output, depth: depth, limit: limit, reader)
            let down = try walk(from: thing, .input, depth: depth, limit: limit, reader)
            return .object([
                ("thing", .string("\(thing)")), ("upstream", .array(up.steps)), ("downstream", .array(down.steps)),
                ("is_whole", .bool(up.isWhole && down.isWhole)),
            ])
        }
    }

    /// Attempts of one thing that are followed.
    private static let branches = 20

    private func walk(
        from thing: DataThing, _ direction: DataUse.Direction, depth: Int, limit: Int, _ reader: any DatabaseReader
    ) throws -> (steps: [JSONValue], isWhole: Bool) {
        var steps: [JSONValue] = []
        var isWhole = true
        var seenThings: Set<DataThing> = [thing]
        var seen: Set<AttemptTrace.ID> = []
        var frontier = [thing]
        for level in 1...max(1, depth) {
            var next: [DataThing] = []
            for thing in frontier {
                let ids = try tables.attempts(direction, of: thing, limit: Self.branches, reader)
                if ids.count == Self.branches { isWhole = false }
                for id in ids where seen.insert(id).inserted {
                    guard steps.count < limit else { return (steps, false) }
                    guard let trace = try tables.trace(of: id, reader) else { continue }
                    steps.append(trace.json(depth: level, via: thing))
                    let further = direction == .output ? trace.inputs : trace.outputs
                    for use in further where seenThings.insert(use.thing).inserted { next.append(use.thing) }
                }
            }
            frontier = next
        }
        return (steps, isWhole && frontier.isEmpty)
    }
}

extension AttemptTrace {
    fileprivate func json(depth: Int, via thing: DataThing) -> JSONValue {
        .object([
            ("run", .string(address.run)), ("pipeline", .string(pipeline)), ("task", .string(address.task)),
            ("index", .int64(Int64(address.index))), ("attempt", .int64(Int64(attempt))), ("time", .string("\(time)")),
            ("depth", .int64(Int64(depth))), ("via", .string("\(thing)")),
            ("inputs", .array(inputs.map { .string("\($0.thing)") })), ("outputs", .array(outputs.map { .string("\($0.thing)") })),
        ])
    }
}
