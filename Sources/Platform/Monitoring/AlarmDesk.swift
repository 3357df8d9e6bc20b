import MartletFrames
import MartletMonitoring
import MartletStorage
import MartletWorld
import Synchronization

/// The alarms of an opened project: the machine that decides, and what it decided but did not do yet.
///
/// Every turn is stored before anything that it asks for is done.
final class AlarmDesk: Sendable {
    private struct State {
        var machine: AlarmMachine
        /// Records since the last checkpoint.
        var records: Int
        /// What is to be done, in order.
        var effects: [AlarmEffect] = []
    }

    /// Guards the machine and what it asked for.
    private let state: Mutex<State>
    private let database: any Database
    private let clock: any WallClock
    private let tables = MonitorTables()

    /// Records after which the state is stored anew, so that a start reads no more than these.
    static let checkpointRecords = 5_000

    init(database: any Database, clock: any WallClock) throws {
        self.database = database
        self.clock = clock
        let (stored, count) = try database.read { try MonitorTables().alarmState($0) }
        state = Mutex(State(machine: AlarmMachine(stored), records: count))
    }

    /// Lets the machine take something in, and stores what it decides, with what belongs to it, in one commit.
    ///
    /// - Parameter alongside: what else is stored in that commit.
    func turn(
        alongside: (any DatabaseTransaction) throws -> Void, _ body: (inout AlarmMachine, Timestamp, inout AlarmTurn) throws -> Void
    ) throws {
        try state.withLock { state in
            let now = clock.now()
            var machine = state.machine
            var turn = AlarmTurn()
            try body(&machine, now, &turn)
            let isDue = state.records + turn.records.count >= Self.checkpointRecords
            try database.write { transaction in
                try alongside(transaction)
                if !turn.records.isEmpty { try tables.add(turn.records, transaction) }
                if isDue { try tables.add(machine.state.checkpoint(at: now), isCheckpoint: true, transaction) }
            }
            state.machine = machine
            state.records = isDue ? 0 : state.records + turn.records.count
            state.effects += turn.effects
        }
    }

    /// The same with nothing beside it.
    func turn(_ body: (inout AlarmMachine, Timestamp, inout AlarmTurn) throws -> Void) throws {
        try turn(alongside: { _ in }, body)
    }

    /// What is to be done, once.
    func takeEffects() -> [AlarmEffect] {
        state.withLock { state in
            defer { state.effects = [] }
            return state.effects
        }
    }

    func look<Result>(_ body: (AlarmMachine) -> Result) -> Result { state.withLock { body($0.machine) } }

    /// When the machine is to be asked again, if nothing else happens.
    func isDue(at now: Timestamp) -> Bool { look { $0.nextWake(at: now) }.map { $0 <= now } ?? false }
}
