package import MartletDefinitions
import MartletFrames

extension PipelineDefinition {
    /// Reads and checks all pipelines of a project, which may start one another; those with mistakes are left out.
    ///
    /// - Complexity: linear in the size of the files, apart from sorting.
    package static func read(
        _ blocks: [Block], in surroundings: PipelineSurroundings, errors: ErrorCollector
    ) -> [PipelineDefinition] {
        let headers = blocks.map { PipelineHeader($0, errors: errors) }
        let parameters = Dictionary(
            zip(blocks, headers).map { block, header -> (String, [PipelineParameter]?) in
                (block.name, header.isSound ? header.parameters : nil)
            }, uniquingKeysWith: { first, _ in first })
        let pipelines = zip(blocks, headers).compactMap {
            read($0, header: $1, pipelines: parameters, in: surroundings, errors: errors)
        }
        refuseCircles(pipelines, errors: errors)
        return pipelines
    }

    private static func read(
        _ block: Block, header: PipelineHeader, pipelines: [String: [PipelineParameter]?], in surroundings: PipelineSurroundings,
        errors: ErrorCollector
    ) -> PipelineDefinition? {
        let before = errors.count
        guard var map = MapReader(block.node, keys, title: block.title, errors: errors) else { return nil }
        _ = (map.node("pipeline"), map.node("time_zone"), map.node("parameters"))
        let scheduleNode = map.node("schedule")
        let beside = ScheduleReader.Beside(start: map.node("start"), end: map.node("end"), catchup: map.bool("catchup"))
        let triggersNode = map.node("triggers")
        let runs = map.integer("max_active_runs", in: 1...10_000)?.value
        let instances = map.integer("max_active_tasks", in: 1...100_000)?.value
        let priority = map.integer("priority", in: -1_000_000...1_000_000)?.value
        let above = Timestamp.Span(microseconds: 1)
        let deadline = map.span("deadline", atLeast: above)?.value
        let timeout = map.span("timeout", atLeast: above)?.value
        let defaultsNode = map.node("defaults")
        let tasksNode = map.required("tasks")
        let failureNode = map.node("on_failure")
        let doc = map.text("doc")?.value ?? ""
        map.finish()

        let schedule = ScheduleReader(title: block.title, zone: header.zone, errors: errors).read(scheduleNode, beside: beside)
        let triggers = TriggerReader(title: block.title, surroundings: surroundings, errors: errors).read(triggersNode)
        var defaults = TaskDefaults()
        if let defaultsNode,
            var map = MapReader(defaultsNode, defaultKeys, title: "the defaults of \(block.title)", errors: errors)
        {
            defaults.read(&map, surroundings: surroundings)
            map.finish()
        }
        var tree = TaskTree(pipeline: block.title, errors: errors)
        if let tasksNode { tree.add(tasksNode, key: "tasks", isOnFailure: false) }
        if let failureNode { tree.add(failureNode, key: "on_failure", isOnFailure: true) }
        let graph = TaskGraph(tree, errors: errors)
        let hasInterval = scheduleNode != nil || triggersNode.map(TriggerReader.mentionsStream) == true
        let names = TaskNames(tree, parameters: header.parameters, hasInterval: hasInterval, zone: header.zone, errors: errors)
        let tasks = TaskDefinitionReader(
            tree: tree, graph: graph, names: names, surroundings: surroundings, pipelines: pipelines, defaults: defaults, errors: errors
        ).readAll()
        guard errors.count == before, header.isSound, let tasks, !tasks.isEmpty else { return nil }
        return PipelineDefinition(
            name: block.name, place: block.place, schedule: schedule, timeZone: header.zone, triggers: triggers,
            parameters: header.parameters, maxActiveRuns: runs.map { Int($0) } ?? 16, maxActiveTasks: instances.map { Int($0) } ?? 16,
            priority: priority.map { Int($0) } ?? 0, deadline: deadline, timeout: timeout, tasks: tasks, doc: doc)
    }

    /// Reports pipelines that start each other in a circle.
    private static func refuseCircles(_ pipelines: [PipelineDefinition], errors: ErrorCollector) {
        let indices = Dictionary(pipelines.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
        let started: [[(index: Int, place: SourcePlace)]] = pipelines.map { pipeline in
            pipeline.tasks.compactMap { task in
                (task.work.base as? PipelineWork).flatMap { work in indices[work.pipeline].map { ($0, task.place) } }
            }
        }
        enum Mark { case new, open, done }
        var marks = Array(repeating: Mark.new, count: pipelines.count)
        for start in pipelines.indices where marks[start] == .new {
            var stack: [(pipeline: Int, next: Int)] = [(start, 0)]
            marks[start] = .open
            while let top = stack.last {
                guard top.next < started[top.pipeline].count else {
                    marks[top.pipeline] = .done
                    stack.removeLast()
                    continue
                }
                stack[stack.count - 1].next += 1
                let other = started[top.pipeline][top.next]
                if marks[other.index] == .new {
                    marks[other.index] = .open
                    stack.append((other.index, 0))
                } else if marks[other.index] == .open, let from = stack.firstIndex(where: { $0.pipeline == other.index }) {
                    let circle = stack[from...].map { pipelines[$0.pipeline].name } + [pipelines[other.index].name]
                    errors.add(
                        .cycle, at: other.place, "pipelines start each other in a circle: \(ErrorCollector.listing(circle).replacing(", ", with: " → "))",
                        found: pipelines[other.index].name, hint: "a run that starts itself never ends; remove one of these tasks")
                }
            }
        }
    }
}

extension TriggerReader {
    /// Whether the runs are about intervals of a stream, as far as the words say it; a mistake in them is told by itself.
    static func mentionsStream(_ node: LocatedNode) -> Bool {
        let items: [LocatedNode] = if case .list(let items) = node.content { items } else { [node] }
        return items.contains { item in
            if case .map(let entries) = item.content { entries.contains { $0.key == "stream" } } else { false }
        }
    }
}
