internal import Crypto
internal import MartletFrames

/// One step of a part's tables from an older form to a newer one.
///
/// Migrations are append-only: one that was released is never edited, and the registry compares hashes to hold us to it.
/// A migration may create, change and drop only what its part owns: names that begin with the part's name and `_`.
public struct Migration: Sendable {
    /// The part that owns the tables: lower-case letters only, such as `access`.
    public let part: String
    /// 1, 2, 3 … without gaps within the part.
    public let number: Int
    /// One or more statements, a literal of the program.
    public let sql: String

    public init(part: StaticString, number: Int, sql: StaticString) {
        self.part = "\(part)"
        self.number = number
        self.sql = "\(sql)"
        precondition(
            !self.part.isEmpty && self.part.utf8.allSatisfy { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) })
        precondition(number > 0)
    }

    var hash: [UInt8] { Array(SHA256.hash(data: Array(sql.utf8))) }
}

/// Decides which migrations an opened database lacks: a pure comparison of what is registered with what is known.
struct MigrationPlan {
    /// What the database's registry says about one applied migration.
    struct Applied: Equatable {
        var part: String
        var number: Int
        var hash: [UInt8]
    }

    /// The missing migrations: parts in the order of their first mention, numbers ascending.
    let missing: [Migration]

    init(known: [Migration], applied: [Applied]) throws(DatabaseError) {
        var order: [String] = []
        var byPart: [String: [Migration]] = [:]
        for migration in known {
            if byPart[migration.part] == nil { order.append(migration.part) }
            byPart[migration.part, default: []].append(migration)
        }
        for part in order {
            byPart[part]?.sort { $0.number < $1.number }
            precondition(
                byPart[part]?.map(\.number) == Array(1...(byPart[part]?.count ?? 0)),
                "the migrations of '\(part)' are not numbered 1, 2, 3 …")
        }
        var newest: [String: Int] = [:]
        for entry in applied {
            let migrations = byPart[entry.part] ?? []
            guard entry.number <= migrations.count else {
                throw .newerSchema(part: entry.part, found: entry.number, known: migrations.count)
            }
            guard entry.number >= 1, migrations[entry.number - 1].hash == entry.hash else {
                throw .changedMigration(part: entry.part, number: entry.number)
            }
            newest[entry.part] = max(newest[entry.part] ?? 0, entry.number)
        }
        for (part, number) in newest where applied.count(where: { $0.part == part }) != number {
            throw .changedMigration(part: part, number: number)
        }
        var missing: [Migration] = []
        for part in order { missing += (byPart[part] ?? []).dropFirst(newest[part] ?? 0) }
        self.missing = missing
    }
}
