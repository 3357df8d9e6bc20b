public import MartletFrames

/// What is in force, as one row: the definitions, and the model versions behind every alias.
///
/// `apply`, `promote` and `rollback` each add a release and make it the current one in a single transaction, so data,
/// features, models and routes change together or not at all.
public struct Release: Hashable, Sendable {
    /// 1, 2, 3 … in the order in which they were made.
    public var number: Int
    public var created: Timestamp
    /// Who made it.
    public var actor: String
    public var action: Action
    /// Why, in the words of who made it.
    public var reason: String?
    /// The blob that holds the project's files as they were applied.
    public var source: String
    /// The hash of the checked definitions.
    public var definitions: String
    /// Of each model, the version that each alias names.
    public var aliases: [String: [String: Int]]
    /// For a rollback, the release whose content is in force again.
    public var restores: Int?

    public enum Action: String, Hashable, Sendable, CaseIterable {
        case apply, promote, rollback
    }

    public init(
        number: Int, created: Timestamp, actor: String, action: Action, reason: String?, source: String, definitions: String,
        aliases: [String: [String: Int]], restores: Int? = nil
    ) {
        self.number = number
        self.created = created
        self.actor = actor
        self.action = action
        self.reason = reason
        self.source = source
        self.definitions = definitions
        self.aliases = aliases
        self.restores = restores
    }

    /// The version of a model that an alias names.
    public func version(of model: String, alias: String) -> Int? {
        aliases[model]?[alias]
    }
}
