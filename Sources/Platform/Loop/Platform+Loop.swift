public import MartletAccess
import MartletMonitoring
import MartletPipelines
import MartletRegistry
import MartletServing
import MartletStorage

extension Platform {
    /// How far the parts of the loop have come that somebody may read; what they may not stands still.
    ///
    /// - Complexity: a few look-ups by key, and one row a monitor.
    public func loopPosition(scope: Scope) throws -> LoopPosition {
        try scope.require(.definitionsRead, on: .project(project))
        func may(_ permission: Permission, _ resource: Resource) -> Bool {
            (try? Guard().scope(for: scope.principal, to: permission, on: resource)) != nil
        }
        let mayModels = may(.modelsRead, resource(.endpoint, nil))
        let mayMonitors = may(.monitorsRead, .project(project))
        let mayPipelines = may(.pipelinesRead, resource(.pipeline, nil))
        return try database.read { reader in
            var position = LoopPosition()
            position[.release] = Int64(inForce.release?.number ?? 0)
            if mayModels {
                position[.traffic] = try TrafficTable().position(reader)
                position[.rollouts] = try rollouts.newestSequence(reader)
            }
            if mayMonitors {
                position[.windows] = try MonitorTables().measuredThrough(reader)
                position[.alarms] = try MonitorTables().newestSequence(reader)
            }
            if mayPipelines { position[.pipelines] = try PipelineTables().newestSequence(reader) }
            return position
        }
    }
}

extension RolloutTable {
    /// The number of the newest event of all rollouts; 0 before the first.
    fileprivate func newestSequence(_ database: any DatabaseReader) throws -> Int64 {
        try database.row("SELECT MAX(sequence) AS newest FROM serving_rollout_events")?.optional("newest") ?? 0
    }
}

extension MonitorTables {
    /// The number of the newest record of all alarms; 0 before the first.
    fileprivate func newestSequence(_ database: any DatabaseReader) throws -> Int64 {
        try database.row("SELECT MAX(sequence) AS newest FROM monitoring_alarms")?.optional("newest") ?? 0
    }

    /// A number that moves whenever a window is measured: the seconds up to which all monitors have measured, added up.
    fileprivate func measuredThrough(_ database: any DatabaseReader) throws -> Int64 {
        try database.row("SELECT SUM(closed_through / 1000000) AS seconds FROM monitoring_progress")?.optional("seconds") ?? 0
    }
}
