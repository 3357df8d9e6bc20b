public import MartletModels

extension XGBoostLibrary {
    /// Grows a model and returns it as JSON bytes.
    ///
    /// The same set, parameters, seed, library version and thread count give the same bytes; for `tree_method`
    /// hist the thread count was seen to make no difference. The base score is always set, since versions 1 and
    /// 3 guess differently: 0.5 for classes, the mean label, by weight, for values and counts.
    ///
    /// One thread is the default on purpose: on cores that are busy, XGBoost's threads spin while they wait,
    /// and two were seen to take ten times as long as one. Ask for more on an idle machine, with
    /// `OMP_WAIT_POLICY=passive` in the environment before the process starts.
    ///
    /// - Parameters:
    ///   - features: one per column, in order; the names go into the model.
    ///   - classCount: the classes of ``Objective/softmax``; nil for every other objective.
    ///   - validation: rows to measure on after every round; needed for early stopping.
    ///   - eachRound: told after every round; returns false to stop.
    /// - Throws: ``TrainingError``.
    public func train(
        on set: TrainingSet, features: [TrainingFeature], objective: Objective, classCount: Int? = nil,
        parameters: XGBoostParameters, threads: Int = 1, validation: TrainingSet? = nil,
        eachRound: (TrainingRound) -> Bool = { _ in true }
    ) throws(TrainingError) -> TrainedModel {
        let classes = try checkedClassCount(classCount, objective)
        try set.check(features, objective, classCount: classes)
        try validation?.check(features, objective, classCount: classes)
        guard threads >= 1, threads <= 1024 else {
            throw TrainingError(.invalidParameter, "the thread count is \(threads); it must be from 1 to 1024")
        }
        if parameters.earlyStoppingRounds != nil, validation == nil {
            throw TrainingError(
                .invalidParameter, "early_stopping_rounds is given without a validation part",
                hint: "add a validation part to the split, or leave early_stopping_rounds out")
        }
        if features.contains(where: \.isCategorical), parameters.libraryParameters["tree_method"] == "exact" {
            throw TrainingError(.invalidParameter, "tree_method exact knows no categories", hint: "use hist or approx")
        }
        let baseScore = try baseScore(parameters, objective, set)
        try silence()
        let matrix = try Matrix(set, features, self, threads)
        let held = try validation.map { set throws(TrainingError) in try Matrix(set, features, self, threads) }
        let booster = try Booster(self, caching: [matrix.handle] + (held.map { [$0.handle] } ?? []))

        var settings = parameters.libraryParameters
        settings["objective"] = objective.rawValue
        settings["base_score"] = "\(baseScore)"
        settings["nthread"] = String(threads)
        settings["verbosity"] = "0"
        if objective == .softmax { settings["num_class"] = String(classes) }
        if let metric = parameters.validationMetric { settings["eval_metric"] = metric }
        for (name, value) in settings.sorted(by: { $0.key < $1.key }) { try booster.set(name, value) }

        var measured: [Double] = []
        var best = 0
        for round in 0..<parameters.rounds {
            try check(functions.boosterUpdate(booster.handle, Int32(round), matrix.handle))
            if let held { measured.append(try booster.evaluate(held, round: round)) }
            let progress = TrainingRound(number: round + 1, of: parameters.rounds, validation: measured.last)
            guard eachRound(progress) else {
                throw TrainingError(.stopped, "the training was stopped after round \(round + 1) of \(parameters.rounds)")
            }
            guard let patience = parameters.earlyStoppingRounds, let last = measured.last else { continue }
            let improves = Self.higherIsBetter(parameters.validationMetric) ? last > measured[best] : last < measured[best]
            if improves { best = round }
            if round - best >= patience { break }
        }
        let stops = parameters.earlyStoppingRounds != nil
        let kept = stops ? try booster.slice(rounds: best + 1) : booster
        return TrainedModel(
            modelJSON: try kept.json(), rounds: stops ? best + 1 : parameters.rounds, validation: measured,
            libraryVersion: version, baseScore: baseScore)
    }

    /// The library's own margins for a model that this or an older version wrote: row-major, one per output.
    ///
    /// For proving that our scoring is equal. A model of a newer version is refused: 1.7 loads those of 3.x
    /// without an error and scores them wrongly.
    public func margins(ofModel json: [UInt8], _ rows: FloatMatrix) throws(TrainingError) -> [Float] {
        try predict(json, rows, type: 1)
    }

