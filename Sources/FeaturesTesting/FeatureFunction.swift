public import MartletFeatures
public import MartletFrames

/// Anything that computes a view's features: the oracle, the engine, or the engine behind a store or a server.
///
/// Scenarios and random cases run against this, so each way in which the platform reads features can be held to
/// the same answers. An implementer of a whole path (a server, a training set) may be a class.
public protocol FeatureFunction {
    /// Folds a batch of changes; positions never decrease over the batches.
    mutating func update(_ changes: EventChanges) throws

    /// Answers every question, one column an aggregation of the plan, in its order, one row a question.
    mutating func read(_ questions: FeatureQuestions) throws -> [Column]
}
