import MartletModels
import Testing

@Suite("Hostile model files are refused and never trap")
struct HostileModelTests {
    @Test("every prefix, and bytes flipped anywhere, give a model or an error", arguments: GoldenModel.names)
    func corruption(name: String) throws {
        let golden = try GoldenModel(name)
        let bytes = golden.bytes
        for length in stride(from: 0, to: bytes.count, by: 1499) {
            #expect(throws: ModelError.self) { try TreeEnsemble(xgboostJSON: Array(bytes[..<length])) }
        }
        var state: UInt64 = 3
        var refused = 0, scored = 0
        for round in 0..<120 {
            var mutated = bytes
            for _ in 0...(round % 3) {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                let place = Int(state >> 33) % mutated.count
                mutated[place] = Array("0123456789-,.[]{}\":eE \u{0}".utf8)[Int(state >> 20) % 23]
            }
            do {
                let ensemble = try TreeEnsemble(xgboostJSON: mutated)
                // Whatever was accepted can be scored and explained without leaving its arrays.
                if ensemble.featureCount == golden.rows.columnCount {
                    _ = try ensemble.margins(golden.rows)
                    _ = try TreeSHAP(ensemble).contributions(ofRow: Array(golden.rows.values[..<5]))
                }
                scored += 1
            } catch {
                refused += 1
            }
        }
        #expect(refused > 60 && scored > 3, "\(refused) refused, \(scored) scored")
    }

    /// A model of one tree of three nodes, with one part replaced.
    static func model(
        left: String = "[1,-1,-1]", right: String = "[2,-1,-1]", features: String = "[0,0,0]",
        conditions: String = "[0.5,1.0,-1.0]", covers: String = "[2,1,1]", types: String = "[0,0,0]",
        base: String = "5E-1", trees: String = "1", info: String = "[0]", classes: String = "0",
        objective: String = "binary:logistic", booster: String = "gbtree", categories: String = ""
    ) -> [UInt8] {
        Array(
            """
            {"version":[1,7,4],"learner":{"objective":{"name":"\(objective)"},
            "learner_model_param":{"base_score":"\(base)","num_class":"\(classes)","num_feature":"2"},
            "gradient_booster":{"name":"\(booster)","model":{"gbtree_model_param":{"num_trees":"\(trees)"},
            "tree_info":\(info),"trees":[{"left_children":\(left),"right_children":\(right),"split_indices":\(features),
            "split_conditions":\(conditions),"default_left":[1,0,0],"sum_hessian":\(covers),"split_type":\(types)\(categories)}]}}}}
            """.utf8)
    }

    @Test("the model that the next test spoils is itself good")
    func good() throws {
        let ensemble = try TreeEnsemble(xgboostJSON: Self.model())
        let rows = FloatMatrix(rowCount: 4, columnCount: 2, values: [0.4, 0, 0.5, 0, .nan, 0, -.infinity, 0])
        #expect(try ensemble.margins(rows) == [1, -1, 1, 1])
        #expect(ensemble.nodeCount == 3 && ensemble.maximumDepth == 1 && ensemble.trainerVersion == [1, 7, 4])
    }

    @Test("a missing value and both sides of a threshold, for either default, at the edges of Float")
    func thresholds() throws {
        let edges: [Float] = [
            0, -0.0, .leastNonzeroMagnitude, -.leastNonzeroMagnitude, 1, -1, .greatestFiniteMagnitude, -.greatestFiniteMagnitude,
        ]
        for threshold in edges {
            for missingLeft in [0, 1] {
                let json = String(decoding: Self.model(conditions: "[\(threshold),1.0,-1.0]"), as: UTF8.self)
                    .replacing("\"default_left\":[1,0,0]", with: "\"default_left\":[\(missingLeft),0,0]")
                let ensemble = try TreeEnsemble(xgboostJSON: Array(json.utf8))
                for value in edges + [.infinity, -.infinity, threshold.nextUp, threshold.nextDown, .nan] {
                    let left = value.isNaN ? missingLeft == 1 : value < threshold
                    let margin = try ensemble.margins(FloatMatrix(rowCount: 1, columnCount: 2, values: [value, 0]))
                    #expect(margin == [left ? 1 : -1], "\(value) against \(threshold), missing left: \(missingLeft)")
                }
            }
        }
    }

    @Test(
        "a spoilt part is refused",
        arguments: [
            ("a cycle", model(left: "[1,0,-1]", right: "[2,2,-1]")),
            ("a node that is its own child", model(left: "[0,-1,-1]")),
            ("one child twice", model(left: "[1,-1,-1]", right: "[1,-1,-1]")),
            ("a child beyond the nodes", model(right: "[3,-1,-1]")),
            ("a leaf on one side only", model(left: "[1,-1,-1]", right: "[-1,-1,-1]")),
            ("a child far away", model(right: "[999999999999,-1,-1]")),
            ("a feature beyond the features", model(features: "[2,0,0]")),
            ("a NaN threshold", model(conditions: "[NaN,1.0,-1.0]")),
            ("a NaN leaf", model(conditions: "[0.5,NaN,-1.0]")),
            ("an infinite leaf", model(conditions: "[0.5,1e999,-1.0]")),
            ("a negative cover", model(covers: "[2,-1,1]")),
            ("a NaN cover", model(covers: "[2,NaN,1]")),
            ("a short array", model(covers: "[2,1]")),
            ("no nodes", model(left: "[]", right: "[]", features: "[]", conditions: "[]", covers: "[]", types: "[]")),
            ("categories that are not there", model(types: "[1,0,0]")),
            (
                "categories beyond their list",
                model(types: "[1,0,0]", categories: ",\"categories\":[1],\"categories_nodes\":[0],\"categories_segments\":[0],\"categories_sizes\":[2]")
            ),
            (
                "a category that wants a huge set",
                model(types: "[1,0,0]", categories: ",\"categories\":[16777215],\"categories_nodes\":[0],\"categories_segments\":[0],\"categories_sizes\":[1]")
            ),
            ("more trees stated than held", model(trees: "2")),
            ("a tree of an unknown class", model(info: "[1]")),
            ("a base score without a margin", model(base: "1E0")),
            ("a base score that is no number", model(base: "NaN")),
            ("classes without softmax", model(classes: "3")),
            ("softmax without classes", model(objective: "multi:softprob")),
            ("another objective", model(objective: "rank:ndcg")),
            ("another booster", model(booster: "dart")),
            ("deep nesting", Array(String(repeating: "[", count: 100_000).utf8)),
            ("a key twice", Array("{\"version\":[1],\"version\":[1]}".utf8)),
            ("something behind the end", model() + [0x7B]),
        ])
    func spoilt(what: String, bytes: [UInt8]) {
        #expect(throws: ModelError.self, "\(what)") { try TreeEnsemble(xgboostJSON: bytes) }
    }

    @Test("limits are kept")
    func limits() throws {
        var limits = TreeEnsemble.Limits()
        limits.depth = 0
        #expect { try TreeEnsemble(xgboostJSON: Self.model(), limits: limits) } throws: { ($0 as? ModelError)?.code == .overLimit }
        limits = .init()
        limits.bytes = 10
        #expect { try TreeEnsemble(xgboostJSON: Self.model(), limits: limits) } throws: { ($0 as? ModelError)?.code == .overLimit }
    }

    @Test("rows of another width are refused")
    func width() throws {
        let ensemble = try TreeEnsemble(xgboostJSON: Self.model())
        #expect { try ensemble.margins(FloatMatrix(rowCount: 1, columnCount: 3)) } throws: {
            ($0 as? ModelError)?.code == .schemaMismatch
        }
    }
}
