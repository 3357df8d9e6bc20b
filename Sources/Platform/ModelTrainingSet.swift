import MartletAccess
import MartletBytes
import MartletDefinitions
import MartletExpressions
import MartletFeatureStore
import MartletFeatures
import MartletFrames
import MartletGovernance
import MartletIngestion
import MartletModels
import MartletPlan
import MartletRegistry
import MartletServing
import MartletStatistics
import MartletStorage
import MartletTraining
import MartletWorld

/// The labelled rows of a model with their features as they were known at each row's time.
struct ModelTrainingSet: Sendable {
    /// Features of the training rows, then of the test rows.
    var features: Frame
    /// Of each row: 0 or 1, the index of a class, or a number.
    var labels: [Float]
    var eventTimes: [Int64]
    var train: Range<Int>
    var test: Range<Int>
    /// For a multiclass model, the labels' texts in order; else empty.
    var classes: [String]
    /// Of the test rows: what the events said, for scoring another model on them.
    var testEvents: EventTable
    /// Rows left out because their label was not yet known.
    var immature: Int
    var cut: Int64
    /// SHA-256 of features, labels and times, in hexadecimal.
    var hash: String

    func rows(_ range: Range<Int>) -> Frame { features.gathering(Array(range)) }

    /// The first and last event time.
    var span: (from: String, to: String) {
        guard let first = eventTimes.min(), let last = eventTimes.max() else { return ("", "") }
        return ("\(Timestamp(microseconds: first))", "\(Timestamp(microseconds: last))")
    }
}

extension Platform {
    /// Builds a model's training set as of now: `as_known`, only mature rows, split as the definition says.
    func trainingSet(
        _ model: ModelDefinition, _ project: CheckedProject, emphasis: TrainingEmphasis = .none, _ progress: @escaping @Sendable (TrainingProgress) -> Void
    ) async throws -> ModelTrainingSet {
        progress(.readingEvents)
        let cut = try await features.catchUp()
        let recipe = FeatureRecipe(model, in: project)
        var (train, test) = try await labelledParts(of: model, project, below: cut)
        if emphasis.recent != nil {
            let immature = train.immature
            train = train.gathering(emphasis.rows(train.table.eventTimes))
            train.immature = immature
        }
        progress(.computingFeatures(rows: train.table.positions.count + test.table.positions.count))
        let parts = [train, test]
        var frames: [Frame] = []
        for part in parts { frames.append(try await compute(recipe, part.table, cut: cut)) }
        guard let joined = Frame.concatenating(frames) else { throw PlatformError(.invalid, "the model has no rows") }
        let (labels, classes) = Self.labels(parts.map(\.labels), model.task)
        let trainCount = train.table.positions.count
        var set = ModelTrainingSet(
            features: joined, labels: labels, eventTimes: train.table.eventTimes + test.table.eventTimes, train: 0..<trainCount,
            test: trainCount..<joined.rowCount, classes: classes, testEvents: test.table, immature: train.immature, cut: cut,
            hash: "")
        set.hash = Self.hash(set)
        return set
    }

    /// The test rows alone of that set, with the features of a recipe that may be another's.
    func testSet(_ model: ModelDefinition, _ project: CheckedProject, features recipe: FeatureRecipe) async throws -> ModelTrainingSet {
        let cut = try await features.catchUp()
        let (train, test) = try await labelledParts(of: model, project, below: cut)
        let computed = try await compute(recipe, test.table, cut: cut)
        // Labels of the training rows too have a say in what the classes are.
        let (labels, classes) = Self.labels([train.labels, test.labels], model.task)
        var set = ModelTrainingSet(
            features: computed, labels: Array(labels.dropFirst(train.table.positions.count)), eventTimes: test.table.eventTimes,
            train: 0..<0, test: 0..<computed.rowCount, classes: classes, testEvents: test.table, immature: train.immature, cut: cut,
            hash: "")
        set.hash = Self.hash(set)
        return set
    }

    /// The rows to train on and to test on; the former tell of both how many were left out.
    private func labelledParts(
        of model: ModelDefinition, _ project: CheckedProject, below cut: Int64
    ) async throws -> (train: LabelledRows, test: LabelledRows) {
        let own = try await labelledRows(model.source, model, project, below: cut)
        var train: LabelledRows
        let test: LabelledRows
        switch model.split {
        case .stated(let trainPart, let testPart):
            train = own.selecting(trainPart)
            let rows = testPart.stream == model.source ? own : try await labelledRows(testPart.stream, model, project, below: cut)
            test = rows.selecting(testPart)
            train.immature = own.immature + (testPart.stream == model.source ? 0 : rows.immature)
        case .shares(let trainShare, let gap, let testShare):
            let count = own.table.positions.count
            let trainCount = Int(Double(count) * trainShare)
            let testStart = max(trainCount, count - Int((Double(count) * testShare).rounded(.up)))
            train = own.gathering(Array(0..<trainCount))
            let earliest = (train.table.eventTimes.last ?? .min / 2) + gap.microseconds
            test = own.gathering((testStart..<count).filter { gap == .zero || own.table.eventTimes[$0] >= earliest })
            train.immature = own.immature
        }
        return (train, test)
    }

