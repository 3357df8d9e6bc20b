import MartletDefinitions
import MartletPlan
import Testing

@Suite("Random mutations of a project")
struct MutationTests {
    /// SplitMix64.
    struct Generator: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var mixed = state
            mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
            return mixed ^ (mixed >> 31)
        }
    }

    static let pieces = [
        "", " ", "\n", ":", ": ", "- ", "[", "]", "{", "}", ",", "\"", "'", "#", "&a", "*a", "!x", "|", ">", "?", "? ", "\t", "~", "null", "true",
        "---\n", "...", "0", "-1", "1d", "9999999999999999999", "1e308", "%", "é", "\u{0}", "\u{FEFF}", "\u{2028}", "<<: ", "*", ".*", "customer.",
        "request.amount", "is_fraud", "customer_id", "windows", "of", "has(", "\\", "\"\\uD800\"", "2018-02-31", "60%",
    ]

    @Test("give plans or located errors, and never a trap", arguments: 0..<40)
    func mutate(seed: UInt64) {
        var random = Generator(state: seed)
        for round in 0..<40 {
            var files = Projects.design
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let index = Int.random(in: 0..<files.count, using: &random)
                files[index].1 = mutated(files[index].1, using: &random)
            }
            do {
                let project = try ProjectPlan.check(Projects.source(files))
                let definitions = project.definitions
                let again = try? DefinitionSet(encoded: definitions.encoded)
                #expect(again == definitions, "seed \(seed), round \(round)")
                #expect(!ProjectPlan.text(project, applied: .empty).isEmpty)
            } catch {
                #expect(!error.errors.isEmpty, "seed \(seed), round \(round)")
                for told in error.errors {
                    #expect(!told.message.isEmpty && told.place != nil, "seed \(seed), round \(round): \(told)")
                    guard let place = told.place, let file = files.first(where: { $0.0 == place.file }) else {
                        Issue.record("seed \(seed), round \(round): \(told) is in no file")
                        continue
                    }
                    let lines = file.1.unicodeScalars.reduce(1) { $1 == "\n" || $1 == "\r" || $1 == "\u{2028}" || $1 == "\u{85}" || $1 == "\u{2029}" ? $0 + 1 : $0 }
                    #expect((1...lines + 1).contains(place.line) && place.column >= 1, "seed \(seed), round \(round): \(told)")
                }
            }
        }
    }

    private func mutated(_ text: String, using random: inout Generator) -> String {
        var scalars = Array(text.unicodeScalars)
        let at = Int.random(in: 0...scalars.count, using: &random)
        switch Int.random(in: 0..<5, using: &random) {
        case 0:
            scalars.insert(contentsOf: (Self.pieces.randomElement(using: &random) ?? "").unicodeScalars, at: at)
        case 1:
            scalars.removeSubrange(at..<min(scalars.count, at + Int.random(in: 1...12, using: &random)))
        case 2:
            let end = min(scalars.count, at + Int.random(in: 1...30, using: &random))
            scalars.insert(contentsOf: Array(scalars[at..<end]), at: Int.random(in: 0...scalars.count, using: &random))
        case 3:
            // A whole word of the file in another's place.
            var words = text.split(whereSeparator: { " \n,:[]{}".contains($0) }).map(String.init)
            words += Self.pieces
            let end = scalars[at...].firstIndex { " \n,:[]{}".unicodeScalars.contains($0) } ?? scalars.count
            scalars.replaceSubrange(at..<end, with: (words.randomElement(using: &random) ?? "").unicodeScalars)
        default:
            var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
            lines.swapAt(Int.random(in: 0..<lines.count, using: &random), Int.random(in: 0..<lines.count, using: &random))
            return lines.joined(separator: "\n")
        }
        var result = String.UnicodeScalarView()
        result.append(contentsOf: scalars)
        return String(result)
    }
}
