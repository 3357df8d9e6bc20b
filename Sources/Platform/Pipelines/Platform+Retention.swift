import MartletFrames
import MartletPipelines
import MartletPlan
import MartletRegistry
import MartletStorage
import MartletWorld

extension Platform {
    /// Removes what pipelines left behind and the project keeps no longer: files, runs, kept results, backfills, alerts.
    ///
    /// A bounded number of each; called with the other upkeep, so that a long past goes little by little. Files go before the
    /// row that knows of them, so that a crash leaves none behind.
    func removePastRuns() async throws {
        guard let pipelines, let project = inForce.project else { return }
        let retention = project.project.retention
        let now = world.clock.now()
        let limit = limits.pastRuns
        if let span = retention.logSpan { try await removeFiles(ofRunsEndedBefore: now - span, pipelines.service) }
        if let span = retention.runs {
            // Whether a model's trigger has been answered is known by the run that it started.
            let ending = inForce.release.map { Self.triggerEnding(ofRelease: $0.number) }
            var left = limit
            while left > 0 {
                let few = min(left, Self.runsOfTurn)
                let gone = try await pipelines.service.deleteRuns(endedBefore: now - span, keepingKeysThatEnd: ending, limit: few)
                left = gone.count < few ? 0 : left - few
            }
            try database.write { transaction in
                try PipelineTables().deleteBackfills(madeBefore: now - span, limit: limit, transaction)
                try PipelineTables().deleteAlerts(before: now - span, limit: limit, transaction)
            }
        }
        let oldest = project.pipelines.flatMap(\.tasks).compactMap(\.cache).max() ?? .zero
        try database.write { try PipelineTables().deleteResults(keptBefore: now - max(oldest, .days(1)), limit: limit, $0) }
    }

    /// Runs that one turn of the scheduler deletes, which waits for them.
    private static let runsOfTurn = 20

    /// How the keys of runs end that a release started by moving a model's alias.
    static func triggerEnding(ofRelease number: Int) -> String { ":release \(number)" }

    private func removeFiles(ofRunsEndedBefore time: Timestamp, _ service: PipelineService) async throws {
        let runs = try database.read { try PipelineTables().runsWithFiles(endedBefore: time, limit: limits.pastRuns, $0) }
        guard !runs.isEmpty else { return }
        try await offPool { [self] in
            var left = limits.pastFiles
            var gone: [EndedRun] = []
            for run in runs where service.look({ $0.run(run.id) == nil }) {
                guard left > 0 else { break }
                removeTree(workFolder(of: run.id), &left)
                removeTree(logFolder(of: run.id), &left)
                if left > 0 { gone.append(run) }
            }
            try database.write { [gone] transaction in
                for run in gone { try PipelineTables().removedFiles(of: run, transaction) }
            }
        }
    }

    func logFolder(of run: String) -> RelativePath? { (RelativePath.root / "pipelines" / "logs").appending(run) }

    private func workFolder(of run: String) -> RelativePath? { (RelativePath.root / "pipelines" / "work").appending(run) }

    /// Removes what the attempts of a run left in their folders; what cannot be removed goes with the run's logs.
    func removeWork(of run: String) {
        var left = limits.pastFiles
        removeTree(workFolder(of: run), &left)
    }

    /// Removes a folder with all that is in it, up to a number of files.
    private func removeTree(_ folder: RelativePath?, _ left: inout Int, depth: Int = 0) {
        guard let folder, depth < 32, let names = try? world.files.list(folder) else { return }
        for name in names {
            guard left > 0, let path = folder.appending(name) else { return }
            left -= 1
            do { try world.files.remove(path) } catch { removeTree(path, &left, depth: depth + 1) }
        }
        try? world.files.removeFolder(folder)
    }
}