    /// The library's own outputs; otherwise like ``margins(ofModel:_:)``.
    public func predictions(ofModel json: [UInt8], _ rows: FloatMatrix) throws(TrainingError) -> [Float] {
        try predict(json, rows, type: 0)
    }

    private func predict(_ json: [UInt8], _ rows: FloatMatrix, type: Int) throws(TrainingError) -> [Float] {
        guard rows.rowCount > 0 else { return [] }
        try silence()
        let booster = try loadBooster(json)
        return try booster.predict(rows, type: type)
    }

    /// Loads a model that this or an older version wrote.
    func loadBooster(_ json: [UInt8]) throws(TrainingError) -> Booster {
        let written: [Int]
        do throws(ModelError) {
            written = try TreeEnsemble(xgboostJSON: json).trainerVersion
        } catch {
            throw TrainingError(.invalidData, error.message, hint: error.hint)
        }
        guard (written.first ?? .max) <= version.major else {
            throw TrainingError(
                .libraryUnusable, "XGBoost \(version) does not read a model that version \(written[0]) wrote correctly",
                hint: "use a library of version \(written[0]) or later")
        }
        let booster = try Booster(self, caching: [])
        try booster.set("nthread", "1")
        try check(json.withUnsafeBytes { functions.boosterLoad(booster.handle, $0.baseAddress, UInt64($0.count)) })
        return booster
    }

    private func checkedClassCount(_ count: Int?, _ objective: Objective) throws(TrainingError) -> Int {
        guard objective == .softmax else {
            guard count == nil else {
                throw TrainingError(.invalidData, "\(objective.rawValue) takes no class count")
            }
            return 0
        }
        guard let count, count >= 2, count <= 4096 else {
            throw TrainingError(.invalidData, "\(objective.rawValue) needs from 2 to 4096 classes")
        }
        return count
    }

    private func baseScore(
        _ parameters: XGBoostParameters, _ objective: Objective, _ set: TrainingSet
    ) throws(TrainingError) -> Float {
        let mean = set.meanLabel
        let wanted = Float(parameters.baseScore ?? (objective == .logistic || objective == .softmax ? 0.5 : mean))
        switch objective {
        case .logistic:
            guard wanted > 0, wanted < 1 else {
                throw TrainingError(.invalidParameter, "the parameter 'base_score' is \(wanted); it must be between 0 and 1")
            }
        case .poisson:
            // Without a single count the mean is 0, whose logarithm no margin can hold.
            if parameters.baseScore == nil, wanted == 0 { return 0.5 }
            guard wanted > 0, wanted.isFinite else {
                throw TrainingError(.invalidParameter, "the parameter 'base_score' is \(wanted); it must be above 0")
            }
        case .squaredError, .softmax:
            guard wanted.isFinite else { throw TrainingError(.invalidParameter, "the parameter 'base_score' does not fit a Float") }
        }
        return objective.agreedBaseScore(near: wanted)
    }

    private static func higherIsBetter(_ metric: String?) -> Bool { metric == "auc" || metric == "aucpr" }

    /// Keeps the library from writing to standard error; the setting is the calling thread's.
    private func silence() throws(TrainingError) {
        try check(functions.setGlobalConfig("{\"verbosity\": 0}"))
    }

    func check(_ status: Int32) throws(TrainingError) {
        guard status != 0 else { return }
        let text = functions.lastError().map { String(cString: $0) } ?? ""
        let firstLine = text.split(separator: "\n").first.map(String.init) ?? "no reason given"
        throw TrainingError(.trainingFailed, "XGBoost \(version) failed: \(firstLine)")
    }
}

/// A dense matrix as the C library reads it: by address, row after row.
private func arrayInterface(_ values: UnsafeBufferPointer<Float>, _ rows: Int, _ columns: Int) -> String {
    let address = UInt(bitPattern: values.baseAddress)
    return "{\"data\": [\(address), true], \"shape\": [\(rows), \(columns)], \"typestr\": \"<f4\", \"version\": 3}"
}

/// The library's copy of a set; freed with the last reference.
final class Matrix {
    let handle: OpaquePointer?
    private let functions: XGBoostLibrary.Functions

