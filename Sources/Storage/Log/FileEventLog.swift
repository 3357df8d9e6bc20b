import Dispatch
public import MartletFrames
public import MartletWorld
import Synchronization

/// The embedded event log: segmented files, one writer, group commit.
///
/// Appends wait in a bounded queue; the writer takes all that is waiting, stores it in one block with one sync, and answers
/// everyone. Reads see the durable log only and never wait for the writer. One process at a time may have a folder open,
/// which the caller sees to.
public final class FileEventLog: EventLog {
    private let configuration: LogConfiguration
    /// The writer runs here and nowhere else. Blocking calls need a thread of their own, not one that tasks share.
    private let writerQueue = DispatchQueue(label: "martlet.log.writer")
    private let readerQueue = DispatchQueue(label: "martlet.log.reader")
    /// Index and key files are written here, so that appends do not wait for them.
    private let indexQueue = DispatchQueue(label: "martlet.log.index")
    /// What `indexQueue` does, or has done and the writer has not yet taken in. Begun and taken in on `writerQueue` only.
    private let indexing = Mutex(Indexing.none)
    /// Guards the writer. Only `writerQueue` takes it, so it is never contended.
    private let writer: Mutex<LogWriter>
    /// Guards what waits and what readers see; held for moments only.
    private let state: Mutex<State>
    /// Guards the decoded blocks of single-row reads; only `readerQueue` takes it.
    private let blocks: Mutex<GenerationCache<Int64, DecodedBlock>>

    /// Opens the log in a folder of the world, or begins one.
    ///
    /// Blocks while the last segment is read through: some tenths of a second at the default limits.
    ///
    /// - Throws: ``LogError`` `damaged` where stored bytes are wrong, `newerFormat`, `unavailable`.
    public convenience init(
        world: World, folder: RelativePath, configuration: LogConfiguration = LogConfiguration()
    ) throws(LogError) {
        self.init(try LogWriter.open(world: world, folder: folder, configuration: configuration), configuration)
    }

    private init(_ writer: LogWriter, _ configuration: LogConfiguration) {
        self.configuration = configuration
        state = Mutex(State(view: writer.view))
        self.writer = Mutex(writer)
        blocks = Mutex(GenerationCache(costMax: configuration.cachedBlockBytes) { $0.bytes })
    }

    public var end: Int64 { state.withLock { $0.view.end } }

