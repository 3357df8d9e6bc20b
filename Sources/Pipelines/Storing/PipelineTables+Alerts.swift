public import MartletFrames
public import MartletStorage

/// An alert with its number.
public struct StoredAlert: Hashable, Sendable {
    /// Ascends in the order in which alerts came.
    public var sequence: Int64
    public var alert: PipelineAlert
}

extension PipelineTables {
    /// An alert is stored with what it tells of, so that none is lost and none is told twice.
    func insert(_ alert: PipelineAlert, _ database: any DatabaseTransaction) throws {
        try database.execute("""
            INSERT INTO pipelines_alerts (kind, pipeline, run, task, time)
            VALUES (\(alert.kind.rawValue), \(alert.pipeline), \(alert.run), \(alert.task), \(alert.time))
            """)
    }

    /// Alerts, newest first.
    ///
    /// - Parameters:
    ///   - pipeline: nil for those of all.
    ///   - sequence: only those that came before this one, which a page ended with.
    public func alerts(pipeline: String?, before sequence: Int64?, limit: Int, _ database: any DatabaseReader) throws -> [StoredAlert] {
        var statement: Statement = "SELECT * FROM pipelines_alerts WHERE TRUE"
        if let pipeline { statement += " AND pipeline = \(pipeline)" }
        if let sequence { statement += " AND sequence < \(sequence)" }
        statement += " ORDER BY sequence DESC LIMIT \(limit)"
        return try database.rows(statement, limit: limit).map { row in
            guard let kind = PipelineAlert.Kind(rawValue: try row.value("kind")) else { throw PipelineStoreError.damaged("alerts") }
            return StoredAlert(
                sequence: try row.value("sequence"),
                alert: PipelineAlert(
                    kind: kind, pipeline: try row.value("pipeline"), run: try row.value("run"), task: try row.optional("task"),
                    time: try row.value("time")))
        }
    }

    /// Deletes alerts that came before a time; the newest stays, so that no number is given twice.
    public func deleteAlerts(before time: Timestamp, limit: Int, _ database: any DatabaseTransaction) throws {
        try database.execute("""
            DELETE FROM pipelines_alerts WHERE sequence IN (SELECT sequence FROM pipelines_alerts WHERE time < \(time) ORDER BY time LIMIT \(limit))
                AND sequence < (SELECT MAX(sequence) FROM pipelines_alerts)
            """)
    }
}
