import MartletFrames
public import MartletStorage

extension PipelineTables {
    /// Stores what attempts read and made; one that is stored already is left as it is.
    func insert(_ traces: [AttemptTrace], _ database: any DatabaseTransaction) throws {
        for trace in traces {
            let address = trace.address
            let isNew = try database.execute("""
                INSERT INTO pipelines_traces (run, task, item, attempt, pipeline, time)
                VALUES (\(address.run), \(address.task), \(address.index), \(trace.attempt), \(trace.pipeline), \(trace.time))
                ON CONFLICT DO NOTHING
                """)
            guard isNew > 0 else { continue }
            for use in trace.uses {
                try database.execute("""
                    INSERT INTO pipelines_uses (run, task, item, attempt, direction, kind, name, version, row_count, byte_count)
                    VALUES (\(address.run), \(address.task), \(address.index), \(trace.attempt), \(use.direction.rawValue),
                        \(use.thing.kind.rawValue), \(use.thing.name), \(use.thing.version ?? ""), \(use.rows), \(use.bytes))
                    ON CONFLICT DO NOTHING
                    """)
            }
        }
    }

    /// What the attempts of a run read and made, as they ended.
    public func traces(ofRun run: String, limit: Int = 1_000_000, _ database: any DatabaseReader) throws -> [AttemptTrace] {
        var traces = try database.rows("SELECT * FROM pipelines_traces WHERE run = \(run) ORDER BY time, task, item, attempt", limit: limit)
            .map(trace)
        var numbers: [AttemptTrace.ID: Int] = [:]
        for (number, trace) in traces.enumerated() { numbers[trace.id] = number }
        for row in try database.rows("SELECT * FROM pipelines_uses WHERE run = \(run)", limit: limit * UseRecorder.limit) {
            let address = InstanceAddress(run: run, task: try row.value("task"), index: try row.value("item"))
            guard let number = numbers[.init(address: address, attempt: try row.value("attempt"))] else { continue }
            traces[number].uses.append(try use(row))
        }
        return traces
    }

    /// What one attempt read and made; nil if nothing is kept of it.
    public func trace(of id: AttemptTrace.ID, _ database: any DatabaseReader) throws -> AttemptTrace? {
        let address = id.address
        let row = try database.row("""
            SELECT * FROM pipelines_traces WHERE run = \(address.run) AND task = \(address.task) AND item = \(address.index)
                AND attempt = \(id.attempt)
            """)
        guard var trace = try row.map(trace) else { return nil }
        trace.uses = try database.rows("""
            SELECT * FROM pipelines_uses WHERE run = \(address.run) AND task = \(address.task) AND item = \(address.index)
                AND attempt = \(id.attempt)
            """, limit: 2 * UseRecorder.limit
        ).map(use)
        return trace
    }

    /// Attempts that made a thing (output) or read it (input), those of the newest runs first.
    ///
    /// A thing without a version stands for all of its versions. Of a stream those are meant that wrote below its position, or that
    /// read past it.
    ///
    /// - Complexity: O(limit + log uses); without a version, or of a stream, also O(uses in runs that the times let in).
    public func attempts(_ direction: DataUse.Direction, of thing: DataThing, limit: Int, _ database: any DatabaseReader) throws
        -> [AttemptTrace.ID]
    {
        try database.rows(Self.attempts(direction, of: thing, limit: limit), limit: limit).map { row in
            AttemptTrace.ID(
                address: InstanceAddress(run: try row.value("run"), task: try row.value("task"), index: try row.value("item")),
                attempt: try row.value("attempt"))
        }
    }

    static func attempts(_ direction: DataUse.Direction, of thing: DataThing, limit: Int) -> Statement {
        var statement: Statement = """
            SELECT run, task, item, attempt FROM pipelines_uses WHERE kind = \(thing.kind.rawValue) AND name = \(thing.name)
                AND direction = \(direction.rawValue)
            """
        switch (thing.kind, thing.version, direction) {
        case (.stream, let position?, .output): statement += " AND CAST(version AS INTEGER) <= \(Int64(position) ?? 0)"
        case (.stream, let position?, .input): statement += " AND CAST(version AS INTEGER) >= \(Int64(position) ?? 0)"
        case (_, let version?, _): statement += " AND version = \(version) AND kind <> 'stream'"
        case (_, nil, _): break
        }
        return statement + " ORDER BY run DESC LIMIT \(limit)"
    }

    private func trace(_ row: DatabaseRow) throws -> AttemptTrace {
        AttemptTrace(
            InstanceAddress(run: try row.value("run"), task: try row.value("task"), index: try row.value("item")),
            attempt: try row.value("attempt"), pipeline: try row.value("pipeline"), time: try row.value("time"), uses: [])
    }

    private func use(_ row: DatabaseRow) throws -> DataUse {
        guard let direction = DataUse.Direction(rawValue: try row.value("direction")),
            let kind = DataThing.Kind(rawValue: try row.value("kind"))
        else { throw PipelineStoreError.damaged("lineage") }
        let version: String = try row.value("version")
        return DataUse(
            direction, DataThing(kind, try row.value("name"), version: version.isEmpty ? nil : version),
            rows: try row.optional("row_count"), bytes: try row.optional("byte_count"))
    }

    /// Deletes what is kept of runs that are deleted; that of a run which made a version of a model stays.
    func deleteTraces(ofRuns runs: [String], _ database: any DatabaseTransaction) throws {
        for run in runs {
            let madeModel = try database.row("SELECT 1 AS one FROM pipelines_uses WHERE run = \(run) AND direction = 'output' AND kind = 'model' LIMIT 1")
            guard madeModel == nil else { continue }
            try database.execute("DELETE FROM pipelines_uses WHERE run = \(run)")
            try database.execute("DELETE FROM pipelines_traces WHERE run = \(run)")
        }
    }
}

extension AttemptTrace: Identifiable {
    public struct ID: Hashable, Sendable {
        public var address: InstanceAddress
        public var attempt: Int

        public init(address: InstanceAddress, attempt: Int) {
            self.address = address
            self.attempt = attempt
        }
    }

    public var id: ID { ID(address: address, attempt: attempt) }
}
