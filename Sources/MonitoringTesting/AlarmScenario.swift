import MartletFrames

/// One scenario of alarms in plain text; `Tests/MonitoringTests/Scenarios/README.md` says how it is written.
package struct AlarmScenario: Sendable {
    package enum Time: Sendable, Equatable {
        case same
        case after(String)
        case at(String)
    }

    /// A line: something happens, and what follows from it.
    package struct Step: Sendable {
        package var line: Int
        package var time = Time.same
        package var event = ""
        package var expected: [String] = []
    }

    /// A name with what is said of it, in the head.
    package struct Item: Sendable {
        package var line: Int
        package var name: String
        package var parts: [String]
    }

    package var file: String
    package var line: Int
    package var title: String
    package var rules: [Item] = []
    package var routes: [Item] = []
    package var receivers: [Item] = []
    package var actions: [Item] = []
    package var limits: [String] = []
    package var steps: [Step] = []

    /// Reads a file of scenarios.
    ///
    /// - Throws: ``AlarmScenarioError`` with the line that is not understood.
    package static func read(_ text: String, file: String) throws(AlarmScenarioError) -> [AlarmScenario] {
        var scenarios: [AlarmScenario] = []
        var section = ""
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let number = index + 1
            func fail(_ message: String) -> AlarmScenarioError { AlarmScenarioError(file: file, line: number, message: message) }
            let trimmed = String(line).trimmed
            if trimmed.isEmpty || trimmed.hasPrefix("#") { continue }
            if trimmed.hasPrefix("scenario:") {
                let title = String(trimmed.dropFirst(9)).trimmed
                guard !title.isEmpty else { throw fail("a scenario needs a title") }
                scenarios.append(AlarmScenario(file: file, line: number, title: title))
                section = ""
                continue
            }
            guard let last = scenarios.indices.last else { throw fail("a file begins with 'scenario: TITLE'") }
            if scenarios[last].steps.isEmpty {
                if ["rules:", "routes:", "receivers:", "actions:"].contains(trimmed) {
                    section = String(trimmed.dropLast())
                    continue
                }
                if trimmed.hasPrefix("limits:") {
                    scenarios[last].limits = items(String(trimmed.dropFirst(7)), at: ",")
                    continue
                }
                if !section.isEmpty, line.hasPrefix("  "), let colon = trimmed.firstIndex(of: ":") {
                    let parts = items(String(trimmed[trimmed.index(after: colon)...]), at: ";")
                    let item = Item(line: number, name: String(trimmed[..<colon]), parts: parts)
                    switch section {
                    case "rules": scenarios[last].rules.append(item)
                    case "routes": scenarios[last].routes.append(item)
                    case "receivers": scenarios[last].receivers.append(item)
                    default: scenarios[last].actions.append(item)
                    }
                    continue
                }
            }
            section = ""
            var step = Step(line: number)
            var left = trimmed
            if let arrow = left.firstRange(of: "->") {
                step.expected = items(String(left[arrow.upperBound...]), at: ",")
                guard !step.expected.isEmpty else { throw fail("nothing stands after '->'") }
                left = String(left[..<arrow.lowerBound]).trimmed
                if left.isEmpty {
                    guard let above = scenarios[last].steps.indices.last else { throw fail("no step stands above") }
                    scenarios[last].steps[above].expected += step.expected
                    continue
                }
            }
            var words = left.split(separator: " ").map(String.init)
            if words[0] == "at" {
                guard words.count > 1 else { throw fail("'at' needs a time") }
                step.time = .at(words[1])
                words.removeFirst(2)
            } else if words[0].hasPrefix("+") {
                step.time = .after(String(words.removeFirst().dropFirst()))
            }
            guard !scenarios[last].steps.isEmpty || step.time != .same else {
                throw fail("the first step says when it is: 'at 2024-03-01'")
            }
            step.event = words.joined(separator: " ")
            scenarios[last].steps.append(step)
        }
        return scenarios
    }

    /// Split where the separator stands in no brackets.
    static func items(_ text: String, at separator: Character) -> [String] {
        var found: [String] = []
        var item = ""
        var depth = 0
        for character in text {
            if "([{".contains(character) { depth += 1 }
            if ")]}".contains(character) { depth -= 1 }
            if character == separator, depth == 0 {
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

/// A scenario that cannot be read, or in which something else happens than it tells.
package struct AlarmScenarioError: Error, Hashable, CustomStringConvertible {
    package var file: String
    package var line: Int
    package var message: String

    package var description: String { "\(file):\(line): \(message)" }
}

extension String {
    /// Without spaces at either end.
    var trimmed: String {
        let start = drop { $0 == " " }
        return String(start.reversed().drop { $0 == " " }.reversed())
    }
}
