/// The parameters of a boosted training, each known, typed and within its range.
///
/// XGBoost accepts unknown parameters silently; here a misspelt one is refused with the nearest match.
///
/// ```swift
/// let parameters = try XGBoostParameters(["max_depth": .int(6), "eta": .double(0.1), "rounds": .int(200)])
/// ```
public struct XGBoostParameters: Hashable, Sendable {
    /// A parameter's value as a definition file states it.
    public enum Value: Hashable, Sendable {
        case int(Int)
        case double(Double)
        case text(String)
    }

    /// How many trees (per class) are grown.
    public let rounds: Int
    /// Stop when the validation metric has not improved for so many rounds; nil for never.
    public let earlyStoppingRounds: Int?
    /// The metric of the validation part; nil for the objective's own.
    public let validationMetric: String?
    /// Where margins start, in units of the output; nil for the objective's default.
    public let baseScore: Double?
    public let seed: Int
    /// What the library is given, by name; texts as the library reads them.
    public let libraryParameters: [String: String]

    private enum Kind {
        case int(ClosedRange<Int>)
        /// Finite, at least the first; above it if `open`; at most the second.
        case number(Double, Double, open: Bool)
        case choice([String])
    }

    private static let known: [String: Kind] = [
        "rounds": .int(1...100_000),
        "early_stopping_rounds": .int(1...100_000),
        "eval_metric": .choice(["logloss", "aucpr", "auc", "error", "rmse", "mae", "mlogloss", "merror", "poisson-nloglik"]),
        "base_score": .number(-.greatestFiniteMagnitude, .greatestFiniteMagnitude, open: false),
        "seed": .int(0...Int(Int32.max)),
        "eta": .number(0, 1, open: true),
        "max_depth": .int(1...64),
        "max_leaves": .int(0...1_000_000),
        "grow_policy": .choice(["depthwise", "lossguide"]),
        "tree_method": .choice(["hist", "approx", "exact"]),
        "max_bin": .int(2...65_535),
        "min_child_weight": .number(0, 1e30, open: false),
        "gamma": .number(0, 1e30, open: false),
        "lambda": .number(0, 1e30, open: false),
        "alpha": .number(0, 1e30, open: false),
        "subsample": .number(0, 1, open: true),
        "colsample_bytree": .number(0, 1, open: true),
        "colsample_bylevel": .number(0, 1, open: true),
        "colsample_bynode": .number(0, 1, open: true),
        "scale_pos_weight": .number(0, 1e30, open: true),
        "max_delta_step": .number(0, 1e30, open: false),
        "max_cat_to_onehot": .int(1...1_000_000),
        "max_cat_threshold": .int(1...1_000_000),
    ]

    private static let aliases: [String: String] = [
        "learning_rate": "eta", "min_split_loss": "gamma", "reg_lambda": "lambda", "reg_alpha": "alpha",
        "random_state": "seed", "n_estimators": "rounds", "num_boost_round": "rounds",
    ]

    /// Every name that is accepted, in alphabetical order, XGBoost's aliases included.
    public static var names: [String] { (Array(known.keys) + Array(aliases.keys)).sorted() }

    /// Checks the parameters given; those not given have XGBoost's defaults, with `rounds` 100, `seed` 0
    /// and `tree_method` hist.
    ///
    /// - Throws: ``TrainingError`` with code `invalidParameter`.
    public init(_ given: [String: Value] = [:]) throws(TrainingError) {
        var values: [String: Value] = [:]
        for (name, value) in given.sorted(by: { $0.key < $1.key }) {
            let canonical = Self.aliases[name] ?? name
            guard let kind = Self.known[canonical] else { throw Self.unknown(name) }
            guard values.updateValue(value, forKey: canonical) == nil else {
                throw TrainingError(.invalidParameter, "the parameter '\(canonical)' is given twice, once as '\(name)'")
            }
            try Self.check(name, value, kind)
        }
        func int(_ name: String) -> Int? {
            if case .int(let number) = values.removeValue(forKey: name) { number } else { nil }
        }
        rounds = int("rounds") ?? 100
        earlyStoppingRounds = int("early_stopping_rounds")
        seed = int("seed") ?? 0
        if case .text(let metric) = values.removeValue(forKey: "eval_metric") { validationMetric = metric } else { validationMetric = nil }
        switch values.removeValue(forKey: "base_score") {
        case .double(let number): baseScore = number
        case .int(let number): baseScore = Double(number)
        case .text, nil: baseScore = nil
        }
        var texts = ["tree_method": "hist"]
        for (name, value) in values {
            switch value {
            case .int(let number): texts[name] = String(number)
            case .double(let number): texts[name] = String(number)
            case .text(let text): texts[name] = text
            }
        }
        texts["seed"] = String(seed)
        libraryParameters = texts
    }

    private static func check(_ name: String, _ value: Value, _ kind: Kind) throws(TrainingError) {
        switch (kind, value) {
        case (.int(let range), .int(let number)):
            guard range.contains(number) else {
                throw TrainingError(
                    .invalidParameter,
                    "the parameter '\(name)' is \(number); it must be from \(range.lowerBound) to \(range.upperBound)")
            }
        case (.number(let least, let most, let open), .double), (.number(let least, let most, let open), .int):
            let number: Double = if case .double(let value) = value { value } else if case .int(let value) = value { Double(value) } else { .nan }
            guard number.isFinite, open ? number > least : number >= least, number <= most else {
                throw TrainingError(
                    .invalidParameter,
                    "the parameter '\(name)' is \(number); it must be \(open ? "above" : "at least") \(least)"
                        + (most < 1e30 ? " and at most \(most)" : ""))
            }
        case (.choice(let words), .text(let word)):
            guard words.contains(word) else {
                throw TrainingError(
                    .invalidParameter, "the parameter '\(name)' is '\(word)'",
                    hint: "it is one of: " + words.joined(separator: ", "))
            }
        case (.int, _): throw TrainingError(.invalidParameter, "the parameter '\(name)' must be a whole number")
        case (.number, _): throw TrainingError(.invalidParameter, "the parameter '\(name)' must be a number")
        case (.choice(let words), _):
            throw TrainingError(
                .invalidParameter, "the parameter '\(name)' must be a text", hint: "it is one of: " + words.joined(separator: ", "))
        }
    }

    private static func unknown(_ name: String) -> TrainingError {
        let nearest = names.map { ($0, distance($0, name)) }.min { $0.1 < $1.1 }
        let hint = if let nearest, nearest.1 <= max(2, name.count / 3) { "did you mean '\(nearest.0)'?" } else {
            "known are: " + names.joined(separator: ", ")
        }
        return TrainingError(.invalidParameter, "no parameter of the xgboost trainer is named '\(name)'", hint: hint)
    }

    /// Levenshtein's distance, over the first 64 characters.
    private static func distance(_ left: String, _ right: String) -> Int {
        let left = Array(left.utf8.prefix(64)), right = Array(right.utf8.prefix(64))
        var row = Array(0...right.count)
        for (i, a) in left.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, b) in right.enumerated() {
                let cost = min(diagonal + (a == b ? 0 : 1), row[j] + 1, row[j + 1] + 1)
                diagonal = row[j + 1]
                row[j + 1] = cost
            }
        }
        return row[right.count]
    }
}