    public func append(_ batches: [RecordBatch]) async throws -> [[Disposition]] {
        let id = state.withLock { $0.takeIdentity() }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                submit(batches, id: id) { continuation.resume(with: $0) }
            }
        } onCancel: {
            // What is in the queue will be stored; what still waits for room will not.
            let waiting: Append? = state.withLock { state in
                state.waiting.firstIndex { $0.id == id }.map { state.waiting.remove(at: $0) }
            }
            waiting?.done(.failure(CancellationError()))
        }
    }

    public func append(_ batches: [RecordBatch], isUrgent: Bool, done: @escaping AppendHandler) {
        submit(batches, id: nil, isUrgent: isUrgent, done)
    }

    /// Puts an append in the queue or, while that is full, behind those that wait for room.
    private func submit(_ batches: [RecordBatch], id: Int?, isUrgent: Bool = true, _ done: @escaping AppendHandler) {
        do { try LogWriterCore.check(batches, configuration) } catch { return done(.failure(error)) }
        let bytes = batches.reduce(0) { $0 + $1.approximateBytes }
        let append = Append(id: id, batches: batches, bytes: bytes, isUrgent: isUrgent, done: done)
        var isCancelled = false
        enqueue { state in
            if state.waiting.isEmpty, state.hasRoom(bytes, configuration) {
                state.take(bytes)
                state.appends.append(append)
            } else if id != nil, Task.isCancelled {
                isCancelled = true
            } else {
                state.waiting.append(append)
            }
        }
        if isCancelled { done(.failure(CancellationError())) }
    }

    public func current(of keys: [Fingerprint]) async throws -> [KeyState?] {
        try await withCheckedThrowingContinuation { continuation in
            enqueue { $0.lookups.append(Lookup(keys: keys, continuation: continuation)) }
        }
    }

    public func read(
        from position: Int64, streams: Set<String>? = nil, maxRows: Int = 10_000, maxBytes: Int = 8 << 20
    ) async throws -> LogPage {
        let view = state.withLock { $0.view }
        return try await onReader { try view.read(from: position, streams: streams, maxRows: maxRows, maxBytes: maxBytes) }
    }

    public func row(at position: Int64) async throws -> StoredBatch? {
        let view = state.withLock { $0.view }
        guard position >= 0, position < view.end else { return nil }
        return try await onReader { [self] in Self.row(at: position, in: try block(holding: position, view)) }
    }

    public func rows(at positions: [Int64]) async throws -> [StoredBatch] {
        if positions.isEmpty { return [] }
        let view = state.withLock { $0.view }
        return try await onReader { [self] in
            try view.rows(at: positions) { position throws(LogError) in try self.block(holding: position, view) }
        }
    }

    /// The decoded block that holds a position, kept for its neighbours. Runs on `readerQueue` only.
    private func block(holding position: Int64, _ view: LogView) throws(LogError) -> [StoredBatch] {
        let known = blocks.withLock { $0.value(of: position / Self.cacheGrain) }
        if let known, Self.holds(position, known.batches) { return known.batches }
        guard let (batches, bytes) = try view.block(holding: position) else { return [] }
        blocks.withLock { $0.insert(DecodedBlock(batches: batches, bytes: bytes), for: position / Self.cacheGrain) }
        return batches
    }

    /// Decoded blocks are remembered under their positions divided by this, so that neighbours find them.
    private static let cacheGrain: Int64 = 16

    public func waitForEnd(past position: Int64) async throws -> Int64 {
        let id = state.withLock { $0.takeIdentity() }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let outcome: Result<Int64, any Error>? = state.withLock { state in
                    if state.view.end > position { return .success(state.view.end) }
                    if Task.isCancelled { return .failure(CancellationError()) }
                    if let failure = state.failure { return .failure(failure) }
                    state.endWaiters[id] = EndWaiter(position: position, continuation: continuation)
                    return nil
                }
                if let outcome { continuation.resume(with: outcome) }
            }
        } onCancel: {
            state.withLock { $0.endWaiters.removeValue(forKey: id) }?.continuation.resume(throwing: CancellationError())
        }
    }

    public func streams() async throws -> [StreamSummary] {
        let view = state.withLock { $0.view }
        return view.streams()
    }

    /// Reads everything and checks every checksum; returns how many records there are.
    ///
    /// - Throws: ``LogError`` `damaged` with the place of the first byte that is wrong.
    public func verify() async throws -> Int64 {
        let view = state.withLock { $0.view }
        return try await onReader { try view.verify() }
    }

    /// What stopped the writer: a failed write or sync, or ``close()``; nil while it takes appends.
    public var failure: LogError? { state.withLock { $0.failure } }

    /// Stores what is waiting, marks the end and takes no more appends; reads go on.
    public func close() async throws {
        try await withCheckedThrowingContinuation { continuation in
            enqueue { $0.closers.append(continuation) }
        }
    }

    // MARK: The queue

    private struct Append: Sendable {
        /// Of one that can be cancelled while it waits for room.
        var id: Int?
        var batches: [RecordBatch]
        var bytes: Int
        /// Whether it is stored as soon as can be; else it may wait for others to share a commit with.
        var isUrgent: Bool
        var done: AppendHandler
    }

    private struct Lookup: Sendable {
        var keys: [Fingerprint]
        var continuation: CheckedContinuation<[KeyState?], any Error>
    }

    private struct EndWaiter: Sendable {
        var position: Int64
        var continuation: CheckedContinuation<Int64, any Error>
    }

    private struct DecodedBlock: Sendable {
        var batches: [StoredBatch]
        var bytes: Int
    }

    /// How far the index and key files of the segment that was sealed last are; segments go by their first positions.
    private enum Indexing: Sendable {
        case none
        case running(Int64)
        case done(Int64, Result<KeyFile, FileError>)
        /// Also after a failure: then the writer does it itself before it seals the next.
        case adopted(Int64)

        var segment: Int64? {
            switch self {
            case .none: nil
            case .running(let segment), .done(let segment, _), .adopted(let segment): segment
            }
        }
    }

    /// What the writer does about the queue.
    private enum Run: Sendable {
        /// Nothing waits.
        case idle
        /// It was told to run after a while, in which more may come to share its commit.
        case gathering
        /// It was told to run and has not yet found nothing to do.
        case running
    }

    private struct State: Sendable {
        var view: LogView
        var failure: LogError?
        var appends: [Append] = []
        var lookups: [Lookup] = []
        var closers: [CheckedContinuation<Void, any Error>] = []
        /// Room that the appends of the queue take.
        var takenBytes = 0
        var takenAppends = 0
        /// First come, first served, as there is room.
        var waiting: [Append] = []
        var endWaiters: [Int: EndWaiter] = [:]
        var run = Run.idle
        private var lastIdentity = 0

        init(view: LogView) {
            self.view = view
        }

        mutating func takeIdentity() -> Int {
            lastIdentity += 1
            return lastIdentity
        }

        /// Whether something waits that the writer should not be late for.
        func isPressed(_ configuration: LogConfiguration) -> Bool {
            !lookups.isEmpty || !closers.isEmpty || !waiting.isEmpty || takenAppends * 2 > configuration.queueAppends
                || takenBytes * 2 > configuration.queueBytes || appends.contains(where: \.isUrgent)
        }

        /// An append larger than the whole queue still fits an empty one.
        func hasRoom(_ bytes: Int, _ configuration: LogConfiguration) -> Bool {
            takenAppends == 0
                || (takenAppends < configuration.queueAppends && takenBytes + bytes <= configuration.queueBytes)
        }

        mutating func take(_ bytes: Int) {
            takenBytes += bytes
            takenAppends += 1
        }
    }

    private func enqueue(_ change: (inout State) -> Void) {
        let next: Run? = state.withLock { state in
            change(&state)
            guard state.run != .running else { return nil }
            if state.isPressed(configuration) {
                state.run = .running
                return .running
            }
            guard state.run == .idle, !state.appends.isEmpty else { return nil }
            state.run = .gathering
            return .gathering
        }
        switch next {
        case .running: writerQueue.async { [self] in drain() }
        case .gathering: drainLater()
        case .idle, nil: break
        }
    }

    private func drainLater() {
        writerQueue.asyncAfter(deadline: .now() + .microseconds(configuration.gatherMicroseconds)) { [self] in
            let isDue = state.withLock { state in
                guard state.run == .gathering else { return false }
                state.run = .running
                return true
            }
            if isDue { drain() }
        }
    }

    /// Works until nothing waits, or only what may wait longer. Runs on `writerQueue` only.
    private func drain() {
        var isFirst = true
        while true {
            let mayGather = !isFirst
            isFirst = false
            let (lookups, group, closers, gathers) = state.withLock { state in
                if mayGather, !state.appends.isEmpty, !state.isPressed(configuration) {
                    state.run = .gathering
                    return ([Lookup](), [Append](), [CheckedContinuation<Void, any Error>](), true)
                }
                let lookups = state.lookups
                state.lookups = []
                var count = 0
                var bytes = 0
                while count < state.appends.count, count == 0 || bytes + state.appends[count].bytes <= configuration.groupBytes {
                    bytes += state.appends[count].bytes
                    count += 1
                }
                let group = Array(state.appends.prefix(count))
                state.appends.removeFirst(count)
                // A close waits for the appends before it.
                let closers = state.appends.isEmpty ? state.closers : []
                if state.appends.isEmpty { state.closers = [] }
                if lookups.isEmpty, group.isEmpty, closers.isEmpty { state.run = .idle }
                return (lookups, group, closers, false)
            }
            if gathers { return drainLater() }
            if lookups.isEmpty, group.isEmpty, closers.isEmpty { return }
            for lookup in lookups { answer(lookup) }
            if !group.isEmpty { commit(group) }
            if !closers.isEmpty { finish(closers) }
        }
    }

    private func answer(_ lookup: Lookup) {
        let outcome: Result<[KeyState?], any Error> = writer.withLock { writer in
            Result { try writer.current(of: lookup.keys) }
        }
        lookup.continuation.resume(with: outcome)
    }

    private func commit(_ group: [Append]) {
        if writer.withLock({ $0.awaitsIndex }) { finishIndexing() }
        let (outcome, view, failure, work) = writer.withLock { writer in
            let outcome = Result<[[[Disposition]]], any Error> { try writer.append(group.map(\.batches)) }
            let work = writer.failure == nil ? writer.indexWork : nil
            if configuration.indexesApart { return (outcome, writer.view, writer.failure, work) }
            if let work { writer.adopt(work.outcome()) }
            return (outcome, writer.view, writer.failure, nil)
        }
        let bytes = group.reduce(0) { $0 + $1.bytes }
        publish(view, failure, freeing: (group.count, bytes))
        if let work { beginIndexing(work) }
        switch outcome {
        case .success(let answers):
            for (append, answer) in zip(group, answers) { append.done(.success(answer)) }
        case .failure(let error):
            for append in group { append.done(.failure(error)) }
        }
        writer.withLock { $0.settle() }
    }

    /// Sets about writing the files of the segment that was sealed last; once for each segment.
    private func beginIndexing(_ work: IndexWork) {
        let begins = indexing.withLock { indexing in
            guard indexing.segment != work.segment else { return false }
            indexing = .running(work.segment)
            return true
        }
        guard begins else { return }
        indexQueue.async { [self] in
            let written = work.outcome()
            indexing.withLock { $0 = .done(work.segment, written) }
            writerQueue.async { [self] in adoptIndex() }
        }
    }

    /// Waits for the files that are being written, and takes them in.
    private func finishIndexing() {
        indexQueue.sync {}
        adoptIndex()
    }

    private func adoptIndex() {
        let written: Result<KeyFile, FileError>? = indexing.withLock { indexing in
            guard case .done(let segment, let written) = indexing else { return nil }
            indexing = .adopted(segment)
            return written
        }
        guard let written else { return }
        let view = writer.withLock { writer in
            writer.adopt(written)
            return writer.view
        }
        state.withLock { $0.view = view }
    }

    private func finish(_ closers: [CheckedContinuation<Void, any Error>]) {
        finishIndexing()
        let (outcome, view, failure) = writer.withLock { writer in
            let outcome = Result<Void, any Error> { try writer.close() }
            return (outcome, writer.view, writer.failure)
        }
        publish(view, failure, freeing: (0, 0))
        for closer in closers { closer.resume(with: outcome) }
    }

    /// Shows readers the new end, wakes those who waited for it, and lets waiting appends in.
    private func publish(_ view: LogView, _ failure: LogError?, freeing: (appends: Int, bytes: Int)) {
        let (reached, given) = state.withLock { state in
            state.view = view
            state.failure = failure
            state.takenAppends -= freeing.appends
            state.takenBytes -= freeing.bytes
            var reached: [EndWaiter] = []
            var given: [EndWaiter] = []
            for (id, waiter) in state.endWaiters {
                if waiter.position < view.end {
                    reached.append(waiter)
                } else if failure != nil {
                    given.append(waiter)
                } else {
                    continue
                }
                state.endWaiters[id] = nil
            }
            while let append = state.waiting.first, state.hasRoom(append.bytes, configuration) {
                state.take(append.bytes)
                state.appends.append(state.waiting.removeFirst())
            }
            return (reached, given)
        }
        for waiter in reached { waiter.continuation.resume(returning: view.end) }
        if let failure { for waiter in given { waiter.continuation.resume(throwing: failure) } }
    }

    private func onReader<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            readerQueue.async { continuation.resume(with: Result(catching: body)) }
        }
    }

    /// Whether a position lies within a block's, which have no gaps.
    private static func holds(_ position: Int64, _ batches: [StoredBatch]) -> Bool {
        let first = batches.compactMap(\.positions.first).min() ?? .max
        let last = batches.compactMap(\.positions.last).max() ?? .min
        return first <= position && position <= last
    }

    private static func row(at position: Int64, in batches: [StoredBatch]) -> StoredBatch? {
        for batch in batches {
            if let index = batch.positions.firstIndex(of: position) { return batch.gathering([index]) }
        }
        return nil
    }
}
