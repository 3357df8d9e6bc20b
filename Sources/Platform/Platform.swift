public import MartletAccess
import MartletBytes
import MartletDefinitions
import MartletExpressions
public import MartletFeatureStore
import MartletFeatures
public import MartletFrames
public import MartletGovernance
import MartletIngestion
import MartletModels
import MartletMonitoring
import MartletPipelines
import MartletPlan
import MartletRegistry
import MartletServing
import MartletStatistics
public import MartletStorage
import Synchronization
import MartletTraining
public import MartletWorld

/// One project, opened: its stores, what is in force, and the operations that cross the parts.
///
/// Each operation stands in a file of its own and reads from top to bottom. All of them take a scope, which only the
/// guard can make, so there is no way to the stores around it.
public final class Platform: Sendable {
    public struct Limits: Sendable {
        /// Rows of a training set.
        public var datasetRows = 20_000_000
        /// Rows read and stored at a time while a file comes in.
        public var ingestRows = 20_000
        /// Of rows that came in together: how many of them are worth a task, and into how many parts they are split at most.
        public var ingestPartRows = 400
        public var ingestParts = 4
        /// Dead letters of one file after which the rest of it is left out.
        public var deadLettersPerFile = 100_000
        /// Outcomes looked up and stored at a time.
        public var outcomeItems = 5_000
        /// Predictions that one page of coverage counts, and days that it tells.
        public var feedbackRows = 200_000
        public var feedbackDays = 4_000
        /// Predictions that one round of upkeep looks at for reviews.
        public var reviewRows = 50_000
        /// Bytes of a JSON array of events.
        public var jsonBytes = 64 << 20
        /// Rows of one answer.
        public var pageRows = 10_000
        /// Predictions answered before they are recorded that may be under way.
        public var lateRecords = 16_384
        /// How long the oldest of them may wait before answers wait for theirs: what a crash can lose.
        public var lateMilliseconds = 50
        /// Decisions of a rollout that are read at a time, and predictions that a monitor reads.
        public var judgedRows = 50_000
        public var monitoredRows = 100_000
        /// Messages about alarms that are under way at a time, how long one may take, and how long a command may that is told of one.
        public var alarmMessages = 16
        public var alarmMessageTime: Timestamp.Span = .seconds(30)
        public var alarmCommandTime: Timestamp.Span = .minutes(1)
        /// Predictions that are counted at a time, and buckets of counts that one answer tells.
        public var countedRows = 100_000
        public var trafficBuckets = 2_000
        /// Records of alarms that are read for what happened in a time.
        public var episodeRecords = 5_000
        /// How long windows that monitors measured are kept, and what happened to alarms; how many of each one round of upkeep removes at most.
        public var measuresKept: Timestamp.Span = .days(400)
        public var pastMeasures = 1_000
        /// Names of fields that a contract lacks that are told apart, of what one stream or endpoint refuses in a minute; counts of refused rows that
        /// one transaction removes.
        public var unknownFields = 50
        public var pastRefusals = 2_000
        /// Runs of pipelines, and files of theirs, that one round of upkeep removes at most.
        public var pastRuns = 200
        public var pastFiles = 10_000
        /// How the SQL database is opened.
        public var database = SQLiteDatabase.Options()
        /// The limits of the event log.
        public var log = LogConfiguration()
        /// The limits of the folded features.
        public var features = FeatureStore.Limits()

        public init() {}
    }

    /// The world below the project's data folder, `.martlet`.
    public let world: World
    /// The project's own folder, where its definitions stand.
    public let projectFiles: any FileSystem
    public let limits: Limits

    let database: any Database
    let blobs: any BlobStore
    let vault: Vault
    let log: any EventLog
    let features: FeatureStore
    public let tokens: TokenStore
    /// Of the programs of tasks that are under way, each with whose rights its run has.
    let taskTokens: PassingTokens<RunActor>
    public let audit: AuditLog
    let deadLetters: DeadLetterTable
    let secrets: SecretTable
    let reviews: ReviewTable
    let releases = ReleaseTable()
    let versions = VersionTable()
    let rollouts = RolloutTable()
    /// What the rollouts under way have shown, by endpoint.
    let judges = RolloutJudges()
    let monitorDesk = MonitorDesk()
    let refusedRows = RefusedRows()
    let alarms: AlarmDesk
    let alarmPrograms = AlarmPrograms()
    let mitigations = MitigationDesk()
    /// Where people reach this server, for messages.
    let externalAddress = Mutex("http://127.0.0.1:7070")
    let partedWork = PartedWork()
    let runs = RunTable()
    let lateRecords: LateRecords
    /// What programs of tasks are given of this process.
    let taskSettings: TaskSettings
    /// The pipelines at work; nil until they are started.
    let desk = Mutex<PipelineDesk?>(nil)
    /// Up to where streams were looked at, and the newest event time of each.
    let reachedEnd = Mutex<(end: Int64, times: [String: Timestamp])>((-1, [:]))
    /// The files of former releases that runs are pinned to, checked, by their blobs.
    let pinnedProjects = Mutex<[String: CheckedProject]>([:])
    /// The lock on the project's folder; nil once it was let go.
    private let lock: Mutex<(any FileLock)?>

