/// What the words in a column's name say about it.
///
/// Only words that mean the same in every trade; a name of one trade is told by its data.
enum NameHints {
    /// The words of a name in lower case: `tx_dateTime2` gives `tx`, `date`, `time2`.
    static func words(_ name: String) -> [String] {
        var words: [String] = []
        var word = ""
        var wasLower = false
        for character in name.unicodeScalars {
            let isLetter = character.properties.isAlphabetic || "0"..."9" ~= character
            let isUpper = "A"..."Z" ~= character
            if !isLetter || isUpper && wasLower {
                if !word.isEmpty { words.append(word.lowercased()) }
                word = ""
            }
            if isLetter { word.unicodeScalars.append(character) }
            wasLower = isLetter && !isUpper
        }
        if !word.isEmpty { words.append(word.lowercased()) }
        return words
    }

    private static let times: Set<String> = [
        "time", "timestamp", "ts", "date", "datetime", "epoch", "at", "created", "updated", "when", "moment",
        "dt",
    ]
    private static let firstTimes: Set<String> = ["event", "created", "start", "started", "begin"]
    private static let lastTimes: Set<String> = [
        "updated", "modified", "end", "ended", "finish", "finished", "closed", "resolved", "completed",
        "settled",
        "expires", "expiry", "birth",
    ]
    private static let keys: Set<String> = [
        "id", "key", "uuid", "guid", "ref", "number", "no", "num", "code", "index", "row", "instant",
    ]
    private static let strongLabels: Set<String> = ["label", "target", "class", "y", "outcome", "response"]
    private static let weakLabels: Set<String> = [
        "default", "churn", "churned", "click", "clicked", "converted", "conversion", "income", "survived",
        "result", "rating",
        "score", "delay", "cnt", "count", "volume", "found", "approved", "success", "failed", "failure",
        "revenue", "sales",
    ]
    private static let afterwards: Set<String> = [
        "duration", "after", "post", "final", "actual", "result", "outcome", "resolved", "resolution",
        "closed", "settled",
        "end", "ended", "finished", "completed", "refund", "refunded", "label", "target", "prediction",
        "predicted",
    ]

    static func isTime(_ name: String) -> Bool {
        let words = words(name)
        return words.contains(where: times.contains)
            || words.last.map { $0.hasSuffix("time") || $0.hasSuffix("date") } == true
    }

    static func isExactlyTime(_ name: String) -> Bool {
        ["time", "timestamp", "ts", "t", "epoch"].contains(name.lowercased())
    }
    static func isFirstTime(_ name: String) -> Bool { words(name).contains(where: firstTimes.contains) }
    static func isLastTime(_ name: String) -> Bool { words(name).contains(where: lastTimes.contains) }

    static func isKey(_ name: String) -> Bool {
        guard let last = words(name).last else { return false }
        return keys.contains(last) || last.hasSuffix("id") && last.count > 4 || last == "ids"
    }

    static func isIdentifier(_ name: String) -> Bool {
        guard let last = words(name).last else { return false }
        return last == "id" || last == "uuid" || last == "guid" || last == "key"
    }

    static func isStrongLabel(_ name: String) -> Bool {
        let words = words(name)
        return words.count <= 2 && words.contains(where: strongLabels.contains)
    }

    static func isWeakLabel(_ name: String) -> Bool { words(name).contains(where: weakLabels.contains) }
    static func isQuestion(_ name: String) -> Bool {
        ["is", "has", "did", "was", "will"].contains(words(name).first)
    }
    /// The word that says so; nil if none does.
    static func knownAfterwards(_ name: String) -> String? { words(name).first(where: afterwards.contains) }
}
