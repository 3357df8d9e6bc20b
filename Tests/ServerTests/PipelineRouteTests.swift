import MartletAccess
import MartletBytes
import MartletOutboundTesting
import MartletPlatform
import Testing

@testable import MartletServer

@Suite("Routes of pipelines", .timeLimit(.minutes(2)))
struct PipelineRouteTests {
    private static let files: [(String, String)] = [
        ("martlet.yaml", "project: shop\n"),
        (
            "pipelines/nightly.yaml",
            """
            pipeline: nightly
            doc: Brings in <what> is new
            schedule: "@daily"
            tasks:
              load: { run: [/bin/echo, "from ${interval.start}"] }
              last: { run: [/bin/true], after: load }
            """
        ),
        (
            "pipelines/plain.yaml",
            """
            pipeline: plain
            parameters:
              word: { type: string, default: hello }
              count: { type: int64, default: 1 }
            tasks:
              say:  { run: [/bin/echo, "${parameters.word}"] }
              fail: { run: [/bin/false], after: say }
              then: { run: [/bin/true], after: fail }
            on_failure:
              tell: { run: [/bin/true] }
            """
        ),
        (
            "pipelines/asks.yaml",
            """
            pipeline: asks
            tasks:
              may: { approval: "May it?" }
              go:  { run: [/bin/true], after: may }
            """
        ),
    ]

    private static let passing = (
        "pipelines/passes.yaml",
        """
        pipeline: passes
        tasks:
          makes:
            run: [/bin/sh, -c, 'echo x > made.txt; printf ''{"f": "made.txt"}'' > "$MARTLET_RESULT"']
            outputs: { f: file }
          reads: { run: [/bin/cat, "${tasks.makes.f}"], after: makes }
        """
    )

    private func project() async throws -> TestProject {
        let project = try await TestProject(Self.files + [Self.passing])
        try await project.server.platform.startPipelines(schedules: false)
        return project
    }

    /// The route's shapes say what it answers.
    private func check(_ answer: Response, _ name: String, of project: TestProject) throws -> JSONValue {
        let platform = project.server.platform
        let routes = APIRoutes(
            platform: platform, metrics: Metrics(), authenticator: ProjectAuthenticator(tokens: platform.tokens, owner: .owner(named: "owner"))
        ).all
        let route = try #require(routes.first { $0.name == name })
        #expect(answer.status == 200, "\(name): \(answer.text)")
        let json = try answer.json
        try #require(route.output).check(json)
        return json
    }

    /// Waits, by the run's events, until it has ended.
    private func ended(_ run: String, of project: TestProject) async throws -> JSONValue {
        while true {
            let json = try check(await project.send(.get, "/api/v1/pipeline-runs/\(run)"), "pipelineRuns.read", of: project)
            if ["succeeded", "failed", "cancelled"].contains(json["state"]?.string) { return json }
            await Task.yield()
        }
    }

    private func start(_ pipeline: String, _ body: String = "", of project: TestProject) async throws -> String {
        let json = try check(await project.send(.post, "/api/v1/pipelines/\(pipeline)/runs", body), "pipelines.run", of: project)
        return try #require(json["run"]?.string)
    }

    @Test("what is defined is listed, and a graph names what each task comes after")
    func definitions() async throws {
        let project = try await project()
        let list = try check(await project.send(.get, "/api/v1/pipelines"), "pipelines.list", of: project)
        #expect(list["items"]?.array?.compactMap { $0["pipeline"]?.string } == ["asks", "nightly", "passes", "plain"])
        let graph = try check(await project.send(.get, "/api/v1/pipelines/plain"), "pipelines.read", of: project)
        #expect(graph["tasks"]?.array?.first { $0["task"]?.string == "fail" }?["after"] == ["say"])
        #expect(await project.send(.get, "/api/v1/pipelines/nothing").errorCode == "not_found")
        for (path, isPaused) in [("pause", true), ("resume", false)] {
            let answer = try check(await project.send(.post, "/api/v1/pipelines/plain/\(path)"), "pipelines.\(path)", of: project)
            #expect(answer["paused"]?.bool == isPaused)
            let list = try await project.send(.get, "/api/v1/pipelines").json
            #expect(list["items"]?.array?.last?["paused"]?.bool == isPaused)
        }
        try await project.close()
    }

