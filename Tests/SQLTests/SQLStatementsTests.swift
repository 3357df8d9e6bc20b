import MartletFrames
import Testing

@testable import MartletSQL

@Suite("Statements of a text")
struct SQLStatementsTests {
    @Test("are cut at ';', and name their parameters, outside of quotes and comments", arguments: [
        ("SELECT 1", ["SELECT 1"], [[]]),
        ("SELECT 1;", ["SELECT 1"], [[]]),
        ("SELECT $a; SELECT $B + $a ;\n-- the end; $c\n", ["SELECT $a", " SELECT $B + $a "], [["a"], ["a", "b"]]),
        ("SELECT ';$x', \";$x\", $$;$x$$, $t$;$x $$ $t$, E'\\';$x'", ["SELECT ';$x', \";$x\", $$;$x$$, $t$;$x $$ $t$, E'\\';$x'"], [[]]),
        ("SELECT 'it''s; $x' || $y", ["SELECT 'it''s; $x' || $y"], [["y"]]),
        ("/* a; /* $b */ ; */ SELECT $c -- ; $d\n + 1", ["/* a; /* $b */ ; */ SELECT $c -- ; $d\n + 1"], [["c"]]),
        (";; SELECT a$b FROM t;;", [" SELECT a$b FROM t"], [[]]),
        ("SELECT $é_1", ["SELECT $é_1"], [["é_1"]]),
        ("SELECT '\\'; SELECT $x", ["SELECT '\\'", " SELECT $x"], [[], ["x"]]),
    ] as [(String, [String], [Set<String>])])
    func cut(text: String, statements: [String], parameters: [Set<String>]) throws {
        let found = try SQLStatements(text)
        #expect(found.statements.map(\.text) == statements)
        #expect(found.statements.map(\.parameters) == parameters)
    }

    @Test("what cannot be cut is refused with its place", arguments: [
        ("", 0, "no statement"), (" -- nothing\n;/* */", 0, "no statement"), ("SELECT 'abc", 7, "not closed"), ("SELECT \"abc", 7, "not closed"),
        ("SELECT 1 /* /* */", 9, "comment"), ("SELECT $$ a $ ", 7, "not closed"), ("SELECT $t$ a $u$", 7, "not closed"),
        ("SELECT ?", 7, "'?'"), ("SELECT $1", 7, "without a name"), ("SELECT '${run.id}'", 8, "'${'"), ("SELECT ${run.id}", 7, "'${'"),
        ("SELECT 'é' || E'\\'", 15, "not closed"),
    ] as [(String, Int, String)])
    func refused(text: String, offset: Int, message: String) throws {
        let failure = try #require(throws: SQLStatements.Failure.self) { try SQLStatements(text) }
        #expect(failure.offset == offset)
        #expect(failure.message.contains(message), "\(failure)")
    }

    @Test("agree with the engine on random texts", .enabled(if: Engine.isPresent, "DuckDB's library is not here"))
    func agreesWithEngine() throws {
        let session = try DuckDBSession(try Engine.library(), path: nil)
        for seed in UInt64(0)..<400 {
            var random = Generator(seed: seed)
            let text = Self.randomText(&random)
            let ours = try SQLStatements(text)
            #expect(session.statementCount(of: text) == ours.statements.count, "seed \(seed): \(text)")
            for statement in ours.statements {
                let given = Dictionary(uniqueKeysWithValues: statement.parameters.map { ($0, Value.string("v")) })
                #expect(throws: Never.self, "seed \(seed): \(statement.text)") { try session.run(statement.text, given) }
                // Each of them is read.
                for name in statement.parameters {
                    let failure = #expect(throws: SQLError.self) { try session.run(statement.text, given.filter { $0.key != name }) }
                    #expect(failure?.message.contains("$\(name)") == true, "seed \(seed): \(statement.text)")
                }
            }
        }
    }

    private static func randomText(_ random: inout Generator) -> String {
        let pieces = [
            "'a;$b'", "'it''s'", "E'\\';$b'", "$p", "$Longer_1", "$$;'$b$$", "$t$ $$ ; $t$", "1", "e", "'\\'", "\"e\"", "-- ;$b '\n 2", "/* ; /* $b */ ' */ 3",
        ]
        let statements = (0...Int.random(in: 0...2, using: &random)).map { _ in
            let items = (0...Int.random(in: 0...5, using: &random)).map { _ in pieces.randomElement(using: &random) ?? "1" }
            return "SELECT " + items.joined(separator: ", ") + " FROM (SELECT 1 AS e)"
        }
        return statements.joined(separator: [";", " ; ", ";;", ";\n-- x;\n"].randomElement(using: &random) ?? ";")
            + (Bool.random(using: &random) ? "" : "; -- '$z")
    }
}

/// SplitMix64, for texts that a seed gives again.
struct Generator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
