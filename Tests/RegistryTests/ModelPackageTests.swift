import MartletModels
import MartletRegistry
import Testing

@Suite("Model packages")
struct ModelPackageTests {
    let key: PackageSigningKey
    let sealed: ModelPackage

    static let model = Array(
        """
        {"version":[3,2,0],"learner":{"objective":{"name":"reg:squarederror"},"learner_model_param":{"base_score":"[5E-1]",
        "num_class":"0","num_feature":"1"},"gradient_booster":{"name":"gbtree","model":{"gbtree_model_param":{"num_trees":"1"},
        "tree_info":[0],"trees":[{"left_children":[-1],"right_children":[-1],"split_indices":[0],"split_conditions":[0.25],
        "default_left":[0],"sum_hessian":[1],"split_type":[0]}]}}}}
        """.utf8)

    static func manifest() -> ModelManifest {
        var lineage = ModelManifest.Lineage()
        lineage.definitions = ["models/m": "aa", "é": "bb", "a\"": "cc"]
        lineage.parameters = ["eta": "0.1", "max_depth": "6"]
        lineage.metrics = ["average_precision": 0.7423, "tiny": 5e-324]
        lineage.rows = ["train": 100, "test": 20]
        lineage.cut = "42"
        lineage.seed = 7
        lineage.trainerLibrary = "xgboost"
        lineage.trainerVersion = "3.2.0"
        return ModelManifest(
            model: "m", task: "regression", label: "y", features: [.init(name: "x", hash: "ff")], semanticsVersion: 1,
            lineage: lineage)
    }

    init() throws {
        key = try PackageSigningKey(secret: Array(0..<32))
        sealed = try ModelPackage.seal(
            Self.manifest(),
            files: [
                "model.json": Self.model, "encoder.json": FeatureEncoder([.init(name: "x", type: .float64)]).json,
                "reasons/texts.json": Array("{}".utf8),
            ], with: key)
    }

    @Test("a sealed package verifies, loads and scores; its version is stable")
    func sealAndVerify() throws {
        let package = try ModelPackage.verify(sealed.files, trusting: [key.publicKey], version: sealed.version)
        var expected = Self.manifest()
        #expect(package.manifest.files.map(\.name) == ["encoder.json", "model.json", "reasons/texts.json"])
        #expect(package.manifest.lineage == expected.lineage && package.manifest.features == expected.features)
        #expect(try package.ensemble().margins(FloatMatrix(rowCount: 1, columnCount: 1)) == [0.75])
        #expect(try package.encoder().inputs.map(\.name) == ["x"])
        // Equal content gives equal bytes, another metric another version.
        let files = sealed.files.filter { ModelPackage.allows($0.key) }
        #expect(try ModelPackage.seal(expected, files: files, with: key).files == sealed.files)
        expected.lineage.metrics["tiny"] = 1
        #expect(try ModelPackage.seal(expected, files: files, with: key).version != sealed.version)
    }

    @Test("any flipped bit of any file is refused, and the file is named")
    func flips() throws {
        var tried = 0
        for (name, bytes) in sealed.files {
            for offset in 0..<bytes.count {
                var files = sealed.files
                files[name]?[offset] ^= 1 << UInt8(offset % 8)
                tried += 1
                do {
                    _ = try ModelPackage.verify(files, trusting: [key.publicKey])
                    Issue.record("\(name) with a flipped bit at \(offset) was accepted")
                } catch {
                    // A changed signature and a changed manifest cannot be told apart.
                    let file = try #require(error.file)
                    #expect(file == name || (name == "signature.json" && file == "manifest.json"), "\(name) at \(offset): \(error)")
                }
            }
        }
        #expect(tried > 1500)
    }

