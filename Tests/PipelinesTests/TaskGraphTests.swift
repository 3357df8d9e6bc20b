import MartletDefinitions
import MartletPipelines
import MartletWorld
import Testing

@Suite("The graph of tasks")
struct TaskGraphTests {
    private func after(_ tasks: String) throws -> [String: [String]] {
        let read = try Reading.tasks(tasks).tasks
        return Dictionary(uniqueKeysWithValues: read.map { ($0.name, $0.after) })
    }

    @Test("after a group is after its last tasks, and what is before a group is before its first ones")
    func groups() throws {
        let graph = try after(
            """
              start: { run: [x] }
              g:
                after: start
                tasks:
                  a: { run: [x] }
                  b: { run: [x], after: a }
                  c: { run: [x], after: a }
                  h: { tasks: { d: { run: [x] }, e: { run: [x], after: d } }, after: b }
                  f: { run: [x] }
              end: { run: [x], after: g }
              beside: { run: [x], after: [g.h, g.a, start] }
            """)
        #expect(
            graph == [
                "start": [], "g.a": ["start"], "g.b": ["g.a"], "g.c": ["g.a"], "g.h.d": ["g.b"], "g.h.e": ["g.h.d"], "g.f": ["start"],
                "end": ["g.c", "g.h.e", "g.f"], "beside": ["start", "g.a", "g.h.e"],
            ])
    }

    @Test("a task in an inner group that leads out of it is last in the inner group and not in the outer one")
    func innerLast() throws {
        let graph = try after(
            """
              g:
                tasks:
                  h: { tasks: { a: { run: [x] }, b: { run: [x] } } }
                  c: { run: [x], after: h.a }
              inner: { run: [x], after: g.h }
              outer: { run: [x], after: g }
            """)
        #expect(graph["inner"] == ["g.h.a", "g.h.b"] && graph["outer"] == ["g.h.b", "g.c"])
    }

    @Test("a short name means the task beside, before one further out")
    func shortNames() throws {
        let graph = try after(
            "  a: { run: [x] }\n  g: { tasks: { a: { run: [x] }, b: { run: [x], after: a } } }\n  h: { tasks: { b: { run: [x], after: a } } }\n")
        #expect(graph["g.b"] == ["g.a"] && graph["h.b"] == ["a"])
    }

    @Test("a circle is told with its path, once", arguments: [
        ("  a: { run: [x], after: c }\n  b: { run: [x], after: a }\n  c: { run: [x], after: b }\n  d: { run: [x], after: c }\n", "a → b → c → a"),
        ("  g: { after: h, tasks: { a: { run: [x] } } }\n  h: { after: g, tasks: { b: { run: [x] } } }\n", "g.a → h.b → g.a"),
    ])
    func circles(tasks: String, path: String) {
        let said = Reading.complaints(tasks: tasks)
        #expect(said.contains("wait for each other in a circle: \(path)"))
        #expect(said.split(separator: "\n").count == 2, "\(said)")
    }

    @Test("a task reads results of tasks before it, however far, and of no others")
    func visibility() throws {
        let chain = "  a: { run: [x], outputs: { n: int64 } }\n  b: { run: [x], after: a }\n  c: { run: [x], after: b }\n"
        let pipeline = try Reading.tasks(chain + "  d: { run: [x, \"${tasks.a.n}\"], after: c }\n")
        #expect(pipeline.task("d")?.readings == ["tasks.a.n"])
        let said = Reading.complaints(tasks: chain + "  d: { run: [x, \"${tasks.a.n}\"] }\n")
        #expect(
            said == """
                error: pipelines/p.yaml:7:20: task 'd' of pipeline 'p' reads 'tasks.a.n', and does not come after 'a'
                 hint: add to it: after: a
                """)
        #expect(Reading.complaints(tasks: "  a: { run: [x, \"${tasks.a.state}\"] }\n").contains("reads 'tasks.a.state', its own result"))
        #expect(Reading.complaints(tasks: "  z: { run: [x, \"${tasks.a.state}\"] }\n  a: { run: [x] }\n").contains("does not come after 'a'"))
    }

    @Test("random groups and dependencies: what is last, first and visible is what the words mean", arguments: 0..<60 as Range<UInt64>)
    func oracle(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let count = Int.random(in: 2...14, using: &random)
        // Items in order; each comes after earlier ones only, so there is no circle.
        var parents: [Int?] = []
        var isGroup: [Bool] = []
        var names: [String] = []
        for index in 0..<count {
            let around = index == 0 ? nil : [index - 1, parents[index - 1]].compactMap { $0 }.filter { isGroup[$0] }.randomElement(using: &random)
            let depth = around.map { names[$0].split(separator: ".").count } ?? 0
            parents.append(around)
            isGroup.append(index < count - 1 && depth < 3 && Int.random(in: 0..<3, using: &random) == 0)
            names.append((around.map { names[$0] + "." } ?? "") + "t\(index)")
        }
        // A group without anything in it becomes a task.
        for index in 0..<count where isGroup[index] && !parents.contains(index) { isGroup[index] = false }
        func isInside(_ item: Int, _ group: Int) -> Bool {
            var around = parents[item]
            while let next = around {
                if next == group { return true }
                around = parents[next]
            }
            return false
        }
        var declared: [(from: Int, to: Int)] = []
        for to in 0..<count {
            for from in 0..<to where !isInside(to, from) && Int.random(in: 0..<5, using: &random) == 0 { declared.append((from, to)) }
        }
        func text(_ group: Int?, indent: String) -> String {
            var lines = ""
            for index in 0..<count where parents[index] == group {
                let names = declared.filter { $0.to == index }.map { names[$0.from] }
                let after = names.isEmpty ? "" : "after: [\(names.joined(separator: ", "))]"
                let own = "t\(index)"
                if isGroup[index] {
                    lines += "\(indent)\(own):\n" + (after.isEmpty ? "" : "\(indent)  \(after)\n") + "\(indent)  tasks:\n"
                        + text(index, indent: indent + "    ")
                } else {
                    lines += "\(indent)\(own): { run: [x]\(after.isEmpty ? "" : ", " + after) }\n"
                }
            }
            return lines
        }
        let graph = try after(text(nil, indent: "  "))
        let tasks = (0..<count).filter { !isGroup[$0] }
        let index = Dictionary(uniqueKeysWithValues: tasks.map { (names[$0], $0) })
        func upstream(_ task: Int) -> Set<Int> { Set((graph[names[task]] ?? []).compactMap { index[$0] }) }
        func ends(_ item: Int, first: Bool) -> Set<Int> {
            guard isGroup[item] else { return [item] }
            let inside = tasks.filter { isInside($0, item) }
            return Set(inside.filter { one in
                !inside.contains { other in first ? upstream(one).contains(other) : upstream(other).contains(one) }
            })
        }
        var expected: [Int: Set<Int>] = [:]
        for (from, to) in declared {
            for one in ends(to, first: true) { expected[one, default: []].formUnion(ends(from, first: false)) }
        }
        for task in tasks { #expect(upstream(task) == expected[task] ?? [], "seed \(seed), \(names[task])") }
    }
}
