import Synchronization

/// Work on rows that can be done in parts, side by side on several cores.
///
/// It is split only while no other such work runs: then there are cores to spare and somebody waits for this one input.
/// Under load every input is worked on whole, which costs least in all. The work is a function of its part alone, so nothing
/// depends on how it was split but the time that it takes.
final class PartedWork: Sendable {
    /// How many inputs are worked on right now.
    private let running = Atomic<Int>(0)

    /// Into how many parts so many rows are best split now.
    func partCount(ofRows rows: Int, _ limits: Platform.Limits) -> Int {
        running.load(ordering: .relaxed) > 0 ? 1 : min(limits.ingestParts, max(1, rows / limits.ingestPartRows))
    }

    /// The results of all parts, in their order.
    func map<Part: Sendable, Result: Sendable>(
        _ parts: [Part], _ body: @escaping @Sendable (Part) -> Result
    ) async -> [Result] {
        running.add(1, ordering: .relaxed)
        defer { running.subtract(1, ordering: .relaxed) }
        if parts.count == 1 { return [body(parts[0])] }
        return await withTaskGroup(of: (index: Int, result: Result).self) { group in
            for (index, part) in parts.enumerated().dropFirst() { group.addTask { (index, body(part)) } }
            var results = [Result?](repeating: nil, count: parts.count)
            if let first = parts.first { results[0] = body(first) }
            for await (index, result) in group { results[index] = result }
            return results.compactMap { $0 }
        }
    }
}