    @Test("truncated, lengthened, missing, swapped and added files are refused")
    func otherChanges() throws {
        for name in sealed.files.keys {
            for change in [{ Array($0.dropLast()) }, { $0 + [0x20] }, { _ in [] }] as [([UInt8]) -> [UInt8]] {
                var files = sealed.files
                files[name] = change(files[name] ?? [])
                #expect(throws: PackageError.self, "\(name)") { try ModelPackage.verify(files, trusting: [key.publicKey]) }
            }
            var files = sealed.files
            files[name] = nil
            #expect { try ModelPackage.verify(files, trusting: [key.publicKey]) } throws: {
                ($0 as? PackageError)?.code == .fileMissing && ($0 as? PackageError)?.file == name
            }
        }
        var files = sealed.files
        swap(&files["model.json"], &files["encoder.json"])
        #expect { try ModelPackage.verify(files, trusting: [key.publicKey]) } throws: { ($0 as? PackageError)?.code == .fileAltered }
        for name in ["reasons/more.json", "model.pkl", "../model.json"] {
            var files = sealed.files
            files[name] = []
            #expect { try ModelPackage.verify(files, trusting: [key.publicKey]) } throws: {
                ($0 as? PackageError)?.code == .fileUnexpected && ($0 as? PackageError)?.file == name
            }
        }
    }

    @Test("only a trusted key counts, and only the version asked for")
    func trust() throws {
        let other = try PackageSigningKey(secret: Array(repeating: 9, count: 32))
        #expect { try ModelPackage.verify(sealed.files, trusting: [other.publicKey]) } throws: {
            ($0 as? PackageError)?.code == .keyUntrusted
        }
        #expect { try ModelPackage.verify(sealed.files, trusting: []) } throws: { ($0 as? PackageError)?.code == .keyUntrusted }
        #expect { try ModelPackage.verify(sealed.files, trusting: [key.publicKey], version: "00") } throws: {
            ($0 as? PackageError)?.code == .otherVersion
        }
        // A forger who signs a changed manifest with a key of his own is refused by name of the key.
        let forged = try ModelPackage.seal(sealed.manifest, files: sealed.files.filter { ModelPackage.allows($0.key) }, with: other)
        var files = sealed.files
        files["signature.json"] = forged.files["signature.json"]
        #expect { try ModelPackage.verify(files, trusting: [key.publicKey]) } throws: { ($0 as? PackageError)?.code == .keyUntrusted }
        #expect(!"\(key)".contains("0001020304") && "\(key)".contains("redacted"))
    }

    @Test("kinds that could execute code, and paths that lead elsewhere, are not allowed", arguments: [
        "model.pkl", "model.onnx", "/model.json", "../model.json", "reasons/../x.json", "reasons/a/b.json", "reasons/.json",
        "reasons/A.json", "reasons/x.so", "manifest.json", "", "reasons/", "run.sh",
    ])
    func allowList(name: String) throws {
        #expect(!ModelPackage.allows(name))
        #expect(throws: PackageError.self) {
            try ModelPackage.seal(Self.manifest(), files: ["model.json": [], "encoder.json": [], name: []], with: key)
        }
    }

    @Test("a newer format is refused as such, other spellings of a manifest too")
    func format() throws {
        let text = String(decoding: sealed.files["manifest.json"] ?? [], as: UTF8.self)
        #expect(try ModelManifest(json: Array(text.utf8)) == sealed.manifest)
        #expect { try ModelManifest(json: Array(text.replacing("\"format\":1", with: "\"format\":2,\"new\":{}").utf8)) } throws: {
            ($0 as? PackageError)?.code == .unsupportedVersion
        }
        for spelling in [text + " ", text.replacing("\"format\":1", with: "\"format\": 1"), text.replacing("\"seed\":7,", with: "")] {
            #expect { try ModelManifest(json: Array(spelling.utf8)) } throws: { ($0 as? PackageError)?.code == .malformed }
        }
    }

    @Test("limits are kept")
    func limits() throws {
        var limits = ModelPackage.Limits()
        limits.files = 4
        #expect { try ModelPackage.verify(sealed.files, trusting: [key.publicKey], limits: limits) } throws: {
            ($0 as? PackageError)?.code == .overLimit
        }
        limits = .init()
        limits.bytes = 100
        #expect { try ModelPackage.verify(sealed.files, trusting: [key.publicKey], limits: limits) } throws: {
            ($0 as? PackageError)?.code == .overLimit
        }
    }
}
