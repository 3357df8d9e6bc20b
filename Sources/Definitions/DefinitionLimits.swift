/// How large a project's files may be.
public struct DefinitionLimits: Hashable, Sendable {
    /// Bytes of one file. A pipeline of 20,000 tasks, which a program wrote, is one file of a few megabytes.
    public var fileBytes: Int
    /// Files of a project.
    public var files: Int
    /// Folders below a folder of definitions.
    public var folderDepth: Int
    /// Lists and maps within one another.
    public var depth: Int
    /// Values of one file: about ten a task of such a pipeline.
    public var nodes: Int
    /// Mistakes that are told; the rest is counted.
    public var errors: Int

    public init(
        fileBytes: Int = 4 << 20, files: Int = 2_000, folderDepth: Int = 8, depth: Int = 24,
        nodes: Int = 250_000,
        errors: Int = 100
    ) {
        self.fileBytes = fileBytes
        self.files = files
        self.folderDepth = folderDepth
        self.depth = depth
        self.nodes = nodes
        self.errors = errors
    }
}
