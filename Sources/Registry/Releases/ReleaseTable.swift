import MartletBytes
import MartletFrames
public import MartletStorage

/// The releases in the SQL database. Every call is part of the caller's transaction.
public struct ReleaseTable: Sendable {
    public static let migrations = [
        Migration(
            part: "registry", number: 1,
            sql: """
                CREATE TABLE registry_releases (
                    number INTEGER PRIMARY KEY,
                    created INTEGER NOT NULL,
                    actor TEXT NOT NULL,
                    action TEXT NOT NULL,
                    reason TEXT,
                    source TEXT NOT NULL,
                    definitions TEXT NOT NULL,
                    aliases TEXT NOT NULL,
                    restores INTEGER REFERENCES registry_releases (number)
                );
                CREATE TABLE registry_current (
                    one INTEGER PRIMARY KEY CHECK (one = 1),
                    release INTEGER NOT NULL REFERENCES registry_releases (number)
                );
                """),
        VersionTable.migration, RunTable.migration, RunTable.effectKeys,
    ]

    public init() {}

    /// The release in force; nil before the first apply.
    public func current(_ database: any DatabaseReader) throws -> Release? {
        let row = try database.row("""
            SELECT r.* FROM registry_current c JOIN registry_releases r ON r.number = c.release
            """)
        return try row.map(release)
    }

    public func release(_ number: Int, _ database: any DatabaseReader) throws -> Release {
        guard let row = try database.row("SELECT * FROM registry_releases WHERE number = \(number)") else {
            throw RegistryError.noRelease(number, newest: try current(database)?.number)
        }
        return try release(row)
    }

    /// The newest releases first.
    public func list(_ database: any DatabaseReader, limit: Int) throws -> [Release] {
        try database.rows("SELECT * FROM registry_releases ORDER BY number DESC LIMIT \(limit)", limit: limit).map(release)
    }

    /// The number that the next release will have.
    public func nextNumber(_ database: any DatabaseReader) throws -> Int {
        let row = try database.row("SELECT COALESCE(MAX(number), 0) AS newest FROM registry_releases")
        return (try row?.value("newest", as: Int.self) ?? 0) + 1
    }

    /// Adds a release made from another and puts it in force.
    ///
    /// - Parameter base: the release that the change was made from; if another is current by now, nothing is changed.
    public func add(_ release: Release, basedOn base: Int?, _ database: any DatabaseTransaction) throws {
        let current = try current(database)?.number
        guard current == base, release.number == (try nextNumber(database)) else {
            throw RegistryError.overtaken(expected: base, found: current)
        }
        try database.execute("""
            INSERT INTO registry_releases (number, created, actor, action, reason, source, definitions, aliases, restores)
            VALUES (\(release.number), \(release.created), \(release.actor), \(release.action.rawValue), \(release.reason),
                \(release.source), \(release.definitions), \(text(release.aliases)), \(release.restores))
            """)
        try database.execute("""
            INSERT INTO registry_current (one, release) VALUES (1, \(release.number))
            ON CONFLICT (one) DO UPDATE SET release = excluded.release
            """)
    }

    /// Who applied the definitions that a release has; a promotion and a rollback take them from another release.
    public func applier(of release: Release, _ database: any DatabaseReader) throws -> String {
        let row = try database.row("""
            SELECT actor FROM registry_releases WHERE source = \(release.source) AND action = \(Release.Action.apply.rawValue)
            ORDER BY number DESC LIMIT 1
            """)
        return try row?.value("actor") ?? release.actor
    }

    /// The release whose content was in force before the content of another.
    ///
    /// Going back twice goes back further, and what was taken back is not come upon again.
    public func content(before current: Release, _ database: any DatabaseReader) throws -> Release {
        let number = (current.restores ?? current.number) - 1
        guard number >= 1 else { throw RegistryError.nothingToRollBack }
        let before = try release(number, database)
        return try before.restores.map { try release($0, database) } ?? before
    }

    private func release(_ row: DatabaseRow) throws -> Release {
        guard let action = Release.Action(rawValue: try row.value("action")),
            let aliases = aliases(try row.value("aliases"))
        else { throw RegistryError.damaged("releases") }
        return Release(
            number: try row.value("number"), created: try row.value("created"), actor: try row.value("actor"), action: action,
            reason: try row.optional("reason"), source: try row.value("source"), definitions: try row.value("definitions"),
            aliases: aliases, restores: try row.optional("restores"))
    }

    private func text(_ aliases: [String: [String: Int]]) -> String {
        var object = JSONObject()
        for (model, names) in aliases.sorted(by: { $0.key < $1.key }) {
            var inner = JSONObject()
            for (alias, number) in names.sorted(by: { $0.key < $1.key }) { inner[alias] = .int64(Int64(number)) }
            object[model] = .object(inner)
        }
        return JSONValue.object(object).description
    }

    private func aliases(_ text: String) -> [String: [String: Int]]? {
        guard let object = try? JSONValue(parsing: text).object else { return nil }
        var aliases: [String: [String: Int]] = [:]
        for member in object.members {
            guard let inner = member.value.object else { return nil }
            for alias in inner.members {
                guard let number = alias.value.int64 else { return nil }
                aliases[member.key, default: [:]][alias.key] = Int(number)
            }
        }
        return aliases
    }
}
