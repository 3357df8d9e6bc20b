import MartletAccess
import MartletBytes
import MartletPlatform

extension APIRoutes {
    /// The pages, rendered here, and what they load.
    var pages: [Route] {
        [
            Route(
                "page.overview", .get, "/", "The overview for who has a session, else where to sign in.", access: .open,
                audit: .refusalsOnly, output: .media("text/html"), handler: .asynchronous(overviewPage)),
            Route(
                "page.style", .get, "/assets/martlet.css", "The pages' stylesheet.", access: .open, audit: .refusalsOnly,
                output: .media("text/css"),
                handler: .immediate { _, answer in
                    answer(.success(PageShell.answer(Array(PageAssets.style.utf8), type: "text/css; charset=utf-8", caching: "no-cache")))
                }),
            Route(
                "page.script", .get, "/assets/martlet.js", "The pages' script.", access: .open, audit: .refusalsOnly,
                output: .media("text/javascript"),
                handler: .immediate { _, answer in
                    answer(
                        .success(
                            PageShell.answer(Array(PageAssets.script.utf8), type: "text/javascript; charset=utf-8", caching: "no-cache")))
                }),
            Route(
                "page.findPrediction", .get, "/predictions", "Goes to a prediction's page.",
                access: .needs(.predictionsRead, on: .thing(.prediction)), audit: .refusalsOnly,
                query: [.init("id", "the prediction's id")], output: .media("text/html"),
                handler: .asynchronous { call in
                    let id = QueryReader(call).text("id").map { String($0.prefix(100).filter { !$0.isWhitespace }) }
                    let link: HTML = id.map { "/predictions/\(segment: $0)" } ?? "/"
                    return Response(status: 303, headers: Headers([("location", link.text)]))
                }),
            Route(
                "page.prediction", .get, "/predictions/{prediction}", "One prediction, taken apart.",
                access: .needs(.predictionsRead, on: .thing(.prediction)), audit: .refusalsOnly, output: .media("text/html"),
                handler: .asynchronous(predictionPage)),
        ]
    }

    /// Open, since without a session it shows where to get one; what it shows is asked for under the session's own scopes.
    @Sendable private func overviewPage(_ call: Call) async throws -> Response {
        guard let principal = try authenticator.session(of: call.request) else { return PageShell.signIn }
        let project = platform.project
        let guardian = Guard()
        let reading: Scope
        do {
            reading = try guardian.scope(for: principal, to: .definitionsRead, on: .project(project))
        } catch {
            // Whatever may not read what is defined gets no page.
            return PageShell.problem(Problem(error) ?? .pageFailed, project: project)
        }
        return try await LoopReader(platform: platform, metrics: metrics, scope: reading).page().response
    }

    @Sendable private func predictionPage(_ call: Call) async throws -> Response {
        let scope = try call.requireScope()
        let id = call.parameter(0)
        do {
            return PredictionPage(
                project: platform.project, prediction: try await platform.prediction(id, scope: scope),
                explanation: try await Self.part { try await platform.explanation(ofPrediction: id, scope: scope) },
                replay: try await Self.part { try await platform.replay(id, scope: scope) }
            ).response
        } catch let error as PlatformError where error.code == .notFound {
            return PageShell.problem(Problem(error) ?? .pageFailed, project: platform.project)
        }
    }

    /// A part that may be absent for a reason that the page can say.
    private static func part(_ body: () async throws -> JSONValue) async throws -> Result<JSONValue, Problem> {
        do {
            return .success(try await body())
        } catch {
            guard let problem = Problem(error) else { throw error }
            return .failure(problem)
        }
    }
}

extension Problem {
    static let pageFailed = Problem(status: 500, code: "internal", message: "the page could not be made")
}
