public import MartletAccess
public import MartletBytes
import MartletDefinitions
import MartletExpressions
import MartletFeatureStore
import MartletFeatures
import MartletFrames
import MartletGovernance
import MartletIngestion
import MartletModels
import MartletMonitoring
import MartletPlan
import MartletRegistry
import MartletServing
import MartletStatistics
import MartletStorage
public import MartletTraining
import MartletWorld

/// How far a training is.
public enum TrainingProgress: Hashable, Sendable {
    case readingEvents
    case computingFeatures(rows: Int)
    case round(Int, of: Int)
    case measuring
    case registering
}

/// What a training gave.
public struct TrainingReport: Sendable {
    public var model: String
    /// Nil if a gate failed: nothing is registered then.
    public var version: Int?
    public var run: String
    public var package: String?
    /// In the order of the definition; nil where a metric is not defined on the test rows.
    public var metrics: [(name: String, value: Double?)]
    public var trainRows: Int
    public var testRows: Int
    /// Rows left out because their label is not yet known.
    public var immatureRows: Int
    public var gates: [(gate: String, passed: Bool)]
    /// Of the training set: the position in the log below which it was read, and the hash of its rows.
    public var cut: Int64
    public var dataset: String

    public var passed: Bool { gates.allSatisfy(\.passed) }

    public var json: JSONValue {
        var values = JSONObject()
        for metric in metrics { values[metric.name] = metric.value.map(JSONValue.float64) ?? .null }
        return [
            "model": .string(model), "version": version.map { .int64(Int64($0)) } ?? .null, "run": .string(run),
            "package": package.map(JSONValue.string) ?? .null, "metrics": .object(values),
            "rows": ["train": .int64(Int64(trainRows)), "test": .int64(Int64(testRows)), "immature": .int64(Int64(immatureRows))],
            "gates": .array(gates.map { ["gate": .string($0.gate), "passed": .bool($0.passed)] }),
        ]
    }
}

extension Platform {
    /// Trains a model: its training set as of now, the trees, the measures on the test rows, the gates, the signed package.
    ///
    /// - Parameter effectKey: what asks for it, so that whoever asks again under it is given the version that was registered then.
    public func train(
        _ name: String, emphasis: TrainingEmphasis = .none, effectKey: String? = nil, requestID: String?, scope: Scope, progress: @escaping @Sendable (TrainingProgress) -> Void = { _ in }
    ) async throws -> TrainingReport {
        try scope.require(.modelsTrain, on: resource(.model, name))
        let inForce = inForce
        guard let project = inForce.project, let release = inForce.release else { throw PlatformError.notApplied }
        guard let model = project.model(name) else { throw PlatformError.unknown("model", name, among: project.models.map(\.name)) }

        if let effectKey, let earlier = try database.read({ try runs.run(of: name, effectKey: effectKey, $0) }) {
            return try report(of: earlier)
        }
        var run = Run(
            id: UUIDv7.make(at: world.clock.now(), random: world.random).description, model: name, started: world.clock.now(),
            definition: "\(DefinedVersion(model).hash)", actor: "\(scope.principal)",
            parameters: parameterJSON(model.trainer, emphasis).description)
        run.effectKey = effectKey
        try begin(run)
        do {
            let report = try await train(model, emphasis, project, release, &run, scope: scope, requestID: requestID, progress)
            return report
        } catch {
            run.status = .failed
            run.ended = world.clock.now()
            run.failure = "\(error)"
            try database.write { [run] in try runs.finish(run, $0) }
            throw error
        }
    }

    /// What a run that registered a version gave.
    private func report(of run: Run) throws -> TrainingReport {
        func json(_ text: String?) throws -> JSONValue { try JSONValue(parsing: text ?? "null") }
        guard let number = run.version else { throw PlatformError(.damaged, "the run '\(run.id)' has no version") }
        let model = try servedModel(run.model, number)
        let (metrics, rows, gates) = (try json(run.metrics), try json(run.rows), try json(run.gates))
        func count(_ name: String) -> Int { Int(clamping: rows[name]?.int64 ?? 0) }
        return TrainingReport(
            model: run.model, version: number, run: run.id, package: model.version.package,
            metrics: metrics.object?.members.map { ($0.key, $0.value.double) } ?? [], trainRows: count("train"), testRows: count("test"),
            immatureRows: count("immature"),
            gates: gates.array?.map { ($0["gate"]?.string ?? "", $0["passed"]?.bool == true) } ?? [],
            cut: Int64(model.manifest.lineage.cut) ?? 0, dataset: model.manifest.lineage.datasetHash)
    }

