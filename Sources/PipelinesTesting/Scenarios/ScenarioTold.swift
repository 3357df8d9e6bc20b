import MartletFrames

/// Something that happened, in a scenario's words.
struct ScenarioTold: Hashable {
    /// `starts p/1:a#1`, `p/1:a failed`.
    var text: String
    /// What may be left untold: a delay, an interval.
    var detail: String?
    /// Why; told in part or not at all.
    var reason: String?

    init(_ text: String, detail: String? = nil, reason: String? = nil) {
        self.text = text
        self.detail = detail
        self.reason = reason
    }

    var description: String { text + (detail.map { " " + $0 } ?? "") + (reason.map { " (\($0))" } ?? "") }
}

/// What a scenario tells of one step.
struct ScenarioTelling {
    /// The one run there is, whose name may be left out; nil if there are several.
    var onlyRun: String?

    static let verbs: Set = ["starts", "defers", "resumes", "stops", "clears", "keeps"]
    private static let others: Set = ["backfill", "pool", "refused", "nothing", "pipeline"]

    /// What an item means; several where it names several instances. Nil if the run must be named.
    func read(_ item: String) -> [ScenarioTold]? {
        var text = item
        var reason: String?
        if text.hasSuffix(")"), let open = text.firstIndex(of: "(") {
            reason = String(text[text.index(after: open)...].dropLast())
            text = String(text[..<open]).trimmed
        }
        var words = text.split(separator: " ").map(String.init)
        guard let first = words.first else { return nil }
        if Self.others.contains(first) { return [ScenarioTold(text, reason: reason)] }
        if Self.verbs.contains(first) {
            var told: [ScenarioTold] = []
            for word in words.dropFirst() {
                guard let full = named(word) else { return nil }
                told += full.map { ScenarioTold("\(first) \($0)", reason: reason) }
            }
            return told
        }
        var detail: String?
        if words.count > 2, words[2] == "in" || words[2] == "for" {
            detail = words[2...].joined(separator: " ")
            words.removeLast(words.count - 2)
        }
        guard let full = named(first) else { return nil }
        let rest = words.dropFirst().map { " " + $0 }.joined()
        return full.map { ScenarioTold($0 + rest, detail: detail, reason: reason) }
    }

    /// The full names of `a`, `a[0..2]#1`, `p/1:a`, `run`, `p/1`.
    func named(_ word: String) -> [String]? {
        var name = word
        if name == "run" {
            guard let onlyRun else { return nil }
            return [onlyRun]
        }
        if !name.contains("/") {
            guard let onlyRun else { return nil }
            name = onlyRun + ":" + name
        }
        guard let open = name.firstIndex(of: "["), let dots = name.firstRange(of: ".."), let close = name.firstIndex(of: "]"),
            let low = Int(name[name.index(after: open)..<dots.lowerBound]), let high = Int(name[dots.upperBound..<close]), low <= high
        else { return [name] }
        return (low...high).map { name[...open] + "\($0)" + name[close...] }
    }

    /// What is wrong with what was told of a step; nil if all of it happened and nothing else did.
    func problem(expected: [String], found: [ScenarioTold]) -> String? {
        var left = found
        var missing: [String] = []
        var wanted: [(item: String, told: ScenarioTold)] = []
        for item in expected where item != "nothing" {
            guard let told = read(item) else { return "there is more than one run; say of which one '\(item)' speaks" }
            wanted += told.map { (item, $0) }
        }
        // Those that say more choose first.
        for (item, told) in wanted.sorted(by: { weight($0.told) > weight($1.told) }) {
            if let index = left.firstIndex(where: { matches(told, $0) }) { left.remove(at: index) } else { missing.append(item) }
        }
        if missing.isEmpty, left.isEmpty { return nil }
        var parts: [String] = []
        if !missing.isEmpty { parts.append("told, and did not happen: " + missing.joined(separator: ", ")) }
        if !left.isEmpty { parts.append("happened, and is not told: " + left.map(\.description).joined(separator: ", ")) }
        return parts.joined(separator: "; ")
    }

    private func weight(_ told: ScenarioTold) -> Int { (told.detail == nil ? 0 : 2) + (told.reason == nil ? 0 : 1) }

    private func matches(_ wanted: ScenarioTold, _ found: ScenarioTold) -> Bool {
        guard wanted.text == found.text else { return false }
        if let reason = wanted.reason, found.reason?.contains(reason) != true { return false }
        guard let detail = wanted.detail else { return true }
        if detail == found.detail { return true }
        // `in 8s..10s`: within these bounds.
        guard let dots = detail.firstRange(of: ".."), let low = Timestamp.Span(String(detail[..<dots.lowerBound].dropFirst(3))),
            let high = Timestamp.Span(String(detail[dots.upperBound...])), let span = found.detail.flatMap({ Timestamp.Span(String($0.dropFirst(3))) })
        else { return false }
        return span >= low && span <= high
    }
}
