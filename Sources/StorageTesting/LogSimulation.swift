import MartletFrames
import MartletSimulation
import MartletStorage
import MartletWorld

/// What a simulation of the log did, to show that it did something.
package struct LogSimulationSummary: Sendable, Equatable {
    package var lives = 0
    package var appends = 0
    package var accepted = 0
    package var refused = 0
    package var crashes = 0
    package var failedSyncs = 0
    package var fullDisks = 0
    /// Appends that were never answered and were found whole afterwards.
    package var foundWhole = 0
    package var segments = 0

    package init() {}

    package static func += (left: inout Self, right: Self) {
        left.lives += right.lives
        left.appends += right.appends
        left.accepted += right.accepted
        left.refused += right.refused
        left.crashes += right.crashes
        left.failedSyncs += right.failedSyncs
        left.fullDisks += right.fullDisks
        left.foundWhole += right.foundWhole
        left.segments += right.segments
    }
}

/// A promise of the log that a simulation saw broken.
package struct LogSimulationFailure: Error, CustomStringConvertible {
    package var seed: UInt64
    package var what: String

    package var description: String { "log simulation, seed \(seed): \(what)" }
}

/// Lives the life of a log under faults that a seed plants, and checks every promise against a model.
///
/// Several lives follow one another on one simulated disk. In each the log is opened, compared with the model record by
/// record, and fed random appends of every kind until a planted fault, a kill or a close ends it. Acknowledged records
/// must be there, once, in order; an append that was not answered is there whole or not at all; one that was refused for
/// want of space never is.
///
/// - Throws: ``LogSimulationFailure`` with the seed.
package func simulateLog(seed: UInt64) throws -> LogSimulationSummary {
    var simulation = LogSimulation(seed: seed)
    do { return try simulation.run() } catch let failure as LogSimulationFailure { throw failure } catch {
        throw LogSimulationFailure(seed: seed, what: "\(error)")
    }
}

private struct LogSimulation {
    let seed: UInt64
    var random: SplitMix64
    let files: SimulatedFileSystem
    let clock = VirtualClock(at: Timestamp(microseconds: 1_700_000_000_000_000))
    let world: World
    let configuration: LogConfiguration
    let folder = RelativePath.root / "log"
    var model = LogModel()
    /// The model as it would be if the append that was not answered took effect.
    var unanswered: LogModel?
    var nextContent = 0
    var summary = LogSimulationSummary()

    init(seed: UInt64) {
        self.seed = seed
        random = SplitMix64(seed: seed)
        files = SimulatedFileSystem(seed: seed &+ 1)
        world = World(clock: clock, random: SeededRandom(seed: seed &+ 2), files: files)
        var configuration = LogConfiguration()
        configuration.segmentBytes = Int.random(in: 1_500...24_000, using: &random)
        configuration.segmentRows = Int.random(in: 10...400, using: &random)
        configuration.extentBytes = Int.random(in: 64...2_048, using: &random)
        configuration.cachedKeyPages = Int.random(in: 2...8, using: &random)
        self.configuration = configuration
    }

    mutating func run() throws -> LogSimulationSummary {
        for life in 0..<8 {
            summary.lives += 1
            if life > 0 || Bool.random(using: &random) { endLife() }
            guard var writer = try openLog() else { continue }
            try check(&writer)
            try live(&writer)
        }
        // What is left at last, on a disk without faults.
        files.setCapacity(.max)
        files.restart()
        guard var writer = try openLog() else { throw failure("the log does not open on a sound disk") }
        try check(&writer)
        summary.segments = try files.list(folder).filter { $0.hasSuffix(".segment") }.count
        return summary
    }

    /// Ends a life: mostly the power is cut, sometimes only the process was killed.
    private mutating func endLife() {
        if !files.hasCrashed, Int.random(in: 0..<3, using: &random) == 0 { return }
        var faults = FaultPlan()
        switch Int.random(in: 0..<5, using: &random) {
        case 0, 1: faults.crashAt = Int.random(in: 0..<80, using: &random)
        case 2: faults.failingSyncs = [Int.random(in: 0..<30, using: &random)]
        case 3: faults.fullWrites = Set((0..<6).map { _ in Int.random(in: 0..<40, using: &random) })
        default: break
        }
        files.setCapacity(.max)
        files.restart(faults: faults)
    }

    /// Opens the log; nil if a fault kept it from opening, which must change nothing.
    private mutating func openLog() throws -> LogWriter? {
        do { return try LogWriter.open(world: world, folder: folder, configuration: configuration) } catch {
            guard error.code == .unavailable else { throw failure("opening failed: \(error)") }
            if files.hasCrashed { summary.crashes += 1 }
            return nil
        }
    }

