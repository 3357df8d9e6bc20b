internal import HeapModule

/// Room in pools and under limits, and who waits for it.
struct Admission: Sendable {
    /// What has a bounded amount.
    enum Limit: Hashable, Sendable {
        case pool(String)
        /// Instances of a pipeline.
        case pipeline(String)
        /// Instances of one task, over all runs.
        case task(String, String)
    }

    /// An amount under a limit.
    struct Need: Hashable, Sendable {
        var limit: Limit
        var amount: Int64
        /// Of the limit, as the instance's definition states it.
        var capacity: Int64
    }

    /// An instance that wants to start.
    struct Entry: Sendable {
        var priority: Int
        var run: Int
        var number: InstanceNumber
        var ticket: Int
        var needs: [Need]
    }

    private struct Room: Sendable {
        var used: Int64 = 0
        /// With entries that no longer want to start, which are dropped when they come first.
        var waiting = Heap<Entry>()
        /// Those in `waiting` that still want to start.
        var waitingCount = 0
    }

    private var rooms: [Limit: Room] = [:]
    private var nextTicket = 0
    /// Declared sizes of pools.
    private var pools: [String: Int64] = [:]
    /// Pipelines whose instances do not start.
    private var paused: Set<String> = []
    /// Limits with more room than before at which somebody waits, by ``Limit/level``. What is kept by a pipeline's own limit is
    /// looked at before what is kept by a pool, so that a pool is given to the first of all who want it.
    private var freed: [[Limit]] = [[], [], []]
    private var isFreed: Set<Limit> = []

    /// Of entries that still want to start; others are void.
    private var valid: Set<Int> = []
    /// Where those of them wait that have tried.
    private var parked: [Int: Limit] = [:]

    /// A ticket for an instance that wants to start.
    mutating func makeTicket() -> Int {
        nextTicket += 1
        valid.insert(nextTicket)
        return nextTicket
    }

    /// Voids the ticket of an instance that no longer wants to start.
    ///
    /// Whoever waits behind it is looked at again.
    mutating func void(_ ticket: Int) {
        valid.remove(ticket)
        guard let limit = parked.removeValue(forKey: ticket) else { return }
        rooms[limit]?.waitingCount -= 1
        free(limit)
    }

    /// Whether whoever has the ticket still wants to start.
    func isValid(_ ticket: Int) -> Bool { valid.contains(ticket) }

    /// Those that have tried to start and found no room.
    var waitingCount: Int { parked.count }

    func use(of limit: Limit) -> (used: Int64, waiting: Int) {
        rooms[limit].map { ($0.used, $0.waitingCount) } ?? (0, 0)
    }

    /// Keeps a pipeline's instances from starting, or lets them.
    mutating func setPaused(_ isPaused: Bool, _ pipeline: String) {
        if isPaused {
            paused.insert(pipeline)
        } else if paused.remove(pipeline) != nil {
            free(.pipeline(pipeline))
        }
    }

    /// Declares the sizes of pools.
    mutating func setPools(_ sizes: [String: Int64]) {
        pools = sizes
        for case .pool(let name) in rooms.keys { free(.pool(name)) }
    }

    /// Takes what an instance needs, or parks it where it lacks.
    ///
    /// - Parameter isParkedHere: the limit at which it has been first in the queue.
    /// - Returns: whether it has all of it.
    mutating func admit(_ entry: Entry, from isParkedHere: Limit? = nil) -> Bool {
        for need in entry.needs {
            let room = rooms[need.limit] ?? Room()
            let isOutranked = need.limit != isParkedHere && room.waiting.max.map { $0 > entry } ?? false
            if isOutranked || !fits(need, room) {
                rooms[need.limit, default: Room()].waiting.insert(entry)
                rooms[need.limit, default: Room()].waitingCount += 1
                parked[entry.ticket] = need.limit
                return false
            }
        }
        for need in entry.needs { rooms[need.limit, default: Room()].used += need.amount }
        valid.remove(entry.ticket)
        return true
    }

    mutating func release(_ needs: [Need]) {
        for need in needs {
            rooms[need.limit]?.used -= need.amount
            free(need.limit)
            if rooms[need.limit]?.used == 0, rooms[need.limit]?.waiting.isEmpty == true { rooms[need.limit] = nil }
        }
    }

    private mutating func free(_ limit: Limit) {
        guard rooms[limit]?.waiting.isEmpty == false, isFreed.insert(limit).inserted else { return }
        freed[limit.level].append(limit)
        // Pools are few; the first in the order of needs is looked at first.
        if case .pool = limit { freed[limit.level].sort { $0.name > $1.name } }
    }

    private var nextFreed: Limit? {
        for limits in freed { if let limit = limits.last { return limit } }
        return nil
    }

    /// Takes out the first of those who wait where there may be room; nil if nobody can go on.
    mutating func next() -> (entry: Entry, limit: Limit)? {
        while let limit = nextFreed {
            while let first = rooms[limit]?.waiting.max {
                guard valid.contains(first.ticket) else {
                    rooms[limit]?.waiting.removeMax()
                    continue
                }
                guard let need = first.needs.first(where: { $0.limit == limit }), fits(need, rooms[limit] ?? Room()) else { break }
                rooms[limit]?.waiting.removeMax()
                rooms[limit]?.waitingCount -= 1
                parked[first.ticket] = nil
                return (first, limit)
            }
            freed[limit.level].removeLast()
            isFreed.remove(limit)
            if let room = rooms[limit], room.used == 0, room.waiting.isEmpty { rooms[limit] = nil }
        }
        return nil
    }

    private func fits(_ need: Need, _ room: Room) -> Bool {
        switch need.limit {
        case .pipeline(let name): !paused.contains(name) && room.used + need.amount <= need.capacity
        case .pool(let name): fits(need.amount, room.used, of: pools[name] ?? need.capacity)
        case .task: room.used + need.amount <= need.capacity
        }
    }

    /// What needs more than a pool has takes all of it, rather than wait for ever and keep all others waiting: on a smaller machine
    /// than the one that the pipeline was written for. A pool of size zero is closed.
    private func fits(_ amount: Int64, _ used: Int64, of size: Int64) -> Bool {
        used + amount <= size || used == 0 && size > 0
    }
}

extension Admission.Limit {
    /// In the order of an entry's needs.
    fileprivate var level: Int {
        switch self {
        case .pipeline: 0
        case .task: 1
        case .pool: 2
        }
    }

    fileprivate var name: String {
        switch self {
        case .pipeline(let name), .pool(let name), .task(_, let name): name
        }
    }
}

extension Admission.Entry: Comparable {
    static func == (left: Self, right: Self) -> Bool { left.ticket == right.ticket }

    /// Whether the other goes first.
    static func < (left: Self, right: Self) -> Bool {
        if left.priority != right.priority { return left.priority < right.priority }
        if left.run != right.run { return left.run > right.run }
        if left.number.task != right.number.task { return left.number.task > right.number.task }
        if left.number.index != right.number.index { return left.number.index > right.number.index }
        return left.ticket > right.ticket
    }
}
