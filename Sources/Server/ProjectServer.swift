import MartletAccess
import MartletFrames
import MartletGovernance
import MartletOutbound
public import MartletPlatform
import MartletWorld
import NIOCore
import NIOPosix
import Synchronization

/// A project with its doors: the platform, the table of routes, and whatever listens.
///
/// ```swift
/// let server = try await ProjectServer.open(projectFolder: "/home/ada/shop")
/// let url = try await server.listen(host: "127.0.0.1", port: 7070)
/// try await server.listenOnSocket()
/// print(try server.setupURL(url) ?? url)
/// try await server.run(until: TerminationSignals())
/// ```
public final class ProjectServer: Sendable {
    public struct Settings: Sendable {
        /// Names beyond the loopback's under which browsers and clients address the server.
        public var hostNames: Set<String> = []
        /// How the audit log names the owner of the project's folder.
        public var ownerName = "owner"
        public var listener = ListenerLimits()
        public var platform = Platform.Limits()
        /// What programs of tasks are given of this process.
        public var tasks = TaskSettings.ofThisProcess()
        /// Seconds between two rounds of upkeep.
        public var upkeepSeconds: Int64 = 10

        public init() {}
    }

    /// The folder below the project's in which everything is kept.
    public static let dataFolder = ".martlet"
    private static let loopback: Set = ["localhost", "127.0.0.1", "[::1]"]

    public let platform: Platform
    public let gatekeeper: Gatekeeper
    public let metrics: Metrics

    let projectFolder: String
    let listener: HTTPListener
    let log: ServerLog
    private let observer: ProjectObserver
    private let upkeep: RepeatedTask
    private let pipelineCheck: RepeatedTask
    private let rolloutCheck: RepeatedTask
    private let monitorCheck: RepeatedTask
    private let trafficCheck: RepeatedTask

    /// The socket's path once there is one, to be removed at the end.
    let socketPath = Mutex<String?>(nil)

    /// Opens a project's folder and makes its routes; nothing listens yet.
    ///
    /// - Parameter log: where failures are written; standard error if not given.
    /// - Throws: a ``PlatformError`` with code `held` if another process has the project open; a store's own error.
    public static func open(projectFolder: String, settings: Settings = Settings(), log: ServerLog? = nil) async throws -> ProjectServer {
        var world = try World.system(root: projectFolder + "/" + dataFolder)
        world.http = OutboundRequests()
        world.mail = OutboundMail()
        let files = try SystemFileSystem(root: projectFolder)
        let platform = try await Platform.open(world: world, projectFiles: files, limits: settings.platform, tasks: settings.tasks)
        return try ProjectServer(
            platform: platform, projectFolder: projectFolder, settings: settings, log: log ?? .standardError(world.clock))
    }

    init(platform: Platform, projectFolder: String, settings: Settings, log: ServerLog) throws {
        self.platform = platform
        self.projectFolder = projectFolder
        self.log = log
        let metrics = Metrics()
        self.metrics = metrics
        let observer = ProjectObserver(metrics: metrics, audit: platform.audit, log: log)
        self.observer = observer
        let authenticator = ProjectAuthenticator(
            tokens: platform.tokens, owner: .owner(named: settings.ownerName),
            taskHolder: { token throws(AccessError) in try platform.principal(presentingTaskToken: token) })
        let connections = ConnectionCount()
        var routes = APIRoutes(platform: platform, metrics: metrics, authenticator: authenticator)
        routes.connections = { connections.count }
        gatekeeper = Gatekeeper(
            table: try RouteTable(routes.all),
            settings: Gatekeeper.Settings(
                hosts: Self.loopback.union(settings.hostNames), project: { platform.project }),
            authenticator: authenticator, observer: observer, world: platform.world, problem: { Problem($0) })
        listener = HTTPListener(
            responder: gatekeeper, threads: max(1, System.coreCount), limits: settings.listener, connections: connections)
        upkeep = Self.startUpkeep("upkeep", every: .seconds(settings.upkeepSeconds), log: log) { try await platform.maintain() }
        pipelineCheck = Self.startUpkeep("pipelines", every: .seconds(1), log: log) { try await platform.checkPipelines() }
        rolloutCheck = Self.startUpkeep("rollouts", every: .seconds(1), log: log) { try await platform.checkRollouts() }
        monitorCheck = Self.startUpkeep("monitors", every: .seconds(1), log: log) { try await platform.checkMonitors() }
        trafficCheck = Self.startUpkeep("traffic", every: .seconds(1), log: log) { try await platform.checkTraffic() }
    }

    private static func startUpkeep(
        _ name: String, every delay: TimeAmount, log: ServerLog, _ work: @escaping @Sendable () async throws -> Void
    ) -> RepeatedTask {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        return loop.scheduleRepeatedAsyncTask(initialDelay: delay, delay: delay) { _ in
            loop.makeFutureWithTask {
                do { try await work() } catch {
                    let problem = Problem(error)
                    log.error(
                        "upkeep failed",
                        [("part", name), ("error_type", "\(type(of: error))")] + (problem.map { [("error", $0.message)] } ?? []))
                }
            }
        }
    }

    // MARK: - Listening

    /// Starts to listen on an address, and returns its URL.
    ///
    /// - Parameter port: 0 for any that is free.
    public func listen(host: String, port: Int) async throws -> String {
        do {
            let bound = try await listener.listen(on: .network(host: host, port: port)) ?? port
            let url = "http://\(host.contains(":") ? "[\(host)]" : host):\(bound)"
            platform.setExternalAddress(url)
            return url
        } catch let error as IOError {
            throw ListenError.address("\(host):\(port)", reason: "\(error)")
        }
    }

    /// The URL that opens the first session, with a new one-time code in its fragment; nil once somebody administers the server.
    public func setupURL(_ url: String) throws -> String? {
        try platform.setupCode().map { url + "/#setup=" + $0.revealed }
    }

    /// Serves until the process is asked to end (SIGINT or SIGTERM), then closes.
    public func run(until signals: TerminationSignals) async throws {
        await signals.first()
        try await close()
    }

    /// Returns when every refusal so far stands in the audit log.
    func flushRefusals() {
        observer.flush()
    }

    /// Stops to accept, lets go of the connections, and closes the project.
    public func close() async throws {
        upkeep.cancel(promise: nil)
        pipelineCheck.cancel(promise: nil)
        rolloutCheck.cancel(promise: nil)
        monitorCheck.cancel(promise: nil)
        trafficCheck.cancel(promise: nil)
        await listener.stop()
        removeSocket()
        observer.flush()
        try await platform.close()
    }
}

/// Why an address or a socket cannot be listened on.
public struct ListenError: Error, Hashable, Sendable {
    public var message: String
    public var hint: String

    static func address(_ address: String, reason: String) -> Self {
        Self(
            message: "cannot listen on \(address): \(reason)",
            hint: "another program may listen there; choose another port, or port 0 for any that is free")
    }

    static func socketPath(_ path: String, limit: Int) -> Self {
        Self(
            message: "the socket's path has \(path.utf8.count) bytes, and the system takes \(limit): '\(path)'",
            hint: "move the project to a folder with a shorter path; commands then reach the server")
    }

    static func socketFile(_ path: String, reason: String) -> Self {
        Self(message: "cannot make the socket '\(path)': \(reason)", hint: "check the folder's owner and permissions")
    }
}

extension ListenError: CustomStringConvertible {
    public var description: String { message + "\n hint: " + hint }
}
