/// A failure of the SQL database.
///
/// Messages name tables and columns, never values: they may be private.
public struct DatabaseError: Error, Sendable {
    /// What kind of failure; the only part that tests and callers compare.
    public struct Code: Hashable, Sendable {
        private enum Raw {
            case busy, full, notPermitted, failed, stopped, corrupt, duplicate, constraint, unstorable, statement,
                wrongType, tooManyRows
            case unavailable, foreign, newerSchema, changedMigration, strayMigration
        }
        private let raw: Raw
        private init(_ raw: Raw) { self.raw = raw }

        /// Another process held the database longer than the busy timeout.
        public static let busy = Self(.busy)
        /// No space is left; reads go on, writes can be tried again once there is space.
        public static let full = Self(.full)
        /// The files cannot be written by this user.
        public static let notPermitted = Self(.notPermitted)
        /// The device or a sync failed; the database takes no writes until it is opened again.
        public static let failed = Self(.failed)
        /// An earlier failure stopped all writes.
        public static let stopped = Self(.stopped)
        /// The file is damaged or is no database.
        public static let corrupt = Self(.corrupt)
        /// A row with that key exists.
        public static let duplicate = Self(.duplicate)
        /// A row breaks a rule of its table.
        public static let constraint = Self(.constraint)
        /// A value that the database cannot hold: a text with a NUL character, NaN.
        public static let unstorable = Self(.unstorable)
        /// The statement is not understood: our own mistake.
        public static let statement = Self(.statement)
        /// A column holds another type than was asked for, or does not exist.
        public static let wrongType = Self(.wrongType)
        /// The answer is longer than its limit.
        public static let tooManyRows = Self(.tooManyRows)
        /// The database cannot be opened.
        public static let unavailable = Self(.unavailable)
        /// The file belongs to another program.
        public static let foreign = Self(.foreign)
        /// A newer program made this database.
        public static let newerSchema = Self(.newerSchema)
        /// A migration that was applied is not the one that this program has.
        public static let changedMigration = Self(.changedMigration)
        /// A migration touched what its part does not own.
        public static let strayMigration = Self(.strayMigration)
    }

    public var code: Code
    /// What was asked, and what was found instead.
    public var message: String
    /// The next thing to try.
    public var hint: String?
    /// What went wrong below.
    public var cause: (any Error)?

    init(_ code: Code, _ message: String, hint: String? = nil, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.hint = hint
        self.cause = cause
    }
}

extension DatabaseError: CustomStringConvertible {
    public var description: String { message + (hint.map { "\n hint: " + $0 } ?? "") }
}

extension DatabaseError {
    static func unavailable(path: String, reason: String) -> Self {
        Self(
            .unavailable, "cannot open the database '\(path)': \(reason)",
            hint: "check that its folder exists and that this user may write there")
    }

    static func noWriteAheadLog(path: String) -> Self {
        Self(
            .failed, "the database '\(path)' could not be put into write-ahead mode: its disk failed",
            hint: "check the disk, then restart")
    }

    static func foreign(path: String, found: Int64) -> Self {
        Self(
            .foreign, "the file '\(path)' is a database of another program (application id \(found))",
            hint: "move it away, or choose another data folder")
    }

    static func newerLayout(path: String, found: Int64, known: Int64) -> Self {
        Self(
            .newerSchema, "the database '\(path)' has layout \(found); this program knows layouts up to \(known)",
            hint: "use the newer program that wrote it, or restore a backup made before the upgrade")
    }

    static func newerSchema(part: String, found: Int, known: Int) -> Self {
        let knows = known == 0 ? "this program does not know that part" : "this program knows \(known)"
        return Self(
            .newerSchema, "the tables of '\(part)' are at schema \(found); \(knows)",
            hint: "use the newer program that wrote them, or restore a backup made before the upgrade")
    }

    static func changedMigration(part: String, number: Int) -> Self {
        Self(
            .changedMigration, "the tables of '\(part)' were made by another migration \(number) than this program has",
            hint: "use the build that made this database; released migrations never change")
    }

    static func strayMigration(_ migration: Migration, touched: String) -> Self {
        Self(
            .strayMigration,
            "migration \(migration.number) of '\(migration.part)' touches '\(touched)', which it does not own",
            hint: "tables and indexes of a part begin with '\(migration.part)_'")
    }

    static func wrongType(column: String, expected: String, found: String) -> Self {
        Self(.wrongType, "column '\(column)' holds \(found) where \(expected) was asked for")
    }

    static func noColumn(_ column: String, columns: [String]) -> Self {
        Self(.wrongType, "the answer has no column '\(column)'; it has \(columns.joined(separator: ", "))")
    }

    static func unstorable(_ what: String) -> Self {
        Self(.unstorable, "the row was refused: the database cannot hold \(what)")
    }

    static func tooManyRows(limit: Int) -> Self {
        Self(.tooManyRows, "the answer has more than \(limit) rows", hint: "ask for it in pages")
    }

    static func stopped(after cause: String) -> Self {
        Self(
            .stopped, "the database takes no writes since an earlier failure: \(cause)",
            hint: "check the disk, then restart; what was answered before the failure is kept")
    }
}
