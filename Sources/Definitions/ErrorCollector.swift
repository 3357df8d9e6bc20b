/// Gathers mistakes while a project is read, so that the user sees all of them at once.
///
/// A class because readers of nested parts add to the one list; it never leaves the call that made it.
package final class ErrorCollector {
    package private(set) var errors: [DefinitionError] = []
    package private(set) var omittedCount = 0
    package let limit: Int
    /// Codes of mistakes that count and are not told: those that may only follow from others.
    package var muted: Set<DefinitionError.Code> = []
    private var mutedCount = 0

    package init(limit: Int = 100) {
        self.limit = limit
    }

    package var isEmpty: Bool { count == 0 }
    package var count: Int { errors.count + omittedCount + mutedCount }

    package func add(_ error: DefinitionError) {
        if muted.contains(error.code) {
            mutedCount += 1
            return
        }
        guard !errors.contains(error) else { return }
        if errors.count < limit { errors.append(error) } else { omittedCount += 1 }
    }

    package func add(
        _ code: DefinitionError.Code, at place: SourcePlace?, _ message: String, found: String? = nil,
        expected: String? = nil, hint: String? = nil
    ) {
        add(DefinitionError(code, at: place, message, found: found, expected: expected, hint: hint))
    }

    /// Reports a reference to something that does not exist, with the nearest name and the choices.
    ///
    /// - Parameters:
    ///   - what: the singular word: `function`.
    ///   - within: where it was looked for, after the name: ` in stream 'orders'`.
    ///   - plural: the word before the list of choices: `functions`.
    package func addUnknown(
        _ what: String, _ name: String, within: String = "", at place: SourcePlace, choices: [String],
        plural: String,
        code: DefinitionError.Code = .unknownName
    ) {
        // Beyond the limit mistakes are only counted, and need no search among the choices.
        guard errors.count < limit else { return add(DefinitionError(code, at: place, "unknown \(what)")) }
        let listed = ErrorCollector.listing(choices)
        add(
            DefinitionError(
                code, at: place, "unknown \(what) '\(name.shortened(to: 60))'\(within)",
                found: name.shortened(to: 60),
                expected: listed.isEmpty ? nil : listed, nearest: NearestMatch.of(name, in: choices),
                hint: listed.isEmpty ? "there are no \(plural) yet" : "\(plural): \(listed)"))
    }

    /// A list of names for a sentence, cut to what a person reads.
    package static func listing(_ names: [String], limit: Int = 12) -> String {
        let shown = names.prefix(limit).map { $0.shortened(to: 40) }.joined(separator: ", ")
        return names.count > limit ? shown + " … (\(names.count) in all)" : shown
    }

    /// Everything found, by place.
    package var collected: DefinitionErrors {
        let sorted = errors.enumerated().sorted { left, right in
            switch (left.element.place, right.element.place) {
            case (let first?, let second?) where first != second: first < second
            case (nil, _?): true
            case (_?, nil): false
            default: left.offset < right.offset
            }
        }
        return DefinitionErrors(sorted.map(\.element), omittedCount: omittedCount)
    }
}
