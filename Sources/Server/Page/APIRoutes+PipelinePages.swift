import MartletAccess
import MartletBytes
import MartletPipelines
import MartletPlatform
import MartletWorld

extension APIRoutes {
    /// The pages of pipelines and their runs.
    var pipelinePages: [Route] {
        [
            Route(
                "page.pipelines", .get, "/pipelines", "All pipelines, with how their last runs went.",
                access: .needs(.pipelinesRead, on: .every(.pipeline)), audit: .refusalsOnly, output: .media("text/html"),
                handler: .asynchronous { [platform] call in
                    let scope = try call.requireScope()
                    let pipelines = try platform.pipelineList(scope: scope)
                    var runs: [String: [JSONValue]] = [:]
                    for name in pipelines.compactMap({ $0["pipeline"]?.string }) {
                        runs[name] = try platform.pipelineRuns(RunFilter(pipeline: name), limit: Self.squares, scope: scope).runs
                    }
                    return PipelinesPage(project: platform.project, pipelines: pipelines, runs: runs).response
                }),
            Route(
                "page.pipeline", .get, "/pipelines/{pipeline}", "One pipeline: its graph, and its tasks in the last runs.",
                access: .needs(.pipelinesRead, on: .every(.pipeline)), audit: .refusalsOnly, output: .media("text/html"),
                handler: .asynchronous { [platform] call in
                    let scope = try call.requireScope()
                    let name = call.parameter(0)
                    return try Self.page(of: platform.project) {
                        let pipeline = try platform.pipeline(name, scope: scope)
                        let found = try platform.pipelineRuns(RunFilter(pipeline: name), limit: Self.gridRuns, scope: scope).runs
                        let runs = try found.compactMap { $0["run"]?.string }.map { try platform.pipelineRun($0, scope: scope) }
                        return PipelinePage(project: platform.project, pipeline: pipeline, runs: runs).response
                    }
                }),
            Route(
                "page.pipelineRun", .get, "/pipeline-runs/{run}", "One run: its tasks, and when each ran.",
                access: .needs(.pipelinesRead, on: .every(.pipeline)), audit: .refusalsOnly, output: .media("text/html"),
                handler: .asynchronous { [platform] call in
                    let scope = try call.requireScope()
                    return try Self.page(of: platform.project) {
                        PipelineRunPage(
                            project: platform.project, run: try platform.pipelineRun(call.parameter(0), scope: scope),
                            now: platform.world.clock.now()
                        ).response
                    }
                }),
        ]
    }

    private static let squares = 20
    private static let gridRuns = 20

    /// A page, or one that says that there is no such thing.
    private static func page(of project: String, _ make: () throws -> Response) throws -> Response {
        do {
            return try make()
        } catch let error as PlatformError where error.code == .notFound || error.code == .notApplied {
            return PageShell.problem(Problem(error) ?? .pageFailed, project: project)
        }
    }
}
