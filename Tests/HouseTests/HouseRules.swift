import Foundation

/// The rules that keep the house's shape, as plain functions over text, so that each has a canary that must fail.
struct HouseRules {
    /// The targets of the manifest in its order, each with the targets it names.
    var targets: [(name: String, dependencies: [String])]

    init(manifest: String) throws {
        targets = []
        let pattern = #/\.(?:part|program|library)\(\s*"(\w+)"(?:,\s*on:\s*\[([^\]]*)\])?/#
        for match in manifest.matches(of: pattern) {
            let names = (match.2 ?? "").split(separator: ",").map { $0.trimmingCharacters(in: CharacterSet(charactersIn: " \"\n")) }
            targets.append((String(match.1), names.filter { !$0.isEmpty }))
        }
    }

    /// A target may depend only on targets that stand above it in the manifest.
    func arrowsThatPointUp() -> [String] {
        var seen: Set<String> = []
        var problems: [String] = []
        for target in targets {
            for dependency in target.dependencies where !seen.contains(dependency) {
                problems.append("\(target.name) depends on \(dependency), which does not stand below it")
            }
            seen.insert(target.name)
        }
        return problems
    }

    /// What one source file does that no file of its target may do.
    func problems(in text: String, file: String, target: String) -> [String] {
        let code = HouseRules.withoutComments(text)
        var problems: [String] = []
        let allowed = Set(targets.first { $0.name == target }?.dependencies ?? [])
        for match in code.matches(of: #/import (?:struct |enum |func |class )?Martlet(\w+)/#) where !allowed.contains(String(match.1)) {
            problems.append("\(file) imports Martlet\(match.1), which the manifest does not give to \(target)")
        }
        if HouseRules.ground.contains(target) {
            for match in code.matches(of: #/import (Foundation|FoundationEssentials|Dispatch|NIOCore)\b/#) {
                problems.append("\(file) imports \(match.1) on the ground floor")
            }
        }
        for (pattern, words) in HouseRules.banned where !(HouseRules.exempt[target] ?? []).contains(words) {
            if code.contains(pattern) { problems.append("\(file) uses \(words)") }
        }
        for (pattern, words) in HouseRules.markers where text.contains(pattern) {
            problems.append("\(file) contains \(words)")
        }
        if target != "Demo", target != "Command" {
            for match in text.lowercased().matches(of: #/\b(fraud|merchant|cardholder|terminal_id|recommender)\b/#) {
                problems.append("\(file) names an example's domain: '\(match.1)'")
            }
        }
        return problems
    }

    static let ground: Set = ["Bytes", "Frames", "Numerics", "Expressions", "Statistics", "Features", "Models"]

    private static let clock = "the system clock; take it from World"
    private static let randomness = "randomness of its own; take it from World"
    private static let files = "the file system; take it from World"
    private static let programs = "a program of its own; start it by World"
    private static let traps = "a trap on input"

    nonisolated(unsafe) private static let banned: [(Regex<Substring>, String)] = [
        (#/\bDate\(\)|\bDate\.now|clock_gettime|gettimeofday|ContinuousClock|SuspendingClock|DispatchTime\.now|Task\.sleep/#, clock),
        (#/\.random\(in:(?!.*using:)|SystemRandomNumberGenerator|\bUUID\(\)|arc4random/#, randomness),
        (#/FileManager|FileHandle\(|\bfopen\(|\bopenat\(|contentsOfFile/#, files),
        (#/posix_spawn|\bexecve?\(|\bpopen\(|\bv?fork\(|\bProcess\(\)/#, programs),
        (#/\btry!|\bfatalError\(|\bas!/#, traps),
    ]

    /// Where a ban does not hold, since the target is the one place that does the thing.
    private static let exempt: [String: Set<String>] = [
        "World": [clock, randomness, files, programs],
        "Simulation": [randomness],
    ]

    nonisolated(unsafe) private static let markers: [(Regex<Substring>, String)] = [
        (#/\b(?:TODO|FIXME|XXX|HACK)\b/#, "a leftover marker"),
    ]

    static func withoutComments(_ text: String) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false)
            .map { line in
                let trimmed = line.drop { $0 == " " }
                if trimmed.hasPrefix("//") { return Substring() }
                if let comment = line.firstRange(of: " // ") { return line[..<comment.lowerBound] }
                return line
            }
            .joined(separator: "\n")
    }
}