    private mutating func live(_ writer: inout LogWriter) throws {
        for _ in 0..<Int.random(in: 1...40, using: &random) {
            clock.advance(by: .seconds(Int64.random(in: 0...100, using: &random)))
            var attempt = model
            let group = (0..<Int.random(in: 1...3, using: &random)).map { _ in draw(attempt) }
            let expected = group.map { $0.map { batch in batch.map { attempt.append($0) } } }
            summary.appends += group.count
            var wrong: String?
            do throws(LogError) {
                let answers = try writer.append(group.map { $0.map(LogModel.batch) })
                for answer in answers.joined().joined() {
                    if case .accepted = answer { summary.accepted += 1 } else { summary.refused += 1 }
                }
                model = attempt
                wrong = answers == expected ? nil : "answered \(answers), not \(expected)"
            } catch {
                switch error.code {
                case .full:
                    summary.fullDisks += 1
                    if Bool.random(using: &random) { files.setCapacity(.max) }
                case .stopped, .unavailable:
                    if files.hasCrashed { summary.crashes += 1 } else { summary.failedSyncs += 1 }
                    unanswered = attempt
                    // Nothing may be acknowledged from now on.
                    if (try? writer.append([[LogModel.batch([fresh()])]])) != nil { throw failure("an append after '\(error)' was answered") }
                    if !files.hasCrashed {
                        try compare(try everything(writer.view, streams: nil), with: model, streams: nil, "after a stop")
                    }
                    return
                default: throw failure("\(error)")
                }
            }
            if let wrong { throw failure(wrong) }
            // The files of a sealed segment are written at any time after, or not at all before the next is sealed.
            if let work = writer.indexWork, Int.random(in: 0..<4, using: &random) == 0 { writer.adopt(work.outcome()) }
            if files.hasCrashed {
                summary.crashes += 1
                return
            }
            if Int.random(in: 0..<25, using: &random) == 0 { try check(&writer) }
            if Int.random(in: 0..<60, using: &random) == 0 {
                let used = files.contents().values.reduce(0) { $0 + $1.count }
                files.setCapacity(used + Int.random(in: 0..<600, using: &random))
            }
        }
        if Bool.random(using: &random) {
            do throws(LogError) { try writer.close() } catch {
                if files.hasCrashed { summary.crashes += 1 }
            }
        }
    }

    /// Random batches: fresh events, duplicates, conflicts, corrections of current and of old versions, and so on.
    private mutating func draw(_ known: LogModel) -> [[LogModel.Record]] {
        var records: [LogModel.Record] = []
        for _ in 0..<Int.random(in: 1...6, using: &random) {
            var record = fresh()
            let choice = Int.random(in: 0..<10, using: &random)
            if choice >= 5, let someone = known.records.indices.randomElement(using: &random),
                let pair = known.versions[known.records[someone].key], let last = pair.last
            {
                let older = pair[Int.random(in: 0..<pair.count, using: &random)]
                record.key = known.records[last].key
                record.stream = known.records[last].stream
                switch choice {
                case 5: record = known.records[older]
                case 6: break
                default:
                    record.kind = [.correction, .outcome, .outcome, .retraction][Int.random(in: 0..<4, using: &random)]
                    record.superseded = Int64(Int.random(in: 0..<4, using: &random) == 0 ? older : last)
                    if Int.random(in: 0..<5, using: &random) == 0 { record.content = known.records[older].content }
                }
            } else if choice == 4 {
                record.kind = .correction
                record.superseded = 0
            }
            records.append(record)
        }
        if Bool.random(using: &random) { records.append(records[0]) }
        // Neighbours that fit one batch are sent as one.
        var batches: [[LogModel.Record]] = []
        for record in records {
            if let last = batches.last?.last, last.stream == record.stream, last.kind == record.kind,
                LogModel.schema(last) == LogModel.schema(record), (last.knownTime == nil) == (record.knownTime == nil)
            {
                batches[batches.count - 1].append(record)
            } else {
                batches.append([record])
            }
        }
        return batches
    }

    private mutating func fresh() -> LogModel.Record {
        nextContent += 1
        let isKeyless = Int.random(in: 0..<8, using: &random) == 0
        let time = 1_690_000_000_000_000 + Int64.random(in: 0...1_000_000_000, using: &random)
        return LogModel.Record(
            stream: ["a", "b", "stream-c"][Int.random(in: 0..<3, using: &random)],
            kind: [.event, .event, .event, .prediction, .erasure][Int.random(in: 0..<5, using: &random)], content: nextContent,
            eventTime: time, knownTime: Bool.random(using: &random) ? nil : time + 5,
            key: isKeyless ? .none : Fingerprint(high: random.next(), low: UInt64(nextContent)), superseded: nil)
    }

