/// Where in the user's files something was written.
public struct SourcePlace: Hashable, Sendable, Comparable {
    /// The path from the project's folder, with `/`.
    public var file: String
    /// From 1.
    public var line: Int
    /// From 1, in Unicode scalars.
    public var column: Int

    public init(file: String, line: Int, column: Int) {
        self.file = file
        self.line = line
        self.column = column
    }

    public static func < (left: Self, right: Self) -> Bool {
        (left.file, left.line, left.column) < (right.file, right.line, right.column)
    }
}

extension SourcePlace: CustomStringConvertible {
    public var description: String { "\(file):\(line):\(column)" }
}
