/// One thing that a principal may be allowed to do. A closed set: each route and each operation names one of them.
public enum Permission: String, CaseIterable, Sendable {
    case eventsWrite = "events.write"
    /// Corrects and retracts events that are stored.
    case eventsCorrect = "events.correct"
    /// Events with pseudonyms in place of the identifiers of persons.
    case eventsRead = "events.read"
    /// The identifiers and personal values behind the pseudonyms. No role has it; it is given by name.
    case eventsReadPersonal = "events.readPersonal"
    case deadLettersRead = "deadLetters.read"
    case deadLettersReplay = "deadLetters.replay"
    case outcomesWrite = "outcomes.write"
    case featuresRead = "features.read"
    case datasetsBuild = "datasets.build"
    case modelsRead = "models.read"
    case modelsTrain = "models.train"
    /// Moves aliases and routes: promote and roll back.
    case modelsPromote = "models.promote"
    case predict = "predict"
    case predictionsRead = "predictions.read"
    /// Sees the decisions that people look at.
    case reviewsRead = "reviews.read"
    /// Judges them: a verdict is an outcome.
    case reviewsAnswer = "reviews.answer"
    /// Objects to a decision, so that a person judges it.
    case reviewsContest = "reviews.contest"
    case definitionsRead = "definitions.read"
    case definitionsPlan = "definitions.plan"
    case definitionsApply = "definitions.apply"
    /// Metrics, and health beyond whether the server lives.
    case serverRead = "server.read"
    case auditRead = "audit.read"
    case tokensManage = "tokens.manage"
    case serverAdmin = "server.admin"
    /// Runs programs of pipelines.
    case execute = "execute"
    case pipelinesRead = "pipelines.read"
    /// Starts, retries, cancels and backfills runs; what their tasks do needs its own permissions.
    case pipelinesRun = "pipelines.run"
    /// Sees what monitors measured, and alarms.
    case monitorsRead = "monitors.read"
    /// Acknowledges and silences alarms, and answers whether what they ask for is done.
    case alarmsAnswer = "alarms.answer"
    /// Answers the approvals that runs wait for.
    case pipelinesApprove = "pipelines.approve"
    /// Sets and removes secrets, and sees which there are; nobody sees a value.
    case secretsManage = "secrets.manage"
    /// Lets the programs of one's runs have a secret.
    case secretsUse = "secrets.use"
    /// Asks other servers by HTTP from this machine, as tasks of pipelines do.
    case httpSend = "http.send"
}

extension Permission: Comparable {
    public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

/// A named set of permissions.
///
/// | role | may |
/// | --- | --- |
/// | viewer | see definitions, models, pipelines, monitors and how the server does |
/// | scientist | what a viewer may, and read events and features, build datasets, train, predict, see reviews, contest decisions, run pipelines |
/// | engineer | what a scientist may, and change definitions, send, correct and retract events, send outcomes, judge reviews, mend dead letters |
/// | operator | what a viewer may, and promote, roll back, predict, send outcomes, judge reviews, run pipelines with their programs, secrets and requests, approve, answer alarms, read the audit log |
/// | admin | everything but read personal data |
///
/// Who trains does not promote: neither scientist nor engineer has `models.promote`, and an operator cannot train.
public enum Role: String, CaseIterable, Sendable {
    case viewer, scientist, engineer, `operator`, admin

    public var permissions: Set<Permission> {
        switch self {
        case .viewer: Self.viewerPermissions
        case .scientist: Self.scientistPermissions
        case .engineer: Self.engineerPermissions
        case .operator: Self.operatorPermissions
        case .admin: Self.adminPermissions
        }
    }

    // Made once: the guard asks at every request.
    private static let viewerPermissions: Set<Permission> = [.definitionsRead, .modelsRead, .pipelinesRead, .monitorsRead, .serverRead]
    private static let scientistPermissions = viewerPermissions.union([
        .eventsRead, .featuresRead, .datasetsBuild, .modelsTrain, .predict, .predictionsRead, .definitionsPlan,
        .pipelinesRun, .reviewsRead, .reviewsContest,
    ])
    private static let engineerPermissions = scientistPermissions.union([
        .eventsWrite, .eventsCorrect, .outcomesWrite, .definitionsApply, .deadLettersRead, .deadLettersReplay, .reviewsAnswer,
    ])
    private static let operatorPermissions = viewerPermissions.union([
        .eventsRead, .outcomesWrite, .predict, .predictionsRead, .definitionsPlan, .modelsPromote, .deadLettersRead,
        .deadLettersReplay, .auditRead, .execute, .pipelinesRun, .pipelinesApprove, .alarmsAnswer, .secretsUse, .httpSend,
        .reviewsRead, .reviewsAnswer, .reviewsContest,
    ])
    private static let adminPermissions = Set(Permission.allCases).subtracting([.eventsReadPersonal])
}