    private func train(
        _ model: ModelDefinition, _ emphasis: TrainingEmphasis, _ project: CheckedProject, _ release: Release, _ run: inout Run, scope: Scope,
        requestID: String?, _ progress: @escaping @Sendable (TrainingProgress) -> Void
    ) async throws -> TrainingReport {
        let set = try await trainingSet(model, project, emphasis: emphasis, progress)
        let train = set.rows(set.train)
        let test = set.rows(set.test)
        guard train.rowCount > 0, test.rowCount > 0 else {
            throw PlatformError(
                .invalid, "model '\(model.name)' has \(train.rowCount) training and \(test.rowCount) test rows",
                hint: "the split's times may lie outside the data: \(set.span); rows whose label is not yet known: \(set.immature)")
        }

        // The trainer.
        let objective: Objective =
            switch model.task {
            case .binary: .logistic
            case .multiclass: .softmax
            case .regression: .squaredError
            }
        let names = set.features.schema.fields.map(\.name)
        let encoder = try FeatureEncoder.learning(from: names.indices.map { (names[$0], train.columns[$0]) })
        let classes = set.classes
        let labels = set.labels
        let trainingSet = TrainingSet(features: try encoder.encode(train.columns), labels: set.train.map { labels[$0] },
            weights: emphasis.weights(Array(set.eventTimes[set.train])))
        let library = try XGBoostLibrary.open()
        let parameters = try XGBoostParameters(model.trainer.parameters.mapValues(XGBoostParameters.Value.init))
        let inputs = encoder.inputs.map { TrainingFeature($0.name, isCategorical: $0.isCategorical) }
        let trained = try await offPool { () throws in
            try library.train(
                on: trainingSet, features: inputs, objective: objective, classCount: model.task == .multiclass ? classes.count : nil,
                parameters: parameters, eachRound: { round in
                    progress(.round(round.number, of: round.of))
                    return true
                })
        }

        // The measures, on outputs of our own scoring: what will be served.
        progress(.measuring)
        let ensemble = try TreeEnsemble(xgboostJSON: trained.modelJSON)
        let outputs = try ensemble.predictions(try encoder.encode(test.columns))
        let measured = try ModelMeasures(model: model, set: set, zone: project.stream(model.source)?.timeZone ?? .utc)
            .values(outputs: outputs)
        let gates = try await gates(of: model, set: set, measured: measured, release: release)

        run.metrics = metricsJSON(measured).description
        run.rows = JSONValue.object(["train": train.rowCount, "test": test.rowCount, "immature": set.immature]).description
        run.gates = JSONValue.array(gates.map { ["gate": .string($0.gate), "passed": .bool($0.passed)] }).description
        run.status = .succeeded
        run.ended = world.clock.now()
        var report = TrainingReport(
            model: model.name, version: nil, run: run.id, package: nil, metrics: measured, trainRows: train.rowCount,
            testRows: test.rowCount, immatureRows: set.immature, gates: gates, cut: set.cut, dataset: set.hash)
        guard report.passed else {
            try database.write { [run] in try runs.finish(run, $0) }
            return report
        }

        progress(.registering)
        let profile = try profile(model, train: train, test: test, testLabels: set.test.map { labels[$0] }, outputs: outputs, encoder, ensemble)
        let manifest = manifest(of: model, emphasis, set: set, library: library, trained: trained, measured: measured, release: release)
        let version = try register(
            manifest, files: [ModelPackage.modelName: trained.modelJSON, ModelPackage.encoderName: encoder.json, ModelPackage.profileName: profile.encoded()],
            trainedBy: run,
            requestID: requestID, scope: scope)
        report.version = version.number
        report.package = version.package
        return report
    }

    /// What the version was trained on, to be kept with it.
    private func profile(
        _ model: ModelDefinition, train: Frame, test: Frame, testLabels: [Float], outputs: [Float], _ encoder: FeatureEncoder, _ ensemble: TreeEnsemble
    ) throws -> TrainingProfile {
        // Evenly over the test rows, so that no time of theirs counts more than another.
        let step = max(1, test.rowCount / Self.explainedRows)
        let sample = stride(from: 0, to: test.rowCount, by: step).map { $0 }
        let encoded = try encoder.encode(test.gathering(sample).columns)
        let explainer = TreeSHAP(ensemble)
        var importance = [Double](repeating: 0, count: train.columns.count)
        for row in sample.indices {
            let values = Array(encoded.values[(row * encoded.columnCount)..<((row + 1) * encoded.columnCount)])
            for output in 0..<ensemble.outputCount {
                for (index, value) in try explainer.contributions(ofRow: values, output: output).values.enumerated() {
                    importance[index] += value.magnitude / Double(sample.count * ensemble.outputCount)
                }
            }
        }
        let features = train.schema.fields.indices.map { index in
            var profile = ColumnProfile.empty(of: train.columns[index].type)
            profile.add(train.columns[index])
            return TrainingProfile.Feature(name: train.schema.fields[index].name, profile: profile, importance: importance[index])
        }
        guard ensemble.outputCount == 1 else { return TrainingProfile(features: features, output: nil, calibration: nil) }
        let scores = outputs.map(Double.init)
        var output = ColumnProfile.numbers()
        output.add(scores.span)
        let calibration = model.task == .binary ? IsotonicCalibration(fitting: scores, labels: testLabels.map { $0 == 1 }) : nil
        return TrainingProfile(features: features, output: output, calibration: calibration)
    }

