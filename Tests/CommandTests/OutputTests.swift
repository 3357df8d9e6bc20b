import MartletBytes
import Testing

@testable import MartletCommand

@Suite("What commands print")
struct OutputTests {
    @Test("numbers as people read them")
    func numbers() {
        #expect([0, 12, 999, 1_000, 1_234_567, -1_234].map { NumberText.grouped(Int64($0)) } == ["0", "12", "999", "1,000", "1,234,567", "-1,234"])
        #expect(NumberText.grouped(Int64.min) == "-9,223,372,036,854,775,808")
        #expect(NumberText.fixed(0.05, 1) == "0.1")
        #expect(NumberText.fixed(-0.04, 1) == "0.0")
        #expect(NumberText.fixed(12.345, 2) == "12.35" || NumberText.fixed(12.345, 2) == "12.34")
        #expect(NumberText.fixed(7, 3) == "7.000")
        #expect(NumberText.fixed(-3.5, 0) == "-4")
        #expect(NumberText.fixed(.nan, 2) == "nan")
        #expect([0, 999, 1_000, 999_949, 28_500_000, 5_000_000_000_000_000].map(NumberText.bytes) == ["0 B", "999 B", "1.0 kB", "999.9 kB", "28.5 MB", "5000.0 TB"])
        #expect([0.04, 9.94, 12.2, 59.6, 185, 7_800].map { NumberText.duration(seconds: $0) } == ["0.0 s", "9.9 s", "12 s", "1 min 0 s", "3 min 5 s", "2 h 10 min"])
        #expect(AnswerText.number(0.71234567) == "0.7123")
        #expect(AnswerText.number(1e-7) == "1e-07")
        #expect(AnswerText.number(0.00012345) == "0.000123450")
        #expect(AnswerText.number(1_234_567) == "1234567")
    }

    @Test("the progress bar fits the terminal, and leaves out what does not")
    func progress() {
        let line = ProgressBar.line("orders", done: 12_300_000, total: 28_500_000, seconds: 3, width: 79)
        #expect(line == "orders  [========>            ]   43%  12.3 MB of 28.5 MB  4.1 MB/s  4.0 s left")
        #expect(ProgressBar.line("orders", done: 28_500_000, total: 28_500_000, seconds: 7, width: 79).contains("[=================================]  100%"))
        #expect(ProgressBar.line("orders", done: 1_000, total: nil, seconds: 0.5, width: 79) == "orders  1.0 kB  2.0 kB/s")
        #expect(ProgressBar.line("orders", done: 0, total: 0, seconds: 0, width: 79).contains("100%"))
        for width in 1...120 {
            #expect(ProgressBar.line("a stream", done: 5_000_000, total: 10_000_000, seconds: 1, width: width).count <= width)
        }
    }

    @Test("a table is aligned and bare of trailing spaces")
    func tables() {
        var table = Table([("name", .left), ("count", .right), ("", .left)])
        table.rows = [["a", "12", ""], ["longer", "3", "x"]]
        #expect(table.text() == "name    count\na          12\nlonger      3  x")
    }

    @Test("colours only where they are asked for")
    func styles() {
        #expect(Style.plain.bad("no") == "no")
        #expect(Style(isColoured: true).bad("no") == "\u{1B}[31mno\u{1B}[0m")
    }

