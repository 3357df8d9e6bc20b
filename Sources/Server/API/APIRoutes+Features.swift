import MartletAccess
import MartletBytes
import MartletPlatform
import Synchronization

extension APIRoutes {
    /// Features of entities, and training sets.
    var features: [Route] {
        [
            Route(
                "features.read", .post, "/api/v1/feature-views/read", "The features of entities as of now or a time.",
                access: .needs(.featuresRead, on: .thing(.featureView)), body: .collected(limit: limits.requestBytes),
                audit: .refusalsOnly,
                input: .object([
                    .init("view", .string), .init("keys", .list(.map(.any))), .init("time", .timestamp, isRequired: false),
                ]),
                output: .object([
                    .init("view", .string), .init("time", .timestamp), .init("cut", .integer),
                    .init("rows", .list(.object([.init("keys", .map(.any)), .init("features", .map(.any))]))),
                ]),
                handler: .asynchronous { [platform, limits] call in
                    .json(try await platform.readFeatures(call.json(), rowLimit: limits.entities, scope: call.requireScope()))
                }),
            Route(
                "datasets.build", .post, "/api/v1/datasets",
                "A model's training set as CSV, or with summary=true what is in it.",
                access: .needs(.datasetsBuild, on: .project), body: .collected(limit: limits.requestBytes), audit: .refusalsOnly,
                query: [.init("summary", "true for what is in it in place of the rows")],
                input: .object([.init("model", .string)]), output: .media("text/csv"), handler: .asynchronous(buildDataset)),
        ]
    }

    @Sendable private func buildDataset(_ call: Call) async throws -> Response {
        let model = try call.json()["model"]?.string ?? ""
        let isSummary = try QueryReader(call).flag("summary")
        let rows = AnswerBuffer(limit: limits.answerBytes)
        let summary = try await platform.dataset(model, scope: call.requireScope()) { piece in
            if !isSummary { try rows.append(piece) }
        }
        return isSummary ? .json(summary) : Response(headers: Headers([("content-type", "text/csv; charset=utf-8")]), body: rows.bytes)
    }
}

/// Gathers an answer that is made in pieces, up to a limit.
final class AnswerBuffer: Sendable {
    /// Guards the bytes so far.
    private let gathered = Mutex<[UInt8]>([])
    private let limit: Int

    init(limit: Int) {
        self.limit = limit
    }

    func append(_ piece: [UInt8]) throws(AnswerTooLarge) {
        let fits = gathered.withLock { gathered in
            guard gathered.count + piece.count <= limit else { return false }
            gathered += piece
            return true
        }
        guard fits else { throw AnswerTooLarge(limit: limit) }
    }

    var bytes: [UInt8] { gathered.withLock { $0 } }
}

/// An answer that would take more memory than one may.
struct AnswerTooLarge: Error, Hashable, Sendable {
    var limit: Int
}
