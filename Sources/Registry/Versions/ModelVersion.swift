import MartletBytes
public import MartletFrames
public import MartletStorage

/// A registered version of a model: numbered from 1, immutable, its package in the blob store.
public struct ModelVersion: Hashable, Sendable {
    public var model: String
    public var number: Int
    /// The hash of the package's manifest: the version's identity.
    public var package: String
    /// Of each file of the package, the blob that holds it.
    public var files: [String: String]
    public var created: Timestamp
    /// The run that trained it.
    public var run: String
}

/// The model versions in the SQL database. Every call is part of the caller's transaction.
public struct VersionTable: Sendable {
    static let migration = Migration(
        part: "registry", number: 2,
        sql: """
            CREATE TABLE registry_versions (
                model TEXT NOT NULL,
                number INTEGER NOT NULL,
                package TEXT NOT NULL,
                files TEXT NOT NULL,
                created INTEGER NOT NULL,
                run TEXT NOT NULL,
                PRIMARY KEY (model, number)
            );
            """)

    public init() {}

    /// Registers a package as the next version of its model.
    public func add(
        model: String, package: String, files: [String: String], created: Timestamp, run: String,
        _ database: any DatabaseTransaction
    ) throws -> ModelVersion {
        let number = (try newest(model, database) ?? 0) + 1
        var object = JSONObject()
        for (name, hash) in files.sorted(by: { $0.key < $1.key }) { object[name] = .string(hash) }
        try database.execute("""
            INSERT INTO registry_versions (model, number, package, files, created, run)
            VALUES (\(model), \(number), \(package), \(JSONValue.object(object).description), \(created), \(run))
            """)
        return ModelVersion(model: model, number: number, package: package, files: files, created: created, run: run)
    }

    public func version(_ model: String, _ number: Int, _ database: any DatabaseReader) throws -> ModelVersion {
        let row = try database.row("SELECT * FROM registry_versions WHERE model = \(model) AND number = \(number)")
        guard let row else { throw RegistryError.noVersion(model, number, newest: try newest(model, database)) }
        return try version(row)
    }

    /// The versions of one model, or of all, newest first.
    public func list(model: String?, _ database: any DatabaseReader, limit: Int) throws -> [ModelVersion] {
        let all: Statement = "SELECT * FROM registry_versions"
        let filter: Statement = if let model { " WHERE model = \(model)" } else { "" }
        return try database.rows(all + filter + " ORDER BY created DESC, number DESC LIMIT \(limit)", limit: limit).map(version)
    }

    /// The highest number of a model; nil if it has no version.
    public func newest(_ model: String, _ database: any DatabaseReader) throws -> Int? {
        try database.row("SELECT MAX(number) AS newest FROM registry_versions WHERE model = \(model)")?.optional("newest")
    }

    private func version(_ row: DatabaseRow) throws -> ModelVersion {
        guard let object = try? JSONValue(parsing: try row.value("files", as: String.self)).object else {
            throw RegistryError.damaged("model versions")
        }
        var files: [String: String] = [:]
        for member in object.members { files[member.key] = member.value.string }
        return ModelVersion(
            model: try row.value("model"), number: try row.value("number"), package: try row.value("package"), files: files,
            created: try row.value("created"), run: try row.value("run"))
    }
}
