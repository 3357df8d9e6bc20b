public import MartletAccess
import MartletBytes
import MartletExpressions
import MartletFrames
import MartletIngestion
import MartletPlan
import MartletServing
import MartletStorage
import MartletTraining

extension Platform {
    /// How many decisions of all endpoints wait for a person.
    public func waitingReviews(scope: Scope) throws -> Int {
        try scope.require(.reviewsRead, on: resource(.prediction, nil))
        let endpoints = inForce.endpoints.values.filter { $0.definition.review != nil }.map(\.definition.name)
        return try database.read { reader in
            try endpoints.reduce(0) { sum, endpoint in
                let counts = try reviews.counts(of: endpoint, reader)
                return sum + (counts[.open] ?? 0) + (counts[.claimed] ?? 0)
            }
        }
    }

    /// What a person is asked of a decision: the label's name and type, and the labels there are to choose from.
    func labelMembers(of record: PredictionRecord, classes: [String]) -> [(String, JSONValue)] {
        guard let model = inForce.project?.model(record.model), let stream = inForce.streams[model.source] else { return [] }
        let field = model.label.references.count == 1 ? stream.definition[model.label.references[0]] : nil
        return [
            ("label_name", .string(field?.name ?? model.label.canonicalText)), ("label_type", .string((field?.type ?? model.label.type).rawValue)),
            ("labels", .array(classes.map(JSONValue.string))),
        ]
    }
}
