/// Tasks that others wait for, or that wait for others, as one: `Group("prepare") { split >> [left, right] }`.
public struct Group: PipelineStep {
    public var step: Step

    public init(
        _ name: String, file: String = #fileID, line: Int = #line, column: Int = #column, @FlowBuilder tasks: () -> Flow
    ) {
        step = Step(name, file, line, column)
        step.inside = tasks()
    }
}
