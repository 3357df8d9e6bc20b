public import MartletFrames
public import MartletStorage

/// A run that ended, as whoever removes its files looks at it.
public struct EndedRun: Hashable, Sendable {
    public var id: String
    public var ended: Timestamp
}

extension PipelineTables {
    /// Runs that ended before a time and may still have files, the first that ended first.
    public func runsWithFiles(endedBefore time: Timestamp, limit: Int, _ database: any DatabaseReader) throws -> [EndedRun] {
        try database.rows(Self.withFiles(endedBefore: time, limit: limit), limit: limit).map {
            EndedRun(id: try $0.value("id"), ended: try $0.value("ended"))
        }
    }

    static func withFiles(endedBefore time: Timestamp, limit: Int) -> Statement {
        """
        SELECT id, ended FROM pipelines_runs WHERE has_files = 1 AND ended IS NOT NULL AND ended < \(time) ORDER BY ended LIMIT \(limit)
        """
    }

    /// Keeps that a run's files are gone, unless it has been taken up again since.
    public func removedFiles(of run: EndedRun, _ database: any DatabaseTransaction) throws {
        try database.execute("UPDATE pipelines_runs SET has_files = 0 WHERE id = \(run.id) AND ended = \(run.ended)")
    }

    /// Deletes runs that ended before a time and have no files left, with their histories and lineage.
    ///
    /// The lineage of a run that made a version of a model stays. The newest run of each pipeline stays. No sequence number of the history is given twice, whatever is deleted.
    ///
    /// - Parameters:
    ///   - ending: runs that data started with a key that ends so stay too; nil for none.
    ///   - isUnderWay: those that were taken up again stay.
    /// - Complexity: O(limit + pipelines).
    /// - Returns: the ids of the runs.
    public func deleteRuns(
        endedBefore time: Timestamp, keepingKeysThatEnd ending: String?, limit: Int, isUnderWay: (String) -> Bool = { _ in false },
        _ database: any DatabaseTransaction
    ) throws -> [String] {
        let ids: [String] = try database.rows(Self.past(endedBefore: time, keepingKeysThatEnd: ending, limit: limit), limit: limit).map {
            try $0.value("id")
        }
        let past = ids.filter { !isUnderWay($0) }
        let newest = try newestSequence(database)
        for id in past {
            try database.execute("DELETE FROM pipelines_history WHERE run = \(id) AND sequence < \(newest)")
            // The newest row is what the next number is counted from.
            try database.execute("UPDATE pipelines_history SET run = '', records = '[]' WHERE sequence = \(newest) AND run = \(id)")
            try database.execute("DELETE FROM pipelines_runs WHERE id = \(id)")
        }
        try database.execute("DELETE FROM pipelines_history WHERE run = '' AND sequence < \(newest)")
        try deleteTraces(ofRuns: past, database)
        return past
    }

    static func past(endedBefore time: Timestamp, keepingKeysThatEnd ending: String?, limit: Int) -> Statement {
        var statement: Statement = """
            SELECT id FROM pipelines_runs AS run WHERE id < \(firstID(at: time)) AND ended IS NOT NULL AND ended < \(time) AND has_files = 0
                AND EXISTS (SELECT 1 FROM pipelines_runs AS newer WHERE newer.pipeline = run.pipeline AND newer.id > run.id)
            """
        if let ending {
            statement += " AND (cause <> 'data' OR request_key IS NULL OR substr(request_key, \(-ending.unicodeScalars.count)) <> \(ending))"
        }
        return statement + " ORDER BY id LIMIT \(limit)"
    }

    /// Deletes kept results that are older than a time.
    public func deleteResults(keptBefore time: Timestamp, limit: Int, _ database: any DatabaseTransaction) throws {
        try database.execute("""
            DELETE FROM pipelines_cache WHERE key IN (SELECT key FROM pipelines_cache WHERE time < \(time) ORDER BY time LIMIT \(limit))
            """)
    }

    /// Deletes backfills that ended, were made before a time and have no runs left.
    public func deleteBackfills(madeBefore time: Timestamp, limit: Int, _ database: any DatabaseTransaction) throws {
        try database.execute("""
            DELETE FROM pipelines_backfills WHERE id IN (
                SELECT id FROM pipelines_backfills AS backfill WHERE id < \(Self.firstID(at: time)) AND state <> 'running'
                    AND NOT EXISTS (SELECT 1 FROM pipelines_runs WHERE backfill = backfill.id) ORDER BY id LIMIT \(limit))
            """)
    }
}
