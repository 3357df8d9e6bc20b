import ArgumentParser
import MartletBytes
import Testing

@testable import MartletCommand

@Suite("martlet lineage")
struct LineageCommandTests {
    @Test("it is about one thing")
    func parsing() throws {
        let run = try #require(try Root.parseAsRoot(["lineage", "0199"]) as? Lineage)
        #expect(run.pipelineRun == "0199" && run.depth == 5)
        #expect((try Root.parseAsRoot(["lineage", "--model", "churn@3", "--depth", "2"]) as? Lineage)?.model == "churn@3")
        for wrong in [[], ["0199", "--model", "churn@3"], ["--model", "a@1", "--dataset", "file:x"]] {
            do {
                _ = try Root.parseAsRoot(["lineage"] + wrong)
                Issue.record("\(wrong) was taken")
            } catch {
                #expect(Ending(error).status == 2)
            }
        }
    }

    @Test("what something came from, and what was made of it, is a tree in which nothing stands twice")
    func tree() {
        let hash = String(repeating: "5f", count: 32)
        func step(_ task: String, via: String, inputs: [JSONValue], outputs: [JSONValue], index: Int64 = 0) -> JSONValue {
            [
                "run": "0199", "pipeline": "daily", "task": .string(task), "index": .int64(index), "attempt": 1, "time": "2026-01-31T00:00:00Z",
                "depth": 1, "via": .string(via), "inputs": .array(inputs), "outputs": .array(outputs),
            ]
        }
        let answer: JSONValue = [
            "thing": "model:churn@3",
            "upstream": [
                step("train", via: "model:churn@3", inputs: ["stream:orders@120", "dataset:churn@1"], outputs: ["model:churn@3"]),
                step("load", via: "stream:orders@120", inputs: [.string("file:new.csv@\(hash)")], outputs: ["stream:orders@120"], index: 2),
            ],
            "downstream": [step("deploy", via: "model:churn@3", inputs: ["model:churn@3"], outputs: ["endpoint:churn@4"])], "is_whole": false,
        ]
        #expect(
            LineageText.tree(answer) == """
                model:churn@3
                ├─ made by daily.train  run 0199, 2026-01-31T00:00:00Z
                │  ├─ from stream:orders@120
                │  │  └─ made by daily.load[2]  run 0199, 2026-01-31T00:00:00Z
                │  │     └─ from file:new.csv@5f5f5f5f5f5f…
                │  └─ from dataset:churn@1
                └─ read by daily.deploy  run 0199, 2026-01-31T00:00:00Z
                   └─ to endpoint:churn@4
                there is more: ask about one of these, or with a larger --depth
                """)
        #expect(
            LineageText.tree(["thing": "model:m", "upstream": [], "downstream": [], "is_whole": true])
                == "model:m: no task of a pipeline has made or read it")
    }

    @Test("a run is its tasks, each with how it ended and what it read and made")
    func run() {
        func event(_ type: String, _ job: String, inputs: [JSONValue] = [], outputs: [JSONValue] = [], error: String? = nil) -> JSONValue {
            var facets = JSONObject()
            if let error { facets["errorMessage"] = ["message": .string(error)] }
            return [
                "eventType": .string(type), "run": ["runId": "0199", "facets": .object(facets)], "job": ["name": .string(job)],
                "inputs": .array(inputs), "outputs": .array(outputs),
            ]
        }
        let file: JSONValue = ["namespace": "file", "name": "/shop/new.csv", "facets": ["version": ["datasetVersion": "5f"]]]
        let events = [
            event("START", "daily"), event("START", "daily.load"),
            event("COMPLETE", "daily.load", inputs: [file], outputs: [["namespace": "martlet://shop", "name": "streams/orders"]]),
            event("START", "daily.train"), event("FAIL", "daily.train", error: "too few rows\nand more"),
        ]
        #expect(
            LineageText.run(events) == """
                daily  under way  0199
                ├─ daily.load  COMPLETE
                │  ├─ read file:/shop/new.csv@5f
                │  └─ made streams/orders
                └─ daily.train  FAIL  too few rows
                """)
        #expect(LineageText.run([]) == "the run has not begun")
    }
}
