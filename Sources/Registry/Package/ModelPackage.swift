public import MartletModels

/// A model version as files: a manifest that names every file by its hash, signed, and the files themselves.
///
/// It knows no folder and no archive: bytes by name go in and come out, and a store of blobs keeps them. Only
/// declarative files are allowed; none of them can execute anything.
///
/// ```swift
/// let sealed = try ModelPackage.seal(manifest, files: ["model.json": model, "encoder.json": encoder], with: key)
/// // keep sealed.files under sealed.version …
/// let package = try ModelPackage.verify(files, trusting: [key.publicKey], version: version)
/// ```
public struct ModelPackage: Sendable {
    public let manifest: ModelManifest
    /// All files by name, the manifest and its signature included.
    public let files: [String: [UInt8]]
    /// The id of the version: the SHA-256 of the manifest's bytes, in hexadecimal.
    public let version: String
    /// Whose key signed it.
    public let signer: PackagePublicKey

    public static let manifestName = "manifest.json"
    public static let signatureName = "signature.json"
    /// XGBoost's own JSON.
    public static let modelName = "model.json"
    /// A ``FeatureEncoder``.
    public static let encoderName = "encoder.json"
    /// A ``TrainingProfile``; versions from before there were monitors have none.
    public static let profileName = "profile.bin"

    /// The most that a package may hold.
    public struct Limits: Sendable {
        public var files = 256
        public var bytes = 1 << 30
        public var manifestBytes = 16 << 20

        public init() {}
    }