    /// Guards what is in force, which is replaced as a whole.
    private let current: Mutex<InForce>
    /// Held while a release is made, so that one is made at a time.
    let releasing = AsyncLock()
    /// Held while a verdict of a review is on its way into the log.
    let reviewing = AsyncLock()

    /// What is in force now; requests that have begun go on with what they took.
    var inForce: InForce { current.withLock { $0 } }

    func putInForce(_ next: InForce) {
        current.withLock { $0 = next }
    }

    /// The project's name.
    public var project: String { inForce.project?.project.name ?? "project" }

    /// Opens a project's stores, recovers what a crash left, and folds the features of what is in force.
    ///
    /// - Parameters:
    ///   - world: rooted at the project's data folder.
    ///   - projectFiles: rooted at the project's folder.
    /// - Throws: `held` if another process has it open; `damaged` or a store's own error rather than starting over.
    ///   - tasks: what programs of tasks are given of this process.
    public static func open(
        world: World, projectFiles: any FileSystem, limits: Limits = Limits(), tasks: TaskSettings = TaskSettings()
    ) async throws -> Platform {
        guard let lock = try world.files.lock(.root / "lock") else { throw PlatformError.held }
        // On a disk SQLite's own way to it, elsewhere the world's.
        let database =
            if let folder = world.files.absolutePath(.root) {
                try SQLiteDatabase(folder: folder, options: limits.database)
            } else {
                try SQLiteDatabase(in: world, folder: .root, options: limits.database)
            }
        try database.migrate(
            ReleaseTable.migrations + TokenStore.migrations + AuditLog.migrations + DeadLetterTable.migrations + PipelineTables.migrations
                + RolloutTable.migrations + MonitorTables.migrations + MitigationTable.migrations + ReviewTable.migrations + TrafficTable.migrations,
            at: world.clock.now())
        let vault = try Vault(in: world, folder: .root / "vault")
        let log = try FileEventLog(world: world, folder: .root / "log", configuration: limits.log)
        let platform = try Platform(
            world: world, projectFiles: projectFiles, limits: limits, tasks: tasks, lock: lock, database: database,
            blobs: try FileBlobStore(in: world, folder: .root / "blobs"), vault: vault, log: log,
            features: try FeatureStore(log: log, files: world.files, folder: .root / "features", limits: limits.features))
        try database.write { try platform.runs.failInterrupted(at: world.clock.now(), $0) }
        try platform.loadMitigations()
        try await platform.loadCurrentRelease()
        // What cannot be carried out now, such as on a full disk, upkeep tries again.
        do { try await platform.finishReviews() } catch {}
        return platform
    }

    private init(
        world: World, projectFiles: any FileSystem, limits: Limits, tasks: TaskSettings, lock: any FileLock, database: any Database,
        blobs: any BlobStore, vault: Vault, log: any EventLog, features: FeatureStore
    ) throws {
        self.world = world
        self.projectFiles = projectFiles
        self.limits = limits
        taskSettings = tasks
        self.lock = Mutex(lock)
        self.database = database
        self.blobs = blobs
        self.vault = vault
        self.log = log
        self.features = features
        tokens = TokenStore(database: database, hasher: vault.tokenHasher, world: world)
        taskTokens = PassingTokens(hasher: vault.tokenHasher, random: world.random)
        alarms = try AlarmDesk(database: database, clock: world.clock)
        audit = AuditLog(database: database, vault: vault, world: world)
        deadLetters = DeadLetterTable(vault: vault)
        secrets = SecretTable(vault: vault)
        reviews = ReviewTable(vault: vault)
        lateRecords = LateRecords(limit: limits.lateRecords, boundMilliseconds: limits.lateMilliseconds)
        current = Mutex(.nothing)
    }

    /// Writes what saves time at the next start, and lets the project go.
    public func close() async throws {
        alarmPrograms.end()
        try await stopPipelines()
        try await features.writeSnapshots()
        try audit.close()
        try await (log as? FileEventLog)?.close()
        try (database as? SQLiteDatabase)?.close()
        lock.withLock { $0 = nil }
    }

    /// Runs now and then: snapshots and counts that are due, runs that are kept no longer.
    public func maintain() async throws {
        try await features.snapshotIfDue()
        try audit.recordCounts()
        try await removePastRuns()
        try removePastMitigations()
        try removePastMeasures()
        try forgetUncounted()
        try await fillReviews()
    }

    /// Removes what monitors measured, and what happened to alarms, longer ago than it is kept; a bounded number at a time.
    private func removePastMeasures() throws {
        let before = world.clock.now() - limits.measuresKept
        try database.write { try MonitorTables().delete(before: before, limit: self.limits.pastMeasures, $0) }
    }

    // MARK: - Looking up

    func stream(_ name: String) throws(PlatformError) -> StreamRuntime {
        let inForce = inForce
        guard inForce.release != nil else { throw .notApplied }
        guard let stream = inForce.streams[name] else { throw .unknown("stream", name, among: Array(inForce.streams.keys)) }
        return stream
    }

    func resource(_ kind: Resource.Kind, _ name: String?) -> Resource {
        .thing(kind, name, in: project)
    }

    /// Stands in the environment of every program of this project's tasks.
    var programsMark: ProgramMark {
        ProgramMark(name: Self.programMark, value: world.files.absolutePath(.root) ?? "")
    }

    var pseudonyms: Pseudonyms { Pseudonyms(vault: vault, project: project) }
}