    @Test("a served project's tasks reach other servers")
    func outbound() async throws {
        let other = try await LoopbackServer { _, _ in .answer(200) }
        let project = try await TestProject([
            ("martlet.yaml", "project: shop\negress: { allow: [127.0.0.1] }\n"),
            ("pipelines/p.yaml", "pipeline: p\ntasks: { ask: { http: { url: \"http://127.0.0.1:\(other.port)/x\" } } }\n"),
        ])
        try await project.server.platform.startPipelines(schedules: false)
        let run = try await start("p", of: project)
        #expect(try await ended(run, of: project)["state"]?.string == "succeeded")
        #expect(other.requests.map(\.target) == ["/x"])
        try await project.close()
        await other.stop()
    }

    @Test("a run is asked for, told as it goes, and can be made anew and marked")
    func run() async throws {
        let project = try await project()
        let run = try await start("plain", #"{"parameters":{"word":"hi","count":2},"key":"k","note":"why"}"#, of: project)
        #expect(try await start("plain", #"{"key":"k"}"#, of: project) == run)
        let json = try await ended(run, of: project)
        #expect(json["state"]?.string == "failed")
        #expect(json["note"]?.string == "why")
        #expect(json["parameters"] == ["count": 2, "word": "hi"])
        #expect(json["failed_tasks"] == ["fail"])

        let list = try check(
            await project.send(.get, "/api/v1/pipeline-runs?pipeline=plain&state=failed&since=2020-01-01T00:00:00Z"), "pipelineRuns.list",
            of: project)
        #expect(list["items"]?.array?.compactMap { $0["run"]?.string } == [run])
        let log = await project.send(.get, "/api/v1/pipeline-runs/\(run)/tasks/say/log")
        #expect(log.text == "hi\n")
        #expect(log.headers["x-next-offset"] == "3" && log.headers["x-content-type-options"] == "nosniff")
        #expect(await project.send(.get, "/api/v1/pipeline-runs/\(run)/tasks/say/log?offset=1").text == "i\n")
        #expect(await project.send(.get, "/api/v1/pipeline-runs/\(run)/tasks/fail/log").errorCode == "nothing_printed")
        #expect(await project.send(.get, "/api/v1/pipeline-runs/\(run)/tasks/none/log").errorCode == "not_found")

        let history = try check(await project.send(.get, "/api/v1/pipeline-runs/\(run)/history"), "pipelineRuns.history", of: project)
        let items = try #require(history["items"]?.array)
        let events = items.flatMap { $0["records"]?.array ?? [] }.compactMap { $0["event"]?.string }
        #expect(events.first == "began" && events.last == "finished")
        let after = try #require(items.first?["sequence"]?.int64)
        let rest = try await project.send(.get, "/api/v1/pipeline-runs/\(run)/history?after=\(after)").json
        #expect(rest["items"]?.array?.count == items.count - 1)

        _ = try check(
            await project.send(.post, "/api/v1/pipeline-runs/\(run)/tasks/fail/mark", #"{"state":"succeeded"}"#), "pipelineRuns.mark",
            of: project)
        // What could not start for the failure goes on by itself.
        #expect(try await ended(run, of: project)["state"]?.string == "succeeded")
        _ = try check(
            await project.send(.post, "/api/v1/pipeline-runs/\(run)/clear", #"{"tasks":["then"]}"#), "pipelineRuns.clear", of: project)
        #expect(try await ended(run, of: project)["state"]?.string == "succeeded")
        // Without what it leads to, a task is made anew alone.
        func attempts(_ json: JSONValue) -> [String: Int64] {
            Dictionary(uniqueKeysWithValues: (json["tasks"]?.array ?? []).map {
                ($0["task"]?.string ?? "", $0["instances"]?.array?.first?["attempt"]?.int64 ?? 0)
            })
        }
        let before = attempts(try await ended(run, of: project))
        _ = try check(
            await project.send(.post, "/api/v1/pipeline-runs/\(run)/clear", #"{"tasks":["say"],"downstream":false}"#), "pipelineRuns.clear", of: project)
        // With what it leads to, the task that always fails would have failed again.
        let alone = try await ended(run, of: project)
        #expect(alone["state"]?.string == "succeeded")
        let later = attempts(alone)
        #expect(later["say"] == 2 && before["say"] == 1 && later["then"] == before["then"])
        // A number may be given as a text, as a command line does; a key has its bounds.
        let other = try await ended(start("plain", #"{"parameters":{"count":"7"}}"#, of: project), of: project)
        #expect(other["parameters"]?["count"]?.int64 == 7)
        for key in ["", String(repeating: "k", count: 201)] {
            #expect(await project.send(.post, "/api/v1/pipelines/plain/runs", "{\"key\":\"\(key)\"}").status == 400)
        }
        try await project.close()
    }

    @Test("events are what is stored after a number, each with its own, and a client that comes again goes on")
    func events() async throws {
        let project = try await project()
        let run = try await start("plain", of: project)
        _ = try await ended(run, of: project)
        let all = await project.send(.get, "/api/v1/pipeline-events?follow=false")
        #expect(all.headers["content-type"] == "text/event-stream")
        let ids = all.text.split(separator: "\n").filter { $0.hasPrefix("id: ") }.compactMap { Int64($0.dropFirst(4)) }
        #expect(!ids.isEmpty && ids == ids.sorted())
        let data = try all.text.split(separator: "\n").filter { $0.hasPrefix("data: ") }
            .map { try JSONValue(parsing: Array($0.utf8.dropFirst(6)), lengthLimit: 1 << 20) }
        #expect(data.allSatisfy { $0["run"]?.string == run })
        let again = await project.send(
            .get, "/api/v1/pipeline-events?follow=false&run=\(run)", headers: [("last-event-id", "\(ids[0])")])
        #expect(again.text.split(separator: "\n").filter { $0.hasPrefix("id: ") }.count == ids.count - 1)
        #expect(await project.send(.get, "/api/v1/pipeline-events?follow=false&after=\(ids[ids.count - 1])").text == ": martlet\n\n")
        try await project.close()
    }

    @Test("who follows is told what comes, without asking again")
    func following() async throws {
        let project = try await project()
        let answer = await project.server.gatekeeper.answer(
            Request(
                method: .get, segments: ["api", "v1", "pipeline-events"], headers: Headers([("host", "localhost")]), peer: .owner))
        let rest = try #require(answer.rest)
        let run = try await start("plain", of: project)
        var text = String(decoding: answer.body, as: UTF8.self)
        while !text.contains(#""event":"finished""#), let piece = try await rest.next() { text += String(decoding: piece, as: UTF8.self) }
        #expect(text.contains(run))
        rest.abandon()
        try await project.close()
    }

    @Test("an approval is answered, once, and a run that waits can be ended")
    func approvals() async throws {
        let project = try await project()
        for (body, state) in [(#"{"approved":true,"note":"fine"}"#, "succeeded"), (#"{"approved":false}"#, "failed")] {
            let run = try await start("asks", of: project)
            while try await project.send(.get, "/api/v1/pipeline-runs/\(run)").json["tasks"]?.array?.first?["state"]?.string != "deferred" {
                await Task.yield()
            }
            let viewer = try await project.token(.scientist)
            #expect(await project.send(.post, "/api/v1/pipeline-runs/\(run)/tasks/may/decide", body, token: viewer).status == 403)
            _ = try check(
                await project.send(.post, "/api/v1/pipeline-runs/\(run)/tasks/may/decide", body), "pipelineRuns.decide", of: project)
            let done = try await ended(run, of: project)
            #expect(done["state"]?.string == state)
            let result = done["tasks"]?.array?.first?["instances"]?.array?.first?["result"]
            #expect(state == "failed" || result?["note"]?.string == "fine", "\(done)")
            #expect(await project.send(.post, "/api/v1/pipeline-runs/\(run)/tasks/may/decide", body).status >= 400)
        }
        // Nobody answers for what they asked for themselves.
        let token = try await project.token(.engineer, including: [.execute, .pipelinesApprove])
        let own = try #require(try await project.send(.post, "/api/v1/pipelines/asks/runs", token: token).json["run"]?.string)
        while try await project.send(.get, "/api/v1/pipeline-runs/\(own)").json["tasks"]?.array?.first?["state"]?.string != "deferred" {
            await Task.yield()
        }
        let answer = await project.send(.post, "/api/v1/pipeline-runs/\(own)/tasks/may/decide", #"{"approved":true}"#, token: token)
        #expect(answer.status == 409 && answer.errorCode == "conflict", "\(answer.text)")
        #expect(await project.send(.post, "/api/v1/pipeline-runs/\(own)/tasks/may/decide", #"{"approved":true}"#).status == 200)
        #expect(try await ended(own, of: project)["state"]?.string == "succeeded")
        let run = try await start("asks", of: project)
        _ = try check(await project.send(.post, "/api/v1/pipeline-runs/\(run)/cancel"), "pipelineRuns.cancel", of: project)
        #expect(try await ended(run, of: project)["state"]?.string == "cancelled")
        try await project.close()
    }

    @Test("a backfill says what it would run, then runs it")
    func backfills() async throws {
        let project = try await project()
        let range = #""from":"2026-01-01T00:00:00Z","to":"2026-01-03T00:00:00Z""#
        let dry = try check(
            await project.send(.post, "/api/v1/pipelines/nightly/backfills", "{\(range),\"dry_run\":true}"), "pipelines.backfill", of: project)
        #expect(dry["runs"]?.int64 == 2 && dry["backfill"]?.isNull == true)
        let made = try check(
            await project.send(.post, "/api/v1/pipelines/nightly/backfills", "{\(range),\"newest_first\":true,\"max_active_runs\":2}"),
            "pipelines.backfill", of: project)
        let id = try #require(made["backfill"]?.string)
        let list = try check(await project.send(.get, "/api/v1/pipeline-backfills"), "pipelineBackfills.list", of: project)
        #expect(list["items"]?.array?.first?["backfill"]?.string == id)
        while try await project.send(.get, "/api/v1/pipeline-backfills").json["items"]?.array?.first?["begun"]?.int64 != 2 { await Task.yield() }
        let runs = try await project.send(.get, "/api/v1/pipeline-runs?backfill=\(id)").json
        // Listed with the newest first, which is the run of the first interval.
        #expect(runs["items"]?.array?.map { $0["interval"]?["start"]?.string } == ["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"])
        for run in runs["items"]?.array ?? [] {
            #expect(try await ended(run["run"]?.string ?? "", of: project)["state"]?.string == "succeeded")
        }
        for (scope, count) in [("", Int64(0)), (#","of":"failed""#, 0), (#","of":"all""#, 2)] {
            let again = await project.send(.post, "/api/v1/pipelines/nightly/backfills", "{\(range),\"dry_run\":true\(scope)}")
            #expect(try again.json["runs"]?.int64 == count, "\(scope)")
        }
        #expect(await project.send(.post, "/api/v1/pipeline-backfills/nothing/cancel").status == 404)
        try await project.close()
    }

    @Test("a backfill that says no more than its range runs what is missing, the oldest first and one at a time")
    func backfillDefaults() async throws {
        let project = try await TestProject([
            ("martlet.yaml", "project: shop\n"), ("pipelines/slow.yaml", "pipeline: slow\nschedule: \"@daily\"\ntasks: { may: { approval: \"May it?\" } }\n"),
        ])
        try await project.server.platform.startPipelines(schedules: false)
        func begin(_ more: String) async throws -> String {
            let body = #"{"from":"2026-01-01T00:00:00Z","to":"2026-01-05T00:00:00Z"\#(more)}"#
            let made = try check(await project.send(.post, "/api/v1/pipelines/slow/backfills", body), "pipelines.backfill", of: project)
            return try #require(made["backfill"]?.string)
        }
        func begun() async throws -> Int64? { try await project.send(.get, "/api/v1/pipeline-backfills").json["items"]?.array?.first?["begun"]?.int64 }
        func days(_ backfill: String) async throws -> [String] {
            let runs = try await project.send(.get, "/api/v1/pipeline-runs?backfill=\(backfill)").json["items"]?.array ?? []
            return runs.compactMap { $0["interval"]?["start"]?.string.map { String($0.prefix(10)) } }.reversed()
        }
        let first = try await begin("")
        #expect(try await begun() == 1)
        #expect(try await days(first) == ["2026-01-01"])
        let run = try #require(try await project.send(.get, "/api/v1/pipeline-runs?backfill=\(first)").json["items"]?.array?.first?["run"]?.string)
        while await project.send(.post, "/api/v1/pipeline-runs/\(run)/tasks/may/decide", #"{"approved":true}"#).status != 200 { await Task.yield() }
        while try await begun() == 1 { await Task.yield() }
        #expect(try await begun() == 2)
        #expect(try await days(first) == ["2026-01-01", "2026-01-02"])
        #expect(await project.send(.post, "/api/v1/pipeline-backfills/\(first)/cancel").status == 200)

        // Two of its days have runs, whatever became of them.
        let second = try await begin(#","max_active_runs":2"#)
        #expect(try await begun() == 2)
        #expect(try await days(second) == ["2026-01-03", "2026-01-04"])
        try await project.close()
    }

    @Test(
        "what is malformed is refused, and nothing runs",
        arguments: [
            ("plain/runs", #"{"parameters":{"nothing":1}}"#, 404), ("plain/runs", #"{"parameters":{"count":"many"}}"#, 400),
            ("plain/runs", #"{"interval":{"start":"2026-01-02T00:00:00Z","end":"2026-01-01T00:00:00Z"}}"#, 400),
            ("plain/runs", #"{"interval":{"start":"2026-01-02"}}"#, 400), ("plain/runs", #"{"what":1}"#, 400),
            ("nothing/runs", "{}", 404), ("plain/backfills", #"{"from":"2026-01-01T00:00:00Z"}"#, 400),
            ("nightly/backfills", #"{"from":"2026-01-01T00:00:00Z","to":"2026-01-03T00:00:00Z","of":"some"}"#, 400),
            ("nightly/backfills", #"{"from":"2026-01-03T00:00:00Z","to":"2026-01-01T00:00:00Z"}"#, 400),
            ("nightly/backfills", #"{"from":"2026-01-01T00:00:00Z","to":"2026-01-03T00:00:00Z","max_active_runs":0}"#, 400),
            ("nightly/backfills", #"{"from":"2026-01-01T00:00:00Z","to":"2026-01-03T00:00:00Z","max_active_runs":1001}"#, 400),
        ])
    func malformed(_ path: String, _ body: String, _ status: Int) async throws {
        let project = try await project()
        #expect(await project.send(.post, "/api/v1/pipelines/\(path)", body).status == status)
        #expect(try await project.send(.get, "/api/v1/pipeline-runs").json["items"] == [])
        #expect(await project.send(.get, "/api/v1/pipeline-runs?since=yesterday").status == 400)
        #expect(await project.send(.get, "/api/v1/pipeline-runs?state=lost").status == 400)
        #expect(await project.send(.get, "/api/v1/pipeline-runs/nothing/history").status == 404)
        try await project.close()
    }

    @Test("no page, part of a log, number or body is larger than its limit")
    func limits() async throws {
        let project = try await project()
        let run = try await start("plain", of: project)
        _ = try await ended(run, of: project)
        func status(_ path: String) async -> Int { await project.send(.get, "/api/v1/" + path).status }
        for list in ["pipeline-runs", "pipeline-backfills", "pipeline-alerts", "pipeline-runs/\(run)/history", "pipeline-runs/\(run)/lineage"] {
            #expect(await status(list + "?limit=10000") == 200, "\(list)")
            for wrong in ["0", "10001", "-1", "x"] { #expect(await status(list + "?limit=\(wrong)") == 400, "\(list) \(wrong)") }
        }
        for (path, last, first) in [
            ("pipeline-runs/\(run)/tasks/say/log?limit=", 4_194_304, 4_194_305), ("lineage?dataset=file:x&limit=", 1_000, 1_001),
            ("lineage?dataset=file:x&depth=", 50, 51),
        ] {
            #expect(await status(path + "\(last)") == 200, "\(path)")
            #expect(await status(path + "\(first)") == 400, "\(path)")
        }
        let log = "pipeline-runs/\(run)/tasks/say/log"
        for wrong in ["index=1000001", "attempt=0", "attempt=1000001", "offset=-1"] { #expect(await status(log + "?" + wrong) == 400, "\(wrong)") }
        // Another instance and another attempt than there were printed nothing.
        for other in ["index=1", "attempt=2"] { #expect(await status(log + "?" + other) == 404, "\(other)") }
        let mark = #"{"state":"succeeded","index":1000001}"#
        #expect(await project.send(.post, "/api/v1/pipeline-runs/\(run)/tasks/fail/mark", mark).status == 400)
        let large = "{}" + String(repeating: " ", count: 1 << 20)
        for path in [
            "pipelines/plain/runs", "pipelines/plain/pause", "pipelines/plain/resume", "pipelines/nightly/backfills", "pipelines/plain/webhook",
            "pipeline-runs/\(run)/cancel", "pipeline-runs/\(run)/clear", "pipeline-runs/\(run)/tasks/fail/mark",
            "pipeline-runs/\(run)/tasks/fail/decide", "pipeline-backfills/nothing/cancel",
        ] {
            #expect(await project.send(.post, "/api/v1/" + path, large).status == 413, "\(path)")
        }
        try await project.close()
    }

    @Test("runs and alerts are listed in pages that end")
    func paging() async throws {
        let project = try await project()
        var made: [String] = []
        for _ in 0..<3 {
            made.insert(try await start("plain", of: project), at: 0)
            _ = try await ended(made[0], of: project)
        }
        for list in ["pipeline-runs", "pipeline-alerts"] {
            var runs: [String] = []
            var sizes: [Int] = []
            var next: String? = ""
            while let before = next, sizes.count < 9 {
                let page = try await project.send(.get, "/api/v1/\(list)?limit=2" + (before.isEmpty ? "" : "&before=\(before)")).json
                let items = page["items"]?.array ?? []
                sizes.append(items.count)
                runs += items.compactMap { $0["run"]?.string }
                next = page["next"]?.string ?? page["next"]?.int64.map { "\($0)" }
            }
            #expect(runs == made && sizes == [2, 1], "\(list)")
        }
        #expect(try await project.send(.get, "/api/v1/pipeline-runs?until=2020-01-01T00:00:00Z").json["items"] == [])
        try await project.close()
    }

    @Test("pages show the graph and the runs, and escape what definitions say")
    func pages() async throws {
        let project = try await project()
        let run = try await start("plain", of: project)
        _ = try await ended(run, of: project)
        let list = await project.send(.get, "/pipelines").text
        #expect(list.contains("Brings in &lt;what&gt; is new") && list.contains("/pipeline-runs/\(run)"))
        let graph = await project.send(.get, "/pipelines/plain").text
        #expect(graph.contains("<svg class=\"graph\"") && graph.contains("✗ failed") && graph.contains("class=\"edge\""))
        let page = await project.send(.get, "/pipeline-runs/\(run)").text
        #expect(page.contains("upstream failed") && page.contains("tasks/say/log") && page.contains("data-post=\"/api/v1/pipeline-runs/\(run)/clear\""))
        #expect(await project.send(.get, "/pipelines/nothing").status == 404)
        #expect(await project.send(.get, "/pipeline-runs/nothing").status == 404)
        for text in [list, graph, page] { #expect(!text.contains("style=") && !text.contains("onclick")) }
        try await project.close()
    }

    @Test("a run that failed is told as an alert, in the list, with its pipeline and apart")
    func alerts() async throws {
        let project = try await project()
        let run = try await start("plain", of: project)
        _ = try await ended(run, of: project)
        let list = try check(await project.send(.get, "/api/v1/pipeline-alerts?pipeline=plain"), "pipelineAlerts.list", of: project)
        let alert = try #require(list["items"]?.array?.first)
        #expect(alert["kind"]?.string == "run_failed" && alert["run"]?.string == run && alert["task"]?.string == "fail")
        let number = try #require(alert["alert"]?.int64)
        #expect(try await project.send(.get, "/api/v1/pipeline-alerts?before=\(number)").json["items"] == [])
        #expect(try await project.send(.get, "/api/v1/pipeline-alerts?pipeline=asks").json["items"] == [])
        let pipelines = try check(await project.send(.get, "/api/v1/pipelines"), "pipelines.list", of: project)
        #expect(pipelines["items"]?.array?.map { $0["last_alert"]?.string } == [nil, nil, nil, "run_failed"])
        let shown = try check(await project.send(.get, "/api/v1/pipelines/plain"), "pipelines.read", of: project)
        #expect(shown["alerts"]?.array == [alert])
        #expect(await project.send(.get, "/api/v1/pipeline-alerts?before=x").status == 400)
        try await project.close()
    }

    @Test("what pipelines do is counted, with labels from closed sets")
    func metrics() async throws {
        let project = try await project()
        _ = try await ended(start("plain", of: project), of: project)
        let lines = Set(await project.send(.get, "/metrics").text.split(separator: "\n").map(String.init))
        for line in [
            #"martlet_pipeline_runs_total{pipeline="plain",state="failed"} 1"#, #"martlet_pipeline_runs{state="running"} 0"#,
            #"martlet_task_attempts_total{kind="run",outcome="succeeded"} 2"#, #"martlet_task_attempts_total{kind="run",outcome="failed"} 1"#,
            #"martlet_task_seconds_count{kind="run"} 3"#, #"martlet_task_seconds_bucket{kind="run",le="+Inf"} 3"#, "martlet_tasks_waiting 0",
            "martlet_schedule_lag_seconds 0.0",
        ] {
            #expect(lines.contains(line), "\(line)")
        }
        try await project.close()
    }

    @Test("lineage is told as events of a run, in pages, and by things; what names nothing is refused")
    func lineage() async throws {
        let project = try await project()
        let run = try await start("passes", of: project)
        #expect(try await ended(run, of: project)["state"]?.string == "succeeded")
        let all = try check(await project.send(.get, "/api/v1/pipeline-runs/\(run)/lineage"), "pipelineRuns.lineage", of: project)
        let events = try #require(all["items"]?.array)
        #expect(events.count == 6 && all["next"]?.isNull == true)
        let made = try #require(events.first { $0["job"]?["name"]?.string == "passes.makes" && $0["eventType"]?.string == "COMPLETE" })
        #expect(made["outputs"]?.array?.contains { $0["namespace"] == "file" && $0["name"]?.string == project.path + "/made.txt" } == true)
        var paged: [JSONValue] = []
        var after: Int64? = 0
        while let begin = after {
            let page = try await project.send(.get, "/api/v1/pipeline-runs/\(run)/lineage?after=\(begin)&limit=4").json
            paged += page["items"]?.array ?? []
            after = page["next"]?.int64
        }
        #expect(paged == events)
        let file = try check(await project.send(.get, "/api/v1/lineage?dataset=file:made.txt"), "lineage.read", of: project)
        #expect(file["upstream"]?.array?.compactMap { $0["task"]?.string } == ["makes"])
        let blob = try #require(file["upstream"]?.array?.first?["outputs"]?.array?.compactMap(\.string).first { $0.hasPrefix("blob:") })
        let passed = try check(await project.send(.get, "/api/v1/lineage?dataset=\(blob)"), "lineage.read", of: project)
        #expect(passed["upstream"]?.array?.compactMap { $0["task"]?.string } == ["makes"])
        #expect(passed["downstream"]?.array?.compactMap { $0["task"]?.string } == ["reads"])
        #expect(passed["is_whole"]?.bool == true)
        for wrong in ["", "?model=", "?dataset=made.txt", "?model=m@1&dataset=file:x", "?model=m@1&depth=0"] {
            #expect(await project.send(.get, "/api/v1/lineage" + wrong).status == 400, "\(wrong)")
        }
        #expect(await project.send(.get, "/api/v1/pipeline-runs/nothing/lineage").status == 404)
        try await project.close()
    }

    @Test("a graph is drawn in layers: each task right of what it comes after, what handles a failure last")
    func drawing() {
        func node(_ name: String, _ after: [Int], isOnFailure: Bool = false) -> PipelineGraphDrawing.Node {
            PipelineGraphDrawing.Node(name: name, kind: "run", after: after, isOnFailure: isOnFailure)
        }
        let drawing = PipelineGraphDrawing(nodes: [
            node("d", [1, 2]), node("b", [3]), node("c", [3]), node("a", []), node("tell", [], isOnFailure: true),
        ])
        #expect(drawing.places.map(\.column) == [2, 1, 1, 0, 3])
        #expect(drawing.places.map(\.row) == [0, 0, 1, 0, 0])
        #expect(PipelineGraphDrawing(nodes: []).svg.text.contains("<svg"))
    }
}