    /// Whether a package may hold a file of this name: the model, its encoder, its profile, and JSON in `reasons/` (texts of
    /// reason codes) and `evaluation/` (curves and tables of the test part).
    public static func allows(_ name: String) -> Bool {
        if name == modelName || name == encoderName || name == profileName { return true }
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, ["reasons", "evaluation"].contains(parts[0]), parts[1].hasSuffix(".json") else { return false }
        let stem = parts[1].dropLast(".json".count).utf8
        return (1...100).contains(stem.count)
            && stem.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x5F || $0 == 0x2D }
    }

    /// Hashes the files into the manifest and signs it.
    ///
    /// - Throws: ``PackageError``: `fileUnexpected` for a name that is not allowed, `fileMissing` without a model
    ///   or an encoder, `overLimit`.
    public static func seal(
        _ manifest: ModelManifest, files: [String: [UInt8]], with signer: some PackageSigner, limits: Limits = Limits()
    ) throws(PackageError) -> ModelPackage {
        for name in files.keys.sorted() where !allows(name) {
            throw PackageError(.fileUnexpected, file: name, "no package holds a file of this name")
        }
        for name in [modelName, encoderName] where files[name] == nil {
            throw PackageError(.fileMissing, file: name, "a package needs this file")
        }
        var manifest = manifest
        manifest.files = files.sorted { $0.key < $1.key }.map {
            ModelManifest.File(name: $0.key, size: $0.value.count, hash: sha256($0.value))
        }
        let json = manifest.json
        var all = files
        all[manifestName] = json
        all[signatureName] = signatureFile(try signer.signature(ofManifest: json), signer.publicKey)
        // What was just made must pass what a loader will ask of it.
        return try verify(all, trusting: [signer.publicKey], limits: limits)
    }

    /// Checks the signature, then every file's size and hash, before anything in the files is believed.
    ///
    /// - Parameters:
    ///   - keys: those whose packages are accepted.
    ///   - version: the id asked for; nil to accept any.
    /// - Throws: ``PackageError``, naming the file at fault.
    public static func verify(
        _ files: [String: [UInt8]], trusting keys: [PackagePublicKey], version: String? = nil, limits: Limits = Limits()
    ) throws(PackageError) -> ModelPackage {
        guard files.count <= limits.files else {
            throw PackageError(.overLimit, "the package has \(files.count) files; at most \(limits.files) are read")
        }
        var total = 0
        for (name, bytes) in files {
            total += bytes.count
            guard total <= limits.bytes else {
                throw PackageError(.overLimit, file: name, "the package has more than \(limits.bytes) bytes")
            }
        }
        guard let manifestBytes = files[manifestName] else {
            throw PackageError(.fileMissing, file: manifestName, "the package has no manifest")
        }
        guard manifestBytes.count <= limits.manifestBytes else {
            throw PackageError(.overLimit, file: manifestName, "the manifest has \(manifestBytes.count) bytes")
        }
        guard let signatureBytes = files[signatureName] else {
            throw PackageError(.fileMissing, file: signatureName, "the package is not signed")
        }
        let signer = try check(signatureBytes, of: manifestBytes, keys)

        let found = sha256(manifestBytes)
        if let version, version != found {
            throw PackageError(.otherVersion, file: manifestName, "version \(version) was asked for and the files are version \(found)")
        }
        let manifest = try ModelManifest(json: manifestBytes)
        try check(files, against: manifest)
        return ModelPackage(manifest: manifest, files: files, version: found, signer: signer)
    }

    /// The trees, read from bytes that were verified.
    ///
    /// - Throws: `ModelError` if the model is of a kind that is not scored.
    public func ensemble() throws(ModelError) -> TreeEnsemble {
        try TreeEnsemble(xgboostJSON: files[Self.modelName] ?? [])
    }

    /// The encoder, read from bytes that were verified.
    public func encoder() throws(ModelError) -> FeatureEncoder {
        try FeatureEncoder(json: files[Self.encoderName] ?? [])
    }

    /// What it was trained on, read from bytes that were verified; nil of a version that has none.
    public func profile() throws(PackageError) -> TrainingProfile? {
        guard let bytes = files[Self.profileName] else { return nil }
        return try TrainingProfile(encoded: bytes)
    }

    private static func check(_ files: [String: [UInt8]], against manifest: ModelManifest) throws(PackageError) {
        let stated = manifest.files.map(\.name)
        for (left, right) in zip(stated, stated.dropFirst()) where left >= right {
            throw PackageError(.malformed, file: manifestName, "the manifest's files are not in order: \(left), \(right)")
        }
        for name in stated where !allows(name) {
            throw PackageError(.fileUnexpected, file: name, "no package holds a file of this name")
        }
        for name in files.keys.sorted() where name != manifestName && name != signatureName && !stated.contains(name) {
            throw PackageError(.fileUnexpected, file: name, "the manifest does not state this file")
        }
        for name in [modelName, encoderName] where !stated.contains(name) {
            throw PackageError(.fileMissing, file: name, "a package needs this file")
        }
        for file in manifest.files {
            guard let bytes = files[file.name] else {
                throw PackageError(.fileMissing, file: file.name, "the manifest states this file and the package lacks it")
            }
            guard bytes.count == file.size else {
                throw PackageError(
                    .fileAltered, file: file.name, "the file has \(bytes.count) bytes; \(file.size) were signed",
                    hint: "fetch the package again from where it was made")
            }
            let hash = sha256(bytes)
            guard hash == file.hash else {
                throw PackageError(
                    .fileAltered, file: file.name, "the file's SHA-256 is \(hash); \(file.hash) was signed",
                    hint: "fetch the package again from where it was made")
            }
        }
    }

    // MARK: The signature

    /// What is signed begins with its purpose, so that no other signature of the key can stand in for it.
    /// What is signed: the use's label and a zero byte, as the vault signs, then the manifest.
    static func signedBytes(_ manifest: [UInt8]) -> [UInt8] {
        Array("martlet model package 1".utf8) + [0] + manifest
    }

    private static func signatureFile(_ signature: [UInt8], _ key: PackagePublicKey) -> [UInt8] {
        Array("{\"algorithm\":\"ed25519\",\"key\":\"\(key.id)\",\"signature\":\"\(hexadecimal(signature))\"}".utf8)
    }

    private static func check(
        _ file: [UInt8], of manifest: [UInt8], _ keys: [PackagePublicKey]
    ) throws(PackageError) -> PackagePublicKey {
        var keyID = "", text = ""
        do throws(ModelError) {
            guard file.count <= 4096 else { throw ModelError(.overLimit, "it has \(file.count) bytes") }
            var reader = JSONReader(file)
            try reader.readWhole { (reader) throws(ModelError) in
                try reader.readObject { (key, reader) throws(ModelError) in
                    switch key {
                    case "key": keyID = try reader.readString()
                    case "signature": text = try reader.readString()
                    default: try reader.skip()
                    }
                }
            }
        } catch {
            throw PackageError(.malformed, file: signatureName, "the signature is not in its form: \(error.message)")
        }
        guard let key = keys.first(where: { $0.id == keyID }) else {
            throw PackageError(
                .keyUntrusted, file: signatureName, "the package is signed by key '\(keyID)', which is not trusted here",
                hint: "add the signer's public key to the trusted keys, or sign the model here")
        }
        guard let signature = bytes(fromHexadecimal: text), signatureFile(signature, key) == file else {
            throw PackageError(.malformed, file: signatureName, "the signature is not in its canonical form")
        }
        guard key.accepts(signature, of: signedBytes(manifest)) else {
            throw PackageError(
                .signatureInvalid, file: manifestName, "the manifest or its signature was changed after signing",
                hint: "fetch the package again from where it was made")
        }
        return key
    }
}
