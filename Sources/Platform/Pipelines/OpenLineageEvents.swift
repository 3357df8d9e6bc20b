import MartletBytes
import MartletDefinitions
import MartletFrames
import MartletPipelines
import MartletStorage

/// The history of one run as run events of OpenLineage, version 2-0-2: a value, made from what is stored.
///
/// The run is a job by the pipeline's name, each attempt at a task one by `pipeline.task` with the run as its parent. Both begin with
/// START and end once, with COMPLETE, FAIL or ABORT. A run that is taken up again after its end is a further run of the same job.
struct OpenLineageEvents {
    /// Names the namespace of jobs and of what has no name outside the project.
    var project: String
    /// The absolute path of the project's folder; nil where there is none.
    var root: String?
    var run: StoredRun
    var graph: PipelineGraph
    /// The attempt that started the run: its job, and its own id.
    var parent: (job: String, id: String)?
    var traces: [AttemptTrace.ID: AttemptTrace]

    private static let specification = "https://openlineage.io/spec/"
    static let producer = "urn:martlet:\(Martlet.version)"

    private var namespace: String { "martlet://\(project)" }
    private var pipeline: String { run.facts.pipeline }

    /// The id of an attempt at a task, the same whenever it is asked for.
    static func id(of attempt: AttemptTrace.ID) -> String { uuid("\(attempt.address)#\(attempt.attempt)") }

    /// A UUID of version 8, made from the hash of a text.
    private static func uuid(_ text: String) -> String {
        var bytes = Array(BlobHash(of: Array(text.utf8)).bytes.prefix(16))
        bytes[6] = bytes[6] & 0x0F | 0x80
        bytes[8] = bytes[8] & 0x3F | 0x80
        let digits = bytes.map { byte in (byte < 16 ? "0" : "") + String(byte, radix: 16) }.joined()
        var parts: [String] = []
        var rest = digits[...]
        for length in [8, 4, 4, 4, 12] {
            parts.append(String(rest.prefix(length)))
            rest = rest.dropFirst(length)
        }
        return parts.joined(separator: "-")
    }

    /// The events in the order in which they happened.
    ///
    /// - Complexity: O(records + attempts under way at each stop).
    func events(_ records: [TimedRecord]) -> [JSONValue] {
        var events: [JSONValue] = []
        var round = 0
        var roundID = run.facts.id
        /// Attempts under way, and whether they only wait.
        var open: [InstanceNumber: (attempt: Int, isWaiting: Bool)] = [:]
        var failed: Set<String> = []
        var isOver = false

        func end(_ number: InstanceNumber, attempt: Int, _ type: String, _ reason: String?, _ time: Timestamp) {
            guard open.removeValue(forKey: number) != nil else { return }
            events.append(event(type, number, attempt, time, in: roundID, reason: reason))
        }
        func endAll(_ time: Timestamp, _ reason: String, where isMeant: (InstanceNumber, Bool) -> Bool) {
            let meant = open.filter { isMeant($0.key, $0.value.isWaiting) }
            for (number, attempt) in meant.sorted(by: { ($0.key.task, $0.key.index) < ($1.key.task, $1.key.index) }) {
                end(number, attempt: attempt.attempt, "ABORT", reason, time)
            }
        }
        for timed in records {
            let time = timed.time
            switch timed.record {
            case .began: events.append(event("START", time, id: roundID))
            case .attempt(let number, let attempt, let isDeferred):
                open[number] = (attempt, isDeferred)
                events.append(event("START", number, attempt, time, in: roundID))
            case .ended(let number, let attempt, let state, let ending):
                if state == .failed { failed.insert(graph.nodes[number.task].task.name) }
                let type = state == .failed ? "FAIL" : state == .cancelled ? "ABORT" : "COMPLETE"
                end(number, attempt: attempt, type, ending.reason, time)
            case .retrying(let number, let attempt, let reason, _): end(number, attempt: attempt, "FAIL", reason, time)
            case .interrupted(let number, let attempt, _): end(number, attempt: attempt, "ABORT", "the program ended", time)
            case .marked(let number, _, let person):
                if let attempt = open[number]?.attempt { end(number, attempt: attempt, "ABORT", "marked by \(person)", time) }
            case .stopping(let cause, _):
                endAll(time, "the run is stopped: \(cause.rawValue)") { number, isWaiting in
                    isWaiting && (cause == .cancelled || !graph.nodes[number.task].task.isOnFailure)
                }
            case .cleared:
                failed = []
                guard isOver else { continue }
                isOver = false
                round += 1
                roundID = Self.uuid("\(run.facts.id)#\(round)")
                events.append(event("START", time, id: roundID))
            case .finished(let state):
                isOver = true
                endAll(time, "the run ended") { _, _ in true }
                let reason = failed.isEmpty ? "the run failed" : "failed: " + failed.sorted().prefix(20).joined(separator: ", ")
                switch state {
                case .failed: events.append(event("FAIL", time, id: roundID, reason: reason))
                case .cancelled: events.append(event("ABORT", time, id: roundID, reason: "the run was cancelled"))
                case .queued, .running, .succeeded: events.append(event("COMPLETE", time, id: roundID))
                }
            case .expanded, .late: break
            }
        }
        return events
    }

    // MARK: - Events

