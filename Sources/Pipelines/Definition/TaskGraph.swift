import MartletDefinitions

/// Which task waits for which: groups written out, checked, put in order.
///
/// Linear in tasks and dependencies.
struct TaskGraph {
    /// Of each item of the tree the tasks that it waits for, ascending; empty for a group.
    private(set) var upstream: [[Int]]
    /// All tasks, each after those that it waits for as far as no circle prevents it.
    private(set) var order: [Int] = []
    /// Whether some mistake makes what comes before what uncertain.
    private(set) var isBroken = false

    init(_ tree: TaskTree, errors: ErrorCollector) {
        upstream = Array(repeating: [], count: tree.items.count)
        let before = errors.count
        let declared = TaskGraph.declared(tree, errors: errors)
        connect(declared, tree, errors: errors)
        sort(tree, errors: errors)
        isBroken = errors.count > before
    }

    // MARK: What is written

    /// One item that is written to come after another.
    private struct Dependency {
        var from: Int
        var to: Int
        var place: SourcePlace
    }

    private static func declared(_ tree: TaskTree, errors: ErrorCollector) -> [Dependency] {
        var result: [Dependency] = []
        for (index, item) in tree.items.enumerated() {
            var seen: Set<Int> = []
            for name in item.after {
                guard let found = tree.resolve(name.value, from: index) else {
                    let names = tree.items.lazy.filter { $0.isOnFailure == item.isOnFailure }.map(\.name)
                    errors.addUnknown(
                        "task", name.value, within: " in the key 'after' of \(tree.title(index))", at: name.place,
                        choices: Array(names.prefix(PipelineLimits.choices)), plural: "tasks")
                    continue
                }
                let other = tree.items[found]
                if found == index {
                    errors.add(.cycle, at: name.place, "\(tree.title(index)) is to come after itself", found: name.value)
                } else if other.isGroup, index > found, index < other.end {
                    errors.add(
                        .cycle, at: name.place, "\(tree.title(index)) is to come after '\(other.name)', the group that it is in",
                        found: name.value, hint: "write 'after' at the group, or name a task of it")
                } else if item.isGroup, found > index, found < item.end {
                    errors.add(
                        .cycle, at: name.place, "\(tree.title(index)) is to come after '\(other.name)', which is in it",
                        found: name.value)
                } else if item.isOnFailure, !other.isOnFailure {
                    errors.add(
                        .conflict, at: name.place,
                        "\(tree.title(index)) stands in 'on_failure', so it comes after every other task; it need not name '\(other.name)'",
                        found: name.value, hint: "to run it for one task only, write: when: tasks.\(other.name).state == \"failed\"")
                } else if !item.isOnFailure, other.isOnFailure {
                    errors.add(
                        .conflict, at: name.place,
                        "\(tree.title(index)) can never start: '\(other.name)' stands in 'on_failure' and waits for it",
                        found: name.value, hint: "move one of them")
                } else if !seen.insert(found).inserted {
                    errors.add(
                        .duplicate, at: name.place, "'\(name.value)' stands twice in the key 'after' of \(tree.title(index))",
                        found: name.value, hint: "keep one")
                } else {
                    result.append(Dependency(from: found, to: index, place: name.place))
                }
            }
        }
        return result
    }

    // MARK: Groups written out

    private mutating func connect(_ declared: [Dependency], _ tree: TaskTree, errors: ErrorCollector) {
        var ends = GroupEnds(tree)
        for dependency in declared { ends.note(from: dependency.from, to: dependency.to) }
        var total = 0
        for dependency in declared {
            let last = ends.last(of: dependency.from)
            let first = ends.first(of: dependency.to)
            total += last.count * first.count
            guard total <= PipelineLimits.dependencies else {
                errors.add(
                    .tooLarge, at: dependency.place,
                    "\(tree.pipeline) has more than \(PipelineLimits.dependencies) dependencies once its groups are written out",
                    hint: "put one task between two large groups")
                return
            }
            for task in first { upstream[task] += last }
        }
        for task in upstream.indices where upstream[task].count > 1 {
            upstream[task] = Array(Set(upstream[task])).sorted()
        }
    }

    // MARK: Order

