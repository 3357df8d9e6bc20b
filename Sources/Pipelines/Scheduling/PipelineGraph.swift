/// A pipeline's tasks by number, with their edges in both directions; immutable, and shared by the runs of one definition.
public final class PipelineGraph: Sendable {
    public struct Node: Sendable {
        public let task: TaskDefinition
        /// Ascending; what it maps over is among them.
        public let upstream: [Int]
        /// Ascending.
        public let downstream: [Int]
        /// The task whose result it maps over.
        let mapSource: Int?
    }

    public let definition: PipelineDefinition
    /// In the order of the definition's tasks.
    public let nodes: [Node]
    private let numbers: [String: Int]
    /// Tasks that may start at once, those of `on_failure` left out.
    let roots: [Int]
    /// The tasks of `on_failure`.
    let failureTasks: [Int]

    /// - Precondition: the definition is checked: names are unique, edges lead to tasks that exist, and there is no circle.
    /// - Complexity: O(tasks + edges).
    public init(_ definition: PipelineDefinition) {
        self.definition = definition
        let tasks = definition.tasks
        let numbers = Dictionary(uniqueKeysWithValues: tasks.enumerated().map { ($1.name, $0) })
        self.numbers = numbers
        var upstream = [[Int]](repeating: [], count: tasks.count)
        var downstream = [[Int]](repeating: [], count: tasks.count)
        var sources = [Int?](repeating: nil, count: tasks.count)
        for (number, task) in tasks.enumerated() {
            var before = Set(task.after.compactMap { numbers[$0] })
            if case .result(let source, _)? = task.mapping, let source = numbers[source] {
                sources[number] = source
                before.insert(source)
            }
            precondition(before.count >= task.after.count, "an edge of '\(task.name)' leads nowhere")
            upstream[number] = before.sorted()
            for other in upstream[number] { downstream[other].append(number) }
        }
        nodes = tasks.indices.map {
            Node(task: tasks[$0], upstream: upstream[$0], downstream: downstream[$0], mapSource: sources[$0])
        }
        roots = tasks.indices.filter { !tasks[$0].isOnFailure && (upstream[$0].isEmpty || tasks[$0].rule == .always) }
        failureTasks = tasks.indices.filter { tasks[$0].isOnFailure }
    }

    /// The number of a task; nil if there is none of the name.
    public func number(of name: String) -> Int? { numbers[name] }

    /// A task and all that it leads to, ascending.
    ///
    /// - Complexity: O(tasks + edges).
    public func reachable(from tasks: [Int]) -> [Int] {
        var seen = Set(tasks)
        var pending = tasks
        while let next = pending.popLast() {
            for other in nodes[next].downstream where seen.insert(other).inserted { pending.append(other) }
        }
        return seen.sorted()
    }
}