    /// The features of another recipe on the same test rows.
    func features(of recipe: FeatureRecipe, _ range: Range<Int>, in set: ModelTrainingSet) async throws -> Frame {
        try await compute(recipe, set.testEvents, cut: set.cut)
    }

    private func compute(_ recipe: FeatureRecipe, _ table: EventTable, cut: Int64) async throws -> Frame {
        try await features.computeSideBySide(
            recipe, table.rows, at: table.eventTimes, ownKeys: table.uniqueKeys, cut: cut, asKnown: true
        ).features
    }

    /// A stream's events that have a label that is known by now and that the model's filter takes.
    private func labelledRows(
        _ name: String, _ model: ModelDefinition, _ project: CheckedProject, below cut: Int64
    ) async throws -> LabelledRows {
        let stream = try stream(name)
        let table = try await EventTable.read(name, from: log, below: cut, schema: stream.schema, rowLimit: limits.datasetRows)
        let now = world.clock.now().microseconds
        let rows = stream.contract.fillingAbsent(in: table.rows, at: now, eventTimes: table.eventTimes)
        let labels = evaluate(model.label, rows)
        let passes = model.filter.map { evaluate($0, rows) }
        let maturity = now - model.labelKnownAfter.microseconds
        var kept: [Int] = []
        var immature = 0
        for row in 0..<table.positions.count {
            if let passes, passes[row] != .bool(true) { continue }
            if labels.isMissing(row) || table.eventTimes[row] > maturity { immature += 1 } else { kept.append(row) }
        }
        return LabelledRows(table: table.gathering(kept), labels: labels.gathering(kept), immature: immature)
    }

    private func evaluate(_ expression: CompiledExpression, _ rows: Frame) -> Column {
        let inputs = expression.references.map { rows[$0] ?? Column(repeating: .missing, type: .float64, count: rows.rowCount) }
        return expression.evaluate(inputs, rowCount: rows.rowCount).column
    }

    private static func labels(_ parts: [Column], _ task: ModelTask) -> (labels: [Float], classes: [String]) {
        var classes: [String] = []
        if task == .multiclass {
            var seen: Set<String> = []
            for part in parts { for row in 0..<part.count { seen.insert("\(part[row])") } }
            classes = seen.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        }
        let indices = Dictionary(uniqueKeysWithValues: classes.enumerated().map { ($1, Float($0)) })
        var labels: [Float] = []
        for part in parts {
            for row in 0..<part.count {
                switch part[row] {
                case _ where task == .multiclass: labels.append(indices["\(part[row])"] ?? 0)
                case .bool(let value): labels.append(value ? 1 : 0)
                case .int64(let value): labels.append(Float(value))
                case .float64(let value): labels.append(Float(value))
                case .string, .timestamp, .missing: labels.append(.nan)
                }
            }
        }
        return (labels, classes)
    }

    private static func hash(_ set: ModelTrainingSet) -> String {
        var writer = ByteWriter()
        set.features.schema.encode(into: &writer)
        set.features.encodeColumns(into: &writer)
        for label in set.labels { writer.write(label) }
        for time in set.eventTimes { writer.write(fixed: time) }
        return "\(Fingerprint(sha256Of: writer.bytes))"
    }
}

/// Events with their labels.
private struct LabelledRows {
    var table: EventTable
    var labels: Column
    var immature: Int

    func gathering(_ rows: [Int]) -> LabelledRows {
        LabelledRows(table: table.gathering(rows), labels: labels.gathering(rows), immature: 0)
    }

    func selecting(_ part: ModelDefinition.Part) -> LabelledRows {
        let passes = part.filter.map { filter in
            filter.evaluate(
                filter.references.map { table.rows[$0] ?? Column(repeating: .missing, type: .float64, count: table.rows.rowCount) },
                rowCount: table.rows.rowCount
            ).column
        }
        let from = part.from?.microseconds ?? .min
        let to = part.to?.microseconds ?? .max
        return gathering(table.positions.indices.filter { row in
            table.eventTimes[row] >= from && table.eventTimes[row] < to && (passes.map { $0[row] == .bool(true) } ?? true)
        })
    }
}

extension StreamContract {
    /// The rows with what a late field that has not come reads as, where its time has passed.
    func fillingAbsent(in rows: Frame, at now: Int64, eventTimes: [Int64]) -> Frame {
        var columns = rows.columns
        for (index, field) in fields.enumerated() {
            guard let absent = field.absent, columns[index].missingCount > 0 else { continue }
            let column = columns[index]
            columns[index] = Column(
                (0..<column.count).map { row in
                    column.isMissing(row) && eventTimes[row] + absent.after.microseconds <= now ? absent.value : column[row]
                }, type: column.type)
        }
        return Frame(rows.schema, columns, rowCount: rows.rowCount)
    }
}
