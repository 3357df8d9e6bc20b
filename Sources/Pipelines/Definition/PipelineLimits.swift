/// How large a pipeline may be; a larger one is refused at plan.
enum PipelineLimits {
    static let tasks = 20_000
    /// What tasks wait for, all together, with groups written out.
    static let dependencies = 200_000
    /// Groups within one another.
    static let depth = 4
    static let parameters = 200
    static let triggers = 50
    /// Items of a mapping that is written out.
    static let items = 10_000
    static let arguments = 1_000
    /// Bytes of one text.
    static let textBytes = 1 << 16
    /// Of an `env`, `outputs` or `inputs`.
    static let entries = 1_000
    /// Of one task.
    static let secrets = 100
    /// Names among which the nearest to an unknown one is looked for.
    static let choices = 500
}
