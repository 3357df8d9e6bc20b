import MartletFrames
import MartletModels
import MartletWorld

/// The definitions that a simulation applies, in three variants, and the models that it registers under them.
enum SimulatedProject {
    static let variants = 3

    /// The least amount that the contract of `orders` lets in.
    static func leastAmount(_ variant: Int) -> Double { variant == 1 ? -50 : 0 }

    /// The windows of the view `customer`, in hours.
    static func windows(_ variant: Int) -> (short: Int, long: Int) { variant == 2 ? (2, 24) : (1, 24) }

    static func files(_ variant: Int) -> [(path: String, text: String)] {
        let windows = windows(variant)
        var files = [
            ("martlet.yaml", "project: shop\n"),
            (
                "streams/orders.yaml",
                """
                stream: orders
                event_time: at
                unique: id
                fields:
                  id: string
                  at: timestamp
                  customer: { type: string, personal: subject }
                  amount: { type: float64, check: "amount >= \(leastAmount(variant))" }
                  is_bad: { type: bool, known_after: 1h, optional: true }
                """
            ),
            (
                "streams/visits.yaml",
                """
                stream: visits
                event_time: at
                unique: id
                fields:
                  id: string
                  at: timestamp
                  page: string
                """
            ),
            (
                "features/customer.yaml",
                """
                feature_view: customer
                entity: { name: customer, key: customer }
                source: orders
                aggregate:
                  - { function: count, windows: [\(windows.short)h, \(windows.long)h] }
                  - { function: [sum, max], of: amount, windows: [\(windows.short)h, \(windows.long)h] }
                """
            ),
            (
                "features/request.yaml",
                """
                feature_view: request
                source: orders
                derive:
                  amount: amount
                """
            ),
            (
                "models/risk.yaml",
                """
                model: risk
                task: binary
                from: orders
                label: is_bad
                features: [request.amount, \(featureNames(variant).dropFirst().joined(separator: ", "))]
                split: { train: 60%, gap: 1h, test: 25% }
                trainer: { kind: xgboost, rounds: 1 }
                metrics: [roc_auc]
                """
            ),
            ("endpoints/risk.yaml", "endpoint: risk\nmodel: risk@champion\n"),
        ]
        if variant > 0 {
            files.append((
                "features/page.yaml",
                """
                feature_view: page
                entity: { name: page, key: page }
                source: visits
                aggregate:
                  - { function: count, windows: [\(variant)h] }
                """
            ))
        }
        return files
    }

    /// The features of the model, in its order.
    static func featureNames(_ variant: Int) -> [String] {
        let windows = windows(variant)
        return [
            "request.amount", "customer.count_\(windows.short)h", "customer.sum_amount_\(windows.short)h",
            "customer.max_amount_\(windows.long)h",
        ]
    }

    /// Puts a variant's files in place of what stands in the project's folder.
    static func write(_ variant: Int, to files: any FileSystem) throws {
        for folder in ["streams", "features", "models", "endpoints"] {
            guard let path = RelativePath(folder) else { continue }
            try files.createFolder(path)
            for name in try files.list(path) { if let file = path.appending(name) { try files.remove(file) } }
        }
        for (name, text) in self.files(variant) {
            guard let path = RelativePath(name) else { continue }
            let file = try files.open(path, .write)
            try file.truncate(to: 0)
            try file.write(Array(text.utf8), at: 0)
        }
    }

    /// A model of one split, in the form that the trainer writes, and the encoder that belongs to it.
    static func model(variant: Int, number: Int) throws -> (model: [UInt8], encoder: [UInt8]) {
        let leaf = Double(number % 7 + 1) / 8
        let json = """
            {"version":[1,7,4],"learner":{"objective":{"name":"binary:logistic"},
            "learner_model_param":{"base_score":"5E-1","num_class":"0","num_feature":"4"},
            "gradient_booster":{"name":"gbtree","model":{"gbtree_model_param":{"num_trees":"1"},
            "tree_info":[0],"trees":[{"left_children":[1,-1,-1],"right_children":[2,-1,-1],"split_indices":[\(number % 4),0,0],
            "split_conditions":[20.0,\(leaf),-\(leaf)],"default_left":[1,0,0],"sum_hessian":[2,1,1],"split_type":[0,0,0]}]}}}}
            """
        let names = featureNames(variant)
        let encoder = try FeatureEncoder(names.map { .init(name: $0, type: $0.contains(".count") ? .int64 : .float64) })
        return (Array(json.utf8), encoder.json)
    }
}
