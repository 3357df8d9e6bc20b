public import MartletFrames

/// How sure an inference is, from 0 to 1, and why in one sentence.
public struct Finding: Hashable, Sendable {
    public var confidence: Double
    public var reason: String

    public init(_ confidence: Double, _ reason: String) {
        // Two decimals: more would claim more than is known.
        self.confidence = Double(Int(confidence * 100 + 0.5)) / 100
        self.reason = reason
    }
}

/// A column chosen for a part, such as the event time.
public struct InferredRole: Hashable, Sendable {
    public var column: String
    public var finding: Finding
}

/// What a column of a sample seems to be.
public struct InferredColumn: Hashable, Sendable {
    public var name: String
    public var type: ValueType
    public var typeFinding: Finding
    /// How numbers are read as times, for a timestamp that is written as one.
    public var timeUnit: TimeUnit?
    /// Whether times name their offset from UTC; false for those on a zone's clocks.
    public var hasZone: Bool
    /// Share of rows without a value, from 0 to 1; missing texts count.
    public var missingShare: Double
    /// Texts in the sample that seem to mean missing.
    public var missingTexts: [String]
    /// How many different values the sample has, missing ones left out.
    public var distinctCount: Int
    /// Of numbers and times, and in byte order of texts; nil without a value.
    public var minimum: Value?
    public var maximum: Value?
    /// Up to five different values, in order of appearance.
    public var examples: [String]

    public var isConstant: Bool { distinctCount <= 1 }
}

/// A column that would give the label away, or know what cannot be known when a decision is made.
public struct LabelLeak: Hashable, Sendable {
    public enum Kind: String, Hashable, Sendable {
        /// It alone predicts the label almost perfectly.
        case predictsLabel = "predicts_label"
        /// Together with another column it makes the label up.
        case partOfLabel = "part_of_label"
        /// Its name says that it is known only afterwards.
        case knownAfterwards = "known_afterwards"
        /// It numbers the rows, so a model could only remember them.
        case identifier
    }

    public var column: String
    public var kind: Kind
    public var finding: Finding
}

/// What a file seems to be: enough to write a stream's definition and a first model.
public struct InferredStream: Hashable, Sendable {
    public var format: FileSample.Format
    /// Rows of the sample.
    public var rowCount: Int
    public var columns: [InferredColumn]
    /// Nil if no column is a time.
    public var eventTime: InferredRole?
    /// Nil if no single column identifies a row.
    public var uniqueKey: InferredRole?
    /// Columns that identify what rows are about, the likeliest first.
    public var entityKeys: [InferredRole]
    /// Candidates for a label, the likeliest first.
    public var labelCandidates: [InferredRole]
    /// The chosen label: the one asked for, or the likeliest if it is likely enough.
    public var label: InferredRole?
    /// Of a label of two values, the one that is asked about: true, 1, yes, or the rarer.
    public var positive: String?
    /// Of the chosen label; empty without one.
    public var leaks: [LabelLeak]

    public subscript(column: String) -> InferredColumn? { columns.first { $0.name == column } }

    /// The contract that the sample keeps; nil without an event time.
    ///
    /// - Parameter timeZone: in which naive times are read.
    public func contract(stream: String, timeZone: String = "UTC") -> StreamContract? {
        guard let eventTime else { return nil }
        let fields = columns.map { column in
            ContractField(
                column.name, column.type,
                isOptional: column.name != eventTime.column && column.name != uniqueKey?.column
                    && (column.missingShare > 0 || column.name == label?.column),
                timeUnit: column.timeUnit, missingTexts: column.missingTexts)
        }
        return StreamContract(
            stream: stream, fields: fields, eventTime: eventTime.column,
            unique: uniqueKey.map { [$0.column] } ?? [],
            timeZone: timeZone)
    }

    /// Infers a stream from a sample.
    ///
    /// - Parameter label: the column to predict, if the user named one.
    /// - Complexity: O(rows × columns), and for a number as label O(rows × columns²) at worst.
    public init(_ sample: FileSample, label asked: String? = nil) {
        let profiles = zip(sample.frame.schema.fields, sample.frame.columns).map { field, column in
            ColumnProfile(
                field.name, column, isQuoted: sample.quoted.contains(field.name),
                isComplete: sample.isComplete)
        }
        format = sample.format
        rowCount = sample.frame.rowCount
        columns = profiles.map { profile in
            var column = profile.inferred
            if sample.nested.contains(profile.name) {
                column.typeFinding = Finding(
                    0, "its values are arrays or objects, which no field can hold: such rows will be dead letters")
            }
            return column
        }
        let roles = RoleInference(profiles: profiles, rowCount: rowCount)
        eventTime = roles.eventTime()
        uniqueKey = roles.uniqueKey()
        let taken = Set([eventTime?.column, uniqueKey?.column].compactMap { $0 })
        entityKeys = roles.entityKeys(besides: taken)
        let keys = taken.union(entityKeys.filter { $0.finding.confidence >= 0.7 }.map(\.column))
        labelCandidates = roles.labels(besides: keys)
        if let asked {
            label = InferredRole(column: asked, finding: Finding(1, "it was asked for"))
        } else {
            label = labelCandidates.first.flatMap { $0.finding.confidence >= 0.4 ? $0 : nil }
        }
        positive = nil
        leaks = []
        if let chosen = label?.column, let profile = profiles.first(where: { $0.name == chosen }) {
            positive = profile.positive
            leaks = LeakDetection(label: profile, uniqueKey: uniqueKey?.column, eventTime: eventTime?.column)
                .leaks(among: profiles)
        }
    }
}
