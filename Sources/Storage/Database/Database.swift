public import MartletFrames

/// The port to the SQL database in which registry, routes, lineage, pipeline state, access and audit live.
///
/// One transaction is one effect: what a `write` did is there as a whole once it returned, and durable; after an error
/// or a crash nothing of it is there. Calls block, so shells run them on threads of their own. A read sees one
/// committed state from its first statement to its last, whatever writers do meanwhile.
///
/// The embedded engine is ``SQLiteDatabase``. A connector to another engine conforms to this protocol and runs the
/// same contract kit; statements keep to the SQL that both know.
public protocol Database: Sendable {
    /// Brings the tables of all parts up to the newest migration that this program knows.
    ///
    /// Call it once after opening, with the migrations of every part: a part or a migration in the database that is
    /// not among them was made by a newer program, and is refused with ``DatabaseError/Code/newerSchema``.
    /// Each missing migration is applied in a transaction of its own, with its registration.
    ///
    /// - Parameter time: stamped on what is applied now.
    func migrate(_ migrations: [Migration], at time: Timestamp) throws(DatabaseError)

    /// Runs the body on one consistent state. Do not call the database again within the body.
    func read<Result>(_ body: (any DatabaseReader) throws -> Result) throws -> Result

    /// Runs the body as one transaction: committed and durable when this returns, undone if the body throws.
    ///
    /// Writers queue; there is one at a time. Do not call the database again within the body.
    @discardableResult
    func write<Result>(_ body: (any DatabaseTransaction) throws -> Result) throws -> Result
}

/// What can be asked within a read or a write. Not to be kept after the body returned.
public protocol DatabaseReader {
    /// The rows of an answer, in its order.
    ///
    /// - Parameter limit: the most rows that the caller can take; one more is an error rather than a cut answer.
    func rows(_ statement: Statement, limit: Int) throws(DatabaseError) -> [DatabaseRow]
}

/// What can be done within a write. Not to be kept after the body returned.
public protocol DatabaseTransaction: DatabaseReader {
    /// Runs a statement that changes rows.
    ///
    /// - Returns: how many rows it inserted, updated or deleted.
    @discardableResult
    func execute(_ statement: Statement) throws(DatabaseError) -> Int
}

extension DatabaseReader {
    /// The rows of an answer that has at most 10,000.
    public func rows(_ statement: Statement) throws(DatabaseError) -> [DatabaseRow] {
        try rows(statement, limit: 10_000)
    }

    /// The only row of an answer; nil for none.
    public func row(_ statement: Statement) throws(DatabaseError) -> DatabaseRow? {
        try rows(statement, limit: 1).first
    }
}