    /// Depth first in the order of the file, with a stack of its own: a chain may be as long as the file.
    private mutating func sort(_ tree: TaskTree, errors: ErrorCollector) {
        enum Mark { case new, open, done }
        var marks = Array(repeating: Mark.new, count: upstream.count)
        var isTold = false
        for start in tree.items.indices where !tree.items[start].isGroup && marks[start] == .new {
            var stack: [(task: Int, next: Int)] = [(start, 0)]
            marks[start] = .open
            while let top = stack.last {
                guard top.next < upstream[top.task].count else {
                    marks[top.task] = .done
                    order.append(top.task)
                    stack.removeLast()
                    continue
                }
                stack[stack.count - 1].next += 1
                let other = upstream[top.task][top.next]
                switch marks[other] {
                case .done: break
                case .new:
                    marks[other] = .open
                    stack.append((other, 0))
                case .open:
                    guard !isTold, let from = stack.firstIndex(where: { $0.task == other }) else { break }
                    isTold = true
                    // The stack goes from a task to what it waits for; people read it in the order of time.
                    let circle = stack[from...].map { tree.items[$0.task].name }.reversed()
                    let names = [tree.items[other].name] + circle
                    let shown =
                        names.count <= 12
                        ? names : Array(names.prefix(6)) + ["… (\(names.count - 11) more)"] + Array(names.suffix(5))
                    errors.add(
                        .cycle, at: tree.items[other].place,
                        "the tasks of \(tree.pipeline) wait for each other in a circle: \(shown.joined(separator: " → "))",
                        hint: "remove one of these 'after'")
                }
            }
        }
    }

    // MARK: What comes before what

    /// Of pairs of a task and another, those in which the other does not come before the task, however indirectly.
    ///
    /// - Complexity: O((tasks + dependencies) × different others ÷ 64).
    func notBefore(_ pairs: [(task: Int, other: Int)]) -> [Int] {
        var failed: [Int] = []
        var far: [Int: [Int]] = [:]
        for (index, pair) in pairs.enumerated() where !isUpstream(pair.other, of: pair.task) {
            far[pair.other, default: []].append(index)
        }
        let others = far.keys.sorted()
        for start in stride(from: 0, to: others.count, by: 64) {
            let batch = others[start..<min(start + 64, others.count)]
            var reached = [UInt64](repeating: 0, count: upstream.count)
            var own = [UInt64](repeating: 0, count: upstream.count)
            for (bit, other) in batch.enumerated() { own[other] = 1 << UInt64(bit) }
            for task in order {
                for before in upstream[task] { reached[task] |= reached[before] | own[before] }
            }
            for (bit, other) in batch.enumerated() {
                for index in far[other] ?? [] where reached[pairs[index].task] & (1 << UInt64(bit)) == 0 { failed.append(index) }
            }
        }
        return failed.sorted()
    }

    private func isUpstream(_ other: Int, of task: Int) -> Bool {
        let others = upstream[task]
        var low = 0
        var high = others.count
        while low < high {
            let middle = (low + high) / 2
            if others[middle] < other { low = middle + 1 } else { high = middle }
        }
        return low < others.count && others[low] == other
    }
}

/// The first and the last tasks of groups: those that nothing inside comes before, or after.
private struct GroupEnds {
    let tree: TaskTree
    /// Of each item the depth of the innermost group that holds both it, or what is around it, and something after it.
    private var leaves: [Int]
    /// The same for something before it.
    private var enters: [Int]
    private var firsts: [Int: [Int]] = [:]
    private var lasts: [Int: [Int]] = [:]

    init(_ tree: TaskTree) {
        self.tree = tree
        leaves = Array(repeating: -1, count: tree.items.count)
        enters = leaves
    }

    mutating func note(from: Int, to: Int) {
        let shared = zip(tree.groups(around: from), tree.groups(around: to)).prefix { $0 == $1 }.count
        leaves[from] = max(leaves[from], shared)
        enters[to] = max(enters[to], shared)
    }

    mutating func last(of item: Int) -> [Int] {
        guard tree.items[item].isGroup else { return [item] }
        if let known = lasts[item] { return known }
        let found = ends(of: item, leaves)
        lasts[item] = found
        return found
    }

    mutating func first(of item: Int) -> [Int] {
        guard tree.items[item].isGroup else { return [item] }
        if let known = firsts[item] { return known }
        let found = ends(of: item, enters)
        firsts[item] = found
        return found
    }

    private func ends(of group: Int, _ edges: [Int]) -> [Int] {
        // Inside the group means: shared groups down to this one at least.
        let inside = tree.items[group].depth + 1
        return ((group + 1)..<tree.items[group].end).filter { index in
            guard !tree.items[index].isGroup else { return false }
            if edges[index] >= inside { return false }
            return !tree.groups(around: index).contains { $0 > group && edges[$0] >= inside }
        }
    }
}