    /// Test rows whose predictions are explained to see what moves the model.
    private static let explainedRows = 500

    /// The gates over the measures, with the champion scored again on the same test rows.
    private func gates(
        of model: ModelDefinition, set: ModelTrainingSet, measured: [(name: String, value: Double?)], release: Release
    ) async throws -> [(gate: String, passed: Bool)] {
        var champion: [String: Double?] = [:]
        if model.gates.contains(where: \.readsChampion), let number = release.version(of: model.name, alias: "champion") {
            let served = try servedModel(model.name, number)
            let project = try ProjectPlan.check(inForce.source)
            let again = try await features(of: served.recipe, set.test, in: set)
            let values = try measures(of: served, again, as: model, on: set, in: project)
            for value in values { champion["champion." + value.name] = value.value }
        }
        return model.gates.map { gate in
            if gate.readsChampion, champion.isEmpty { return (gate.text, true) }
            let columns = gate.expression.references.map { name in
                let value = measured.first { $0.name == name }?.value ?? champion[name] ?? nil
                return Column([value.map(Value.float64) ?? .missing], type: .float64)
            }
            let result = gate.expression.evaluate(columns, rowCount: 1).column[0]
            return (gate.text, result == .bool(true))
        }
    }

    private func manifest(
        of model: ModelDefinition, _ emphasis: TrainingEmphasis, set: ModelTrainingSet, library: XGBoostLibrary, trained: TrainedModel,
        measured: [(name: String, value: Double?)], release: Release
    ) -> ModelManifest {
        var lineage = ModelManifest.Lineage()
        lineage.definitions = [
            Self.sourceKey: release.source, "project": release.definitions, "model": "\(DefinedVersion(model).hash)",
        ]
        lineage.dataFrom = set.span.from
        lineage.dataTo = set.span.to
        lineage.cut = "\(set.cut)"
        lineage.datasetHash = set.hash
        lineage.codeVersion = Martlet.version
        lineage.seed = Int(model.seed)
        lineage.trainerLibrary = "xgboost"
        lineage.trainerVersion = "\(library.version)"
        for (name, value) in model.trainer.parameters { lineage.parameters[name] = "\(value)" }
        for (name, span) in emphasis.named { lineage.parameters[name] = "\(span)" }
        lineage.rows = ["train": set.train.count, "test": set.test.count, "immature": set.immature]
        for metric in measured { if let value = metric.value { lineage.metrics[metric.name] = value } }
        return ModelManifest(
            model: model.name, task: model.task.rawValue, label: model.label.canonicalText, classes: set.classes,
            features: model.features.map { .init(name: $0.name, hash: "\($0.hash)") },
            semanticsVersion: Martlet.semanticsVersion, lineage: lineage)
    }

    private func parameterJSON(_ trainer: ModelDefinition.Trainer, _ emphasis: TrainingEmphasis) -> JSONValue {
        var object = JSONObject()
        object["kind"] = .string(trainer.kind)
        for (name, value) in trainer.parameters.sorted(by: { $0.key < $1.key }) { object[name] = JSONValue(value) }
        for (name, span) in emphasis.named { object[name] = .string("\(span)") }
        return .object(object)
    }

    private func metricsJSON(_ metrics: [(name: String, value: Double?)]) -> JSONValue {
        var object = JSONObject()
        for metric in metrics { object[metric.name] = metric.value.map(JSONValue.float64) ?? .null }
        return .object(object)
    }
}

extension JSONValue {
    fileprivate static func object(_ counts: [String: Int]) -> JSONValue {
        var object = JSONObject()
        for (name, count) in counts.sorted(by: { $0.key < $1.key }) { object[name] = .int64(Int64(count)) }
        return .object(object)
    }
}

extension XGBoostParameters.Value {
    init(_ value: Value) {
        self =
            switch value {
            case .int64(let number): .int(Int(number))
            case .float64(let number): .double(number)
            case .bool(let flag): .int(flag ? 1 : 0)
            case .string, .timestamp, .missing: .text("\(value)")
            }
    }
}

extension TrainingEmphasis {
    /// As runs and packages tell of it: nothing where it changes nothing.
    fileprivate var named: [(String, Timestamp.Span)] {
        [recent.map { ("recent", $0) }, halfLife.map { ("half_life", $0) }].compactMap { $0 }
    }
}
