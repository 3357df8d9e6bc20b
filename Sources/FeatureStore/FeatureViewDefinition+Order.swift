/// Sorts names so that each comes after what it needs; of those that are free to go, the first added goes first.
struct DependencyOrder {
    private var names: [String] = []
    private var needs: [String: Set<String>] = [:]

    mutating func add(_ name: String, needs needed: Set<String>) {
        guard needs[name] == nil else { return }
        names.append(name)
        needs[name] = needed
    }

    /// Without the names in cycles and those that need them.
    var sorted: [String] {
        var done: Set<String> = []
        var result: [String] = []
        var rest = names
        while true {
            let ready = rest.filter { (needs[$0] ?? []).allSatisfy { done.contains($0) || needs[$0] == nil } }
            if ready.isEmpty { return result }
            result += ready
            done.formUnion(ready)
            rest.removeAll { done.contains($0) }
        }
    }

    /// The names that cannot be sorted.
    var cyclic: Set<String> {
        Set(names).subtracting(sorted)
    }

    /// One circle for each group of names that need each other, each in order of need.
    var cycles: [[String]] {
        let stuck = cyclic
        var told: Set<String> = []
        var result: [[String]] = []
        for start in names where stuck.contains(start) && !told.contains(start) {
            var path: [String] = []
            var name = start
            // Everything stuck needs something stuck, so this walk returns to itself or meets what was told.
            while !path.contains(name), !told.contains(name) {
                path.append(name)
                guard let next = (needs[name] ?? []).sorted().first(where: { stuck.contains($0) }) else { break }
                name = next
            }
            if let index = path.firstIndex(of: name) { result.append(Array(path[index...])) }
            told.formUnion(path)
        }
        return result
    }
}