    private func event(_ type: String, _ time: Timestamp, id: String, reason: String? = nil) -> JSONValue {
        var facets = JSONObject()
        if let parent {
            facets["parent"] = facet("ParentRunFacet", "1-2-0", [
                ("run", ["runId": .string(parent.id)]), ("job", ["namespace": .string(namespace), "name": .string(parent.job)]),
            ])
        }
        if let interval = run.facts.interval {
            facets["nominalTime"] = facet("NominalTimeRunFacet", "1-0-1", [
                ("nominalStartTime", .string("\(interval.start)")), ("nominalEndTime", .string("\(interval.end)")),
            ])
        }
        let job = own("pipeline", [("definition", .string(run.definition)), ("cause", .string(run.facts.cause.rawValue))])
        return event(type, time, id: id, job: pipeline, "PIPELINE", [("martlet_pipeline", job)], facets, reason: reason, uses: [])
    }

    private func event(
        _ type: String, _ number: InstanceNumber, _ attempt: Int, _ time: Timestamp, in roundID: String, reason: String? = nil
    ) -> JSONValue {
        let task = graph.nodes[number.task].task
        let address = InstanceAddress(run: run.facts.id, task: task.name, index: number.index)
        let id = AttemptTrace.ID(address: address, attempt: attempt)
        var facets = JSONObject()
        facets["parent"] = facet("ParentRunFacet", "1-2-0", [
            ("run", ["runId": .string(roundID)]), ("job", ["namespace": .string(namespace), "name": .string(pipeline)]),
        ])
        facets["martlet_attempt"] = own("attempt", [
            ("task_key", .string("\(address)")), ("index", .int64(Int64(number.index))), ("attempt", .int64(Int64(attempt))),
        ])
        var facts: [(String, JSONValue)] = [("kind", .string(task.work.kind.word))]
        if let work = task.work.base as? RunWork {
            facts.append(("program", work.arguments.first?.literal.map(JSONValue.string) ?? .null))
        }
        facts.append(("definition", .string("\(DefinitionHash(of: task.work.base.canonical))")))
        return event(
            type, time, id: Self.id(of: id), job: "\(pipeline).\(task.name)", "TASK", [("martlet_task", own("task", facts))], facets,
            reason: reason, uses: type == "START" ? [] : traces[id]?.uses ?? [])
    }

    private func event(
        _ type: String, _ time: Timestamp, id: String, job: String, _ jobType: String, _ jobFacets: [(String, JSONValue)],
        _ runFacets: JSONObject, reason: String?, uses: [DataUse]
    ) -> JSONValue {
        var runFacets = runFacets
        if let reason, type == "FAIL" || type == "ABORT" {
            runFacets["errorMessage"] = facet("ErrorMessageRunFacet", "1-0-1", [
                ("message", .string(reason)), ("programmingLanguage", "Swift"),
            ])
        }
        runFacets["processing_engine"] = facet("ProcessingEngineRunFacet", "1-1-1", [("version", .string(Martlet.version)), ("name", "martlet")])
        let kind = facet("JobTypeJobFacet", "2-0-4", [
            ("processingType", "BATCH"), ("integration", "MARTLET"), ("jobType", .string(jobType)),
        ])
        return .object([
            ("eventType", .string(type)), ("eventTime", .string("\(time)")),
            ("run", .object([("runId", .string(id)), ("facets", .object(runFacets))])),
            ("job", .object([
                ("namespace", .string(namespace)), ("name", .string(job)), ("facets", .object([("jobType", kind)] + jobFacets)),
            ])),
            ("inputs", .array(uses.filter { $0.direction == .input }.map(dataset))),
            ("outputs", .array(uses.filter { $0.direction == .output }.map(dataset))),
            ("producer", .string(Self.producer)), ("schemaURL", .string(Self.specification + "2-0-2/OpenLineage.json#/$defs/RunEvent")),
        ])
    }

    // MARK: - Data

    private func dataset(_ use: DataUse) -> JSONValue {
        let thing = use.thing
        var members: [(String, JSONValue)] = [("namespace", .string(namespace)), ("name", .string(thing.kind.rawValue + "s/" + thing.name))]
        if thing.kind == .file { members = [("namespace", "file"), ("name", .string((root.map { $0 + "/" } ?? "") + thing.name))] }
        if let version = thing.version {
            members.append(("facets", ["version": facet("DatasetVersionDatasetFacet", "1-0-1", [("datasetVersion", .string(version))])]))
        }
        var counts: [(String, JSONValue)] = []
        if let rows = use.rows { counts.append(("rowCount", .int64(rows))) }
        if let bytes = use.bytes { counts.append(("size", .int64(bytes))) }
        switch use.direction {
        case _ where counts.isEmpty: break
        case .input: members.append(("inputFacets", ["inputStatistics": facet("InputStatisticsInputDatasetFacet", "1-0-0", counts)]))
        case .output: members.append(("outputFacets", ["outputStatistics": facet("OutputStatisticsOutputDatasetFacet", "1-0-2", counts)]))
        }
        return .object(members)
    }

    private func facet(_ name: String, _ version: String, _ members: [(String, JSONValue)]) -> JSONValue {
        let schema = Self.specification + "facets/\(version)/\(name).json#/$defs/\(name)"
        return .object([("_producer", .string(Self.producer)), ("_schemaURL", .string(schema))] + members)
    }

    /// A facet that the specification does not know.
    private func own(_ name: String, _ members: [(String, JSONValue)]) -> JSONValue {
        .object([("_producer", .string(Self.producer)), ("_schemaURL", .string("urn:martlet:facet:\(name):1"))] + members)
    }
}
