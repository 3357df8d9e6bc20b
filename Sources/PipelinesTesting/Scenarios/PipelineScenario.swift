/// One scenario of the scheduler in plain text; `Tests/PipelinesTests/Scenarios/README.md` says how it is written.
package struct PipelineScenario: Sendable {
    /// When a step happens.
    package enum Time: Sendable, Equatable {
        case same
        case after(String)
        case at(String)
    }

    /// A line: something happens, and what follows from it.
    package struct Step: Sendable {
        package var line: Int
        package var time = Time.same
        /// What happens; empty for time alone.
        package var event = ""
        /// The block that stands under it.
        package var block = ""
        /// What follows, as it is written.
        package var expected: [String] = []
    }

    package var file: String
    package var line: Int
    package var title: String
    /// The pipelines in YAML, and the line before their first.
    package var pipelines = ""
    package var pools: [String: String] = [:]
    package var streams: [String] = []
    /// Of the scheduler: `runs`, `queued`, `interruptions`, `made`.
    package var limits: [String: String] = [:]
    package var steps: [Step] = []

    /// Reads a file of scenarios.
    ///
    /// - Throws: ``ScenarioError`` with the line that is not understood.
    package static func read(_ text: String, file: String) throws(ScenarioError) -> [PipelineScenario] {
        var reader = ScenarioReader(file: file)
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            try reader.take(String(line), number: index + 1)
        }
        return reader.scenarios
    }
}

/// A scenario that cannot be read, or in which something else happens than it tells.
package struct ScenarioError: Error, Hashable, CustomStringConvertible {
    package var file: String
    package var line: Int
    package var message: String

    package var description: String { "\(file):\(line): \(message)" }
}

private struct ScenarioReader {
    let file: String
    var scenarios: [PipelineScenario] = []
    /// How far lines of the block that is being read are indented; nil outside of one.
    private var block: (indent: Int, isHead: Bool)?

    init(file: String) { self.file = file }

    func fail(_ line: Int, _ message: String) -> ScenarioError { ScenarioError(file: file, line: line, message: message) }

    mutating func take(_ text: String, number: Int) throws(ScenarioError) {
        let indent = text.prefix { $0 == " " }.count
        let trimmed = text.drop { $0 == " " }
        if let block, !trimmed.isEmpty, indent >= block.indent {
            add(text.dropFirst(block.indent) + "\n", toHead: block.isHead)
            return
        }
        if trimmed.isEmpty || trimmed.hasPrefix("#") { return }
        block = nil
        let (word, rest) = split(trimmed, at: ":")
        if word == "scenario", let rest {
            guard !rest.isEmpty else { throw fail(number, "a scenario needs a title") }
            scenarios.append(PipelineScenario(file: file, line: number, title: rest))
            return
        }
        guard let last = scenarios.indices.last else { throw fail(number, "a file begins with 'scenario: TITLE'") }
        if scenarios[last].steps.isEmpty, let rest {
            switch word {
            case "pipelines":
                block = (2, true)
                return
            case "pools": return scenarios[last].pools = try pairs(rest, number)
            case "limits": return scenarios[last].limits = try pairs(rest, number)
            case "streams": return scenarios[last].streams = items(rest)
            default: break
            }
        }
        try step(trimmed, number, last)
    }

    private mutating func step(_ text: Substring, _ number: Int, _ scenario: Int) throws(ScenarioError) {
        var step = PipelineScenario.Step(line: number)
        var left = String(text)
        if let arrow = left.firstRange(of: "->") {
            step.expected = items(String(left[arrow.upperBound...]))
            guard !step.expected.isEmpty else { throw fail(number, "nothing stands after '->'") }
            left = String(left[..<arrow.lowerBound])
        }
        var words = left.split(separator: " ").map(String.init)
        if words.isEmpty {
            // Goes on with what follows from the step above.
            guard let above = scenarios[scenario].steps.indices.last else { throw fail(number, "no step stands above") }
            scenarios[scenario].steps[above].expected += step.expected
            return
        }
        if words[0] == "at" {
            guard words.count > 1 else { throw fail(number, "'at' needs a time") }
            step.time = .at(words[1])
            words.removeFirst(2)
        } else if words[0].hasPrefix("+") {
            step.time = .after(String(words.removeFirst().dropFirst()))
        }
        guard !scenarios[scenario].steps.isEmpty || step.time != .same else {
            throw fail(number, "the first step says when it is: 'at 2024-03-01T00:00:00Z'")
        }
        step.event = words.joined(separator: " ")
        if step.event == "apply:" { block = (4, false) }
        scenarios[scenario].steps.append(step)
    }

    private mutating func add(_ line: String, toHead isHead: Bool) {
        guard let last = scenarios.indices.last else { return }
        if isHead {
            scenarios[last].pipelines += line
        } else if let step = scenarios[last].steps.indices.last {
            scenarios[last].steps[step].block += line
        }
    }

    private func split(_ text: Substring, at separator: Character) -> (String, String?) {
        guard let index = text.firstIndex(of: separator) else { return (String(text), nil) }
        let rest = text[text.index(after: index)...].drop { $0 == " " }
        return (String(text[..<index]), String(rest))
    }

    private func pairs(_ text: String, _ line: Int) throws(ScenarioError) -> [String: String] {
        var found: [String: String] = [:]
        for item in items(text) {
            let words = item.split(separator: " ").map(String.init)
            guard words.count == 2 else { throw fail(line, "'\(item)' is no name with a size") }
            found[words[0]] = words[1]
        }
        return found
    }

    /// Split at commas that stand in no brackets.
    private func items(_ text: String) -> [String] {
        var found: [String] = []
        var item = ""
        var depth = 0
        for character in text {
            if character == "(" || character == "[" { depth += 1 }
            if character == ")" || character == "]" { depth -= 1 }
            if character == ",", depth == 0 {
                found.append(item)
                item = ""
            } else {
                item.append(character)
            }
        }
        found.append(item)
        return found.map { $0.trimmed }.filter { !$0.isEmpty }
    }
}

extension String {
    /// Without spaces at either end.
    var trimmed: String {
        let start = drop { $0 == " " }
        return String(start.reversed().drop { $0 == " " }.reversed())
    }
}