    @Test("items become a table, a column a key, those that are named first")
    func lists() {
        let items: [JSONValue] = [
            ["run": "r2", "model": "returns", "version": 2, "metrics": ["auc": 0.5]], ["run": "r1", "model": "returns", "version": nil, "metrics": [:]],
        ]
        #expect(
            AnswerText.table(items, first: ["model", "version"]) == """
                model    version  run  metrics
                returns        2  r2   auc=0.5000
                returns        -  r1   -
                """)
    }

    @Test("what became of rows, in words")
    func ingestion() {
        let answer: JSONValue = [
            "accepted": 253_120, "duplicates": 12, "rejected": 1, "position": 253_120, "repaired": ["amount": 3],
            "first_rejected": ["orders.csv, line 7: field 'amount': 'x' is no float64"], "ignored": ["extra"],
        ]
        #expect(
            AnswerText.ingestion(answer, stream: "orders", seconds: 2) == """
                orders: 253,120 rows stored in 2.0 s, 126,560 a second
                  12 rows there already, without effect
                  amount: 3 values repaired as declared
                  passed over as asked: extra
                  1 row against the contract, kept as dead letters:
                    orders.csv, line 7: field 'amount': 'x' is no float64
                  see them with 'martlet dead-letters orders'; after a mend: 'martlet dead-letters replay orders'
                """)
        #expect(AnswerText.ingestion(["accepted": 1], stream: "s", seconds: nil) == "s: 1 row stored")
    }

    @Test("a training run that passed, and one that did not")
    func training() {
        let passed: JSONValue = [
            "model": "returns", "version": 2, "run": "r7", "metrics": ["average_precision": 0.7123, "log_loss": nil],
            "rows": ["train": 210_113, "test": 43_120, "immature": 0], "gates": [["gate": "average_precision >= 0.5", "passed": true]],
        ]
        #expect(
            AnswerText.training(passed) == """
                returns: version 2  (run r7)
                rows: 210,113 train, 43,120 test, 0 immature
                metrics of the test part:
                  average_precision  0.7123
                  log_loss                -
                gate passed: average_precision >= 0.5
                next: martlet promote returns
                """)
        let failed: JSONValue = ["model": "returns", "version": nil, "run": "r8", "gates": [["gate": "roc_auc > 0.9", "passed": false]]]
        #expect(!AnswerText.gatesPassed(failed))
        #expect(
            AnswerText.training(failed) == """
                returns: no version  (run r8)
                gate failed: roc_auc > 0.9
                it cannot be promoted: change the model, the data or the gate, and train again
                """)
    }

    static let explanation: JSONValue = [
        "base": -3.0,
        "contributions": [
            ["feature": "request.amount", "value": 12.5, "contribution": 0.25],
            ["feature": "buyer.count_7d", "value": 9, "contribution": -1.0],
            ["feature": "buyer.mean_amount_7d", "value": nil, "contribution": 0.25],
        ], "margin": -3.5, "output": 0.0293,
    ]

    @Test("contributions are sorted by size, and the sum is shown")
    func explaining() {
        #expect(
            AnswerText.explanation(Self.explanation) == """
                feature                value  contribution
                buyer.count_7d             9       -1.0000  --------------------
                request.amount        12.500       +0.2500  +++++
                buyer.mean_amount_7d       -       +0.2500  +++++

                base             -3.0000
                + contributions  -0.5000
                = margin         -3.5000
                output           0.02930
                """)
    }

    @Test("a replay says equal, or where it differs")
    func replaying() {
        #expect(AnswerText.replay(["equal": true]) == "equal: features and output computed anew have the bytes of the record")
        let answer: JSONValue = [
            "equal": false, "differences": [["feature": "buyer.count_7d", "recorded": 9, "recomputed": 8]],
        ]
        #expect(
            AnswerText.replay(answer) == """
                different: 1 difference
                feature         recorded  recomputed
                buyer.count_7d         9           8
                """)
    }

    @Test("a prediction shows its explanation if it came with it, else how to get it")
    func predicting() {
        #expect(
            AnswerText.prediction(["prediction_id": "p1", "model": "returns", "version": 2, "output": 0.25, "degraded": false]) == """
                prediction_id  p1
                model          returns
                version        2
                output         0.2500
                degraded       no
                why: martlet explain p1
                """)
        #expect(AnswerText.prediction(["prediction_id": "p1", "explanation": Self.explanation]).contains("= margin"))
    }

    @Test("checks that fail stand out with their hint")
    func checks() {
        let items: [JSONValue] = [
            ["check": "log", "ok": true, "message": "12 records", "hint": nil],
            ["check": "xgboost", "ok": false, "message": "no library", "hint": "install libxgboost-dev"],
        ]
        #expect(AnswerText.checks(items) == "ok    log: 12 records\nFAIL  xgboost: no library\n      hint: install libxgboost-dev")
    }

    @Test("an audit log that was changed is told by its findings")
    func audit() {
        #expect(Audit.isIntact(["intact": true]))
        #expect(!Audit.isIntact(["intact": false, "findings": ["entry 3 was changed"]]))
        #expect(
            Audit.verification(["intact": false, "entries": 1_200, "signed_through": 1_100, "findings": ["entry 3 was changed"]], .plain)
                == "changed: 1,200 entries were looked at, signed through entry 1100\n  entry 3 was changed")
    }

    @Test("percentiles by the nearest rank")
    func percentiles() {
        let figures = LoadFigures(latencies: (1...100).reversed().map { $0 * 1_000_000 }, seconds: 5, last: ["prediction_id": "p9", "output": 0.25])
        #expect(figures.milliseconds(0.5) == 50 && figures.milliseconds(0.99) == 99 && figures.milliseconds(1) == 100)
        #expect(
            figures.text == """
                100 predictions over HTTP in 5.0 s, 20 a second on one connection
                latency  p50 50.00 ms  p99 99.00 ms
                last     p9  output 0.2500
                highest  -
                """)
    }
}

@Suite("How errors are told")
struct ErrorTests {
    @Test("an answer's error with place and hint")
    func answered() {
        let answer: JSONValue = [
            "error": ["code": "not_found", "message": "no stream is named 'order'", "where": "line 3", "hint": "did you mean 'orders'?"]
        ]
        let failure = CommandFailure(status: 404, answer: answer)
        #expect(failure.text() == "error: line 3: no stream is named 'order'\n hint: did you mean 'orders'?")
        #expect(failure.status == .failed)
        #expect(failure.json == answer)
    }

    @Test("the mistakes of a project, each with its place, its nearest match and its hint")
    func mistakes() {
        let answer: JSONValue = [
            "error": [
                "code": "definition_invalid", "message": "the project's files have 2 mistakes; the first: …",
                "details": [
                    [
                        "code": "unknownKey", "message": "unknown key 'fild'", "file": "streams/orders.yaml", "line": 4, "column": 1,
                        "nearest": "fields", "hint": "keys: fields",
                    ], ["code": "missingKey", "message": "model 'returns' has no key 'task'", "file": "models/returns.yaml", "line": 1, "column": 8],
                ],
            ]
        ]
        let failure = CommandFailure(status: 422, answer: answer)
        #expect(failure.status == .mistakes)
        #expect(
            failure.text() == """
                error: streams/orders.yaml:4:1: unknown key 'fild'
                 hint: did you mean 'fields'? keys: fields
                error: models/returns.yaml:1:8: model 'returns' has no key 'task'
                """)
    }

    @Test("an answer that tells nothing is told by its status")
    func silent() {
        let failure = CommandFailure(status: 502, answer: nil)
        #expect(failure.text() == "error: the server answered with status 502 and no reason")
        #expect(failure.json == ["error": ["code": "http_502", "message": "the server answered with status 502 and no reason"]])
    }

    @Test("gates that failed have an exit code of their own")
    func gates() {
        #expect(CommandFailure(status: 409, answer: ["error": ["code": "gate_failed", "message": "m"]]).status == .gateFailed)
        #expect(Ending(CommandFailure("held", "m", hint: "h")).text == "error: m\n hint: h")
        #expect(Ending(ExitStatus.difference).status == 5)
    }
}