    /// Compares all that the log says with the model, after taking in an unanswered append that is there.
    private mutating func check(_ writer: inout LogWriter) throws {
        if let other = unanswered {
            if writer.end == Int64(other.records.count), other.records.count > model.records.count {
                model = other
                summary.foundWhole += 1
            }
            unanswered = nil
        }
        let view = writer.view
        try compare(try everything(view, streams: nil), with: model, streams: nil, "reading all")
        let some: Set<String> = [["a"], ["b", "stream-c"], ["none"]][Int.random(in: 0..<3, using: &random)]
        try compare(try everything(view, streams: some), with: model, streams: some, "reading \(some.sorted())")
        var keys = [Fingerprint(high: 1, low: 1), .none]
        for _ in 0..<60 { if let record = model.records.randomElement(using: &random) { keys.append(record.key) } }
        let states = try unfaulted { () throws(LogError) in try writer.current(of: keys) }
        for (key, state) in zip(keys, states) where state != model.state(of: key) {
            throw failure("key \(key) is \(String(describing: state)), not \(String(describing: model.state(of: key)))")
        }
        guard try view.verify() == Int64(model.records.count) else { throw failure("verification counts otherwise") }
        let counted = view.streams().reduce(0) { $0 + $1.counts.values.reduce(0, +) }
        guard counted == model.records.count else { throw failure("the summary counts \(counted) records") }
        guard !model.records.isEmpty else { return }
        let position = Int.random(in: 0..<model.records.count, using: &random)
        guard let block = try view.block(holding: Int64(position)),
            block.batches.contains(where: { $0.positions.contains(Int64(position)) })
        else { throw failure("position \(position) is not found") }
        try checkRows(view)
    }

    /// Records asked for by their positions, in no order, some twice and some past the end.
    private mutating func checkRows(_ view: LogView) throws {
        let count = model.records.count
        var wanted = (0..<Int.random(in: 0...40, using: &random)).map { _ in Int64.random(in: -2..<Int64(count + 2), using: &random) }
        wanted += wanted.prefix(5)
        var found: Set<Int64> = []
        for batch in try view.rows(at: wanted) {
            guard zip(batch.positions, batch.positions.dropFirst()).allSatisfy(<) else { throw failure("the positions of a batch do not ascend") }
            for (row, position) in batch.positions.enumerated() {
                guard found.insert(position).inserted else { throw failure("position \(position) is given twice") }
                let record = model.records[Int(position)]
                guard batch.stream == record.stream, batch.kind == record.kind, batch.payloads[row] == record.payload,
                    batch.uniqueKeys[row] == record.key, batch.superseded?[row] == record.superseded,
                    batch.rows.columns.map({ $0[row] }) == LogModel.row(record)
                else { throw failure("position \(position), asked for among others, is not what was acknowledged") }
            }
        }
        let expected = Set(wanted.filter { $0 >= 0 && $0 < Int64(count) })
        guard found == expected else { throw failure("of \(expected.count) positions asked for, \(found.count) are given") }
    }

    private func unfaulted<Result>(_ body: () throws(LogError) -> Result) throws -> Result {
        do throws(LogError) { return try body() } catch { throw failure("\(error)") }
    }

    private mutating func everything(_ view: LogView, streams: Set<String>?) throws -> [StoredBatch] {
        var batches: [StoredBatch] = []
        var next: Int64 = 0
        while next < view.end {
            let page = try view.read(
                from: next, streams: streams, maxRows: Int.random(in: 1...100, using: &random),
                maxBytes: Int.random(in: 1...5_000, using: &random))
            guard page.next > next else { throw failure("a page from \(next) does not advance") }
            next = page.next
            batches.append(contentsOf: page.batches)
        }
        return batches
    }

    private func compare(_ batches: [StoredBatch], with model: LogModel, streams: Set<String>?, _ when: String) throws {
        let positions = model.records.indices.filter { streams?.contains(model.records[$0].stream) ?? true }
        var found: [Int64] = []
        for batch in batches {
            for (row, position) in batch.positions.enumerated() {
                found.append(position)
                guard position >= 0, position < Int64(model.records.count) else {
                    throw failure("\(when): position \(position) past the \(model.records.count) records acknowledged")
                }
                let record = model.records[Int(position)]
                let values = batch.rows.columns.map { $0[row] }
                guard batch.stream == record.stream, batch.kind == record.kind, batch.eventTimes[row] == record.eventTime,
                    batch.uniqueKeys[row] == record.key, batch.payloads[row] == record.payload,
                    batch.knownTimes[row] == record.knownTime ?? batch.ingestTime, batch.superseded?[row] == record.superseded,
                    values == LogModel.row(record), batch.rows.schema == LogModel.schema(record)
                else { throw failure("\(when): position \(position) is not what was acknowledged") }
            }
        }
        guard found == positions.map(Int64.init) else {
            throw failure("\(when): \(found.count) records where \(positions.count) belong, or another order")
        }
    }

    private func failure(_ what: String) -> LogSimulationFailure {
        LogSimulationFailure(seed: seed, what: what)
    }
}