    init(_ set: TrainingSet, _ features: [TrainingFeature], _ library: XGBoostLibrary, _ threads: Int) throws(TrainingError) {
        functions = library.functions
        let table = set.features
        var made: OpaquePointer?
        try library.check(
            table.values.withUnsafeBufferPointer { values in
                library.functions.matrixFromDense(
                    arrayInterface(values, table.rowCount, table.columnCount), "{\"missing\": NaN, \"nthread\": \(threads)}", &made)
            })
        handle = made
        try library.check(functions.matrixSetFloats(made, "label", set.labels, UInt64(set.labels.count)))
        if let weights = set.weights {
            try library.check(functions.matrixSetFloats(made, "weight", weights, UInt64(weights.count)))
        }
        try setTexts("feature_name", features.map(\.name), library)
        try setTexts("feature_type", features.map { $0.isCategorical ? "c" : "float" }, library)
    }

    deinit { _ = functions.matrixFree(handle) }

    private func setTexts(_ field: String, _ texts: [String], _ library: XGBoostLibrary) throws(TrainingError) {
        var bytes: [CChar] = []
        var starts: [Int] = []
        for text in texts {
            starts.append(bytes.count)
            bytes.append(contentsOf: text.utf8.map { CChar(bitPattern: $0) })
            bytes.append(0)
        }
        try library.check(
            bytes.withUnsafeBufferPointer { bytes in
                let pointers = starts.map { start in bytes.baseAddress.map { $0 + start } }
                return functions.matrixSetTexts(handle, field, pointers, UInt64(texts.count))
            })
    }
}

/// The library's model while it grows or scores; freed with the last reference.
final class Booster {
    let handle: OpaquePointer?
    private let library: XGBoostLibrary
    private var functions: XGBoostLibrary.Functions { library.functions }

    init(_ library: XGBoostLibrary, caching matrices: [OpaquePointer?]) throws(TrainingError) {
        self.library = library
        var made: OpaquePointer?
        try library.check(library.functions.boosterCreate(matrices, UInt64(matrices.count), &made))
        handle = made
    }

    private init(_ library: XGBoostLibrary, owning handle: OpaquePointer?) {
        self.library = library
        self.handle = handle
    }

    deinit { _ = library.functions.boosterFree(handle) }

    func set(_ name: String, _ value: String) throws(TrainingError) {
        try library.check(functions.boosterSet(handle, name, value))
    }

    /// The metric on a matrix, read from the text that XGBoost gives: `[3]\tvalidation-logloss:0.31`.
    func evaluate(_ matrix: Matrix, round: Int) throws(TrainingError) -> Double {
        var text: UnsafePointer<CChar>?
        let handles: [OpaquePointer?] = [matrix.handle]
        try library.check(
            "validation".withCString { name in
                let names: [UnsafePointer<CChar>?] = [name]
                return functions.boosterEvaluate(handle, Int32(round), handles, names, 1, &text)
            })
        let line = text.map { String(cString: $0) } ?? ""
        guard let value = line.split(separator: ":").last.flatMap({ Double($0) }) else {
            throw TrainingError(.trainingFailed, "XGBoost \(library.version) gave no metric: '\(line)'")
        }
        return value
    }

    /// The first rounds alone.
    func slice(rounds: Int) throws(TrainingError) -> Booster {
        var made: OpaquePointer?
        try library.check(functions.boosterSlice(handle, 0, Int32(rounds), 1, &made))
        return Booster(library, owning: made)
    }

    func json() throws(TrainingError) -> [UInt8] {
        var count: UInt64 = 0
        var bytes: UnsafePointer<CChar>?
        try library.check(functions.boosterSave(handle, "{\"format\": \"json\"}", &count, &bytes))
        // The bytes are the library's and stay valid only until its next call.
        return UnsafeRawBufferPointer(start: bytes, count: Int(count)).map { $0 }
    }

    /// Scores in place, without a copy of the rows. Type 0 gives outputs, 1 margins.
    func predict(_ rows: FloatMatrix, type: Int) throws(TrainingError) -> [Float] {
        let config = "{\"type\": \(type), \"training\": false, \"iteration_begin\": 0, \"iteration_end\": 0,"
            + " \"strict_shape\": true, \"missing\": NaN, \"cache_id\": 0}"
        var shape: UnsafePointer<UInt64>?
        var dimensions: UInt64 = 0
        var values: UnsafePointer<Float>?
        try library.check(
            rows.values.withUnsafeBufferPointer { buffer in
                functions.boosterPredictDense(
                    handle, arrayInterface(buffer, rows.rowCount, rows.columnCount), config, nil, &shape, &dimensions, &values)
            })
        var count = 1
        for index in 0..<Int(dimensions) { count *= Int(shape?[index] ?? 0) }
        return Array(UnsafeBufferPointer(start: values, count: values == nil ? 0 : count))
    }
}
