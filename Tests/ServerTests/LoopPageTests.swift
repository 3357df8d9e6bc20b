import MartletAccess
import MartletBytes
import MartletFrames
import MartletPlatform
import Testing

@testable import MartletServer

@Suite("pages of the loop")
struct LoopPageTests {
    private static let start = Timestamp(microseconds: 1_780_012_800_000_000)
    private static var time: ClosedRange<Timestamp> { start...(start + .days(10)) }

    private static func day(_ number: Int64) -> JSONValue { .string("\(start + .days(number))") }

    private static func window(_ number: Int64, _ measures: [JSONValue]) -> JSONValue {
        ["start": day(number), "end": day(number + 1), "rows": 10, "measures": .array(measures)]
    }

    private static func measure(_ kind: String, _ subject: String, _ value: Double?, beyond: Bool = false, interval: (Double, Double)? = nil) -> JSONValue {
        [
            "kind": .string(kind), "subject": .string(subject), "value": value.map(JSONValue.float64) ?? .null,
            "low": interval.map { .float64($0.0) } ?? .null, "high": interval.map { .float64($0.1) } ?? .null, "raise": 0.2, "clear": 0.2,
            "upper": true, "effect": 0.1, "level": .string(beyond ? "beyond" : "within"), "figures": [:],
        ]
    }

    private static func traffic(_ variant: String = "champion") -> JSONValue {
        [
            "endpoint": "e", "width": "day", "from": day(0), "to": day(10), "behind": 0,
            "buckets": .array((0..<5).map { number in
                [
                    "start": day(number), "end": day(number + 1), "predictions": 7, "degraded": 0,
                    "parts": [["version": 1, "variant": "champion", "predictions": 5], ["version": 2, "variant": .string(variant), "predictions": 2]],
                ]
            }),
        ]
    }

    private static func rollout(_ text: String) -> JSONValue {
        let evidence: JSONValue = [
            "champion": ["units": 60, "decisions": 70, "judged": 50, "without_outcome": 1, "mean": -0.5],
            "challenger": ["units": 61, "decisions": 71, "judged": 51, "without_outcome": 2, "mean": -0.4],
            "difference": ["low": -0.1, "estimate": 0.1, "high": 0.3], "sample_ratio": 0.4,
            "guardrails": [["name": .string(text), "limit": 0.1, "bounds": ["low": 0, "estimate": 0.1, "high": 0.2], "broken": false]],
        ]
        return [
            "rollout": "r1", "endpoint": .string(text), "champion": 1, "challenger": 2, "state": "running", "step": 1, "started": day(1),
            "steps": [.string(text), "50%"], "waits_for": [.string(text)], "evidence": evidence,
            "events": [["time": day(1), "kind": "started", "step": 1, "actor": .string(text), "reason": .string(text), "evidence": evidence]],
        ]
    }

    private static func section(_ text: String) -> EndpointSection {
        let episode: JSONValue = [
            "alarm": .string(text), "name": .string("\(text).drift"), "labels": ["feature": .string(text)], "started": day(4), "ended": .null,
            "cause": ["monitor": .string(text)], "summary": .string(text),
        ]
        let windows = (0..<8).reversed().map { window($0, [measure("drift", text, 0.1 + Double($0) / 50, beyond: $0 > 5), measure("missing", text, 0.5, beyond: true)]) }
        let outcomes = (0..<8).reversed().map { window($0, [measure("performance", text, 0.8, interval: (0.7, 0.9)), measure("estimated", text, 0.82)]) }
        return EndpointSection(
            endpoint: ["endpoint": .string(text), "model": .string(text), "version": 1], time: time, traffic: traffic(text),
            monitors: [(text, windows, outcomes)], episodes: [episode], rollouts: [rollout(text)], mayPromote: true)
    }

    @Test("no part of the loop has more tags for a hostile text than for a plain one", arguments: HTMLTests.payloads)
    func inert(_ payload: String) {
        func attention(_ text: String) -> String {
            let value = JSONValue.string(text)
            return AttentionSection(
                alarms: [
                    "alarms": [["alarm": value, "name": value, "labels": ["feature": value], "phase": "firing", "severity": value, "started": value, "summary": value, "acknowledged_by": value]],
                    "orders": [["key": value, "rule": value, "action": value, "waiting": true]],
                ],
                mayAnswer: true, rollouts: [["state": "waiting", "endpoint": value, "reason": value, "challenger": 2]],
                runs: [["pipeline": value, "run": value, "state": "failed", "created": value]], reviews: 2, streams: [["stream": value, "dead_letters": 2]]
            ).html.text
        }
        func pipelines(_ text: String) -> String {
            let value = JSONValue.string(text)
            let run: JSONValue = ["run": value, "state": "running", "cause": value, "created": value, "note": value, "tasks": [["task": value, "state": "running"]]]
            let item = PipelinesSection.Item(pipeline: ["pipeline": value, "next_due": value, "tasks": [["task": value, "kind": value]]], runs: [run], newest: run)
            return PipelinesSection(items: [item], others: 3).html.text
        }
        func alarm(_ text: String) -> String {
            let value = JSONValue.string(text)
            return AlarmPage(
                project: text,
                alarm: [
                    "alarm": value, "name": value, "labels": ["feature": value], "severity": value, "phase": "firing", "started": value, "summary": value,
                    "cause": ["monitor": value, "from": value, "to": value, "figures": .members([(text, .float64(1))])],
                    "window": ["rows": 3, "measures": [Self.measure(text, text, 0.5, beyond: true)]],
                    "history": [["time": value, "event": value, "words": value, "by": value]],
                    "orders": [["reaction": value, "does": value, "waiting": true, "time": value]],
                ], mayAnswer: true
            ).response.text
        }
        func review(_ text: String) -> String {
            let value = JSONValue.string(text)
            return ReviewPage(
                project: text, waiting: 2,
                review: [
                    "prediction_id": value, "endpoint": value, "time": value, "expires": value, "reason": value, "objection": value, "answer": value,
                    "inputs": .members([(text, value)]), "labels": [value, value], "label_name": value, "label_type": "string",
                    "explanation": ["base": 0, "margin": 1, "contributions": [["feature": value, "value": value, "contribution": 1]]],
                ], next: 7, mayAnswer: true
            ).response.text
        }
        func stream(_ text: String) -> String {
            let section = Self.section(text)
            return StreamSection(
                name: text, time: Self.time, monitors: (section.monitors ?? []).map { ($0.name, $0.requests) }, episodes: section.episodes
            ).html.text
        }
        for page in [{ Self.section($0).html.text }, attention, pipelines, alarm, review, stream] {
            #expect(HTMLTests.tags(page(payload)).count == HTMLTests.tags(page("plain")).count)
            #expect(!page(payload).contains("<script>alert") && !page(payload).contains(" style=\""))
        }
    }

    @Test("a chart has its line, its interval, its bound and its alarm in one picture, told apart without colour, and its figures behind it")
    func charts() {
        let html = Self.section("plain").html.text
        #expect(html.contains("<polygon class=\"band l0\"") && html.contains("<polyline class=\"line l0\"") && html.contains("class=\"line l1\""))
        #expect(html.contains("class=\"bound\"") && html.contains("alarm 0.200"))
        #expect(html.contains("<a href=\"/alarms/plain\"><title>alarm 1: plain.drift plain, 2026-06-02 00:00"))
        #expect(html.contains("url(#hatch-plain)") && html.contains("id=\"hatch-plain\""))
        #expect(html.contains("<th scope=\"row\">2026-06-06 00:00</th>") && html.contains("0.800 (0.700 to 0.900)"))
        #expect(html.contains("It waits for") && html.contains("data-post=\"/api/v1/endpoints/plain/rollout/withdraw\""))
    }

    @Test("an alarm is marked in the picture of what raised it, and in no other")
    func marks() {
        let mark = TimeChart.Mark(time: Self.start + .days(4), number: 1, title: "alarm", link: "/alarms/a")
        let windows = (0..<8).reversed().map { Self.window($0, [Self.measure("drift", "a", 0.1), Self.measure("performance", "recall", 0.5)]) }
        func marked(_ kind: String, _ subject: String) -> [String] {
            MonitorCharts(windows: windows, time: Self.time, marks: [(kind, subject, mark)]).charts.filter { !$0.marks.isEmpty }.map(\.title)
        }
        #expect(marked("drift", "a") == ["Drift"])
        #expect(marked("performance", "recall") == ["Performance: recall"])
        #expect(marked("latency", "") == [] && marked("drift", "b") == [])
        // How much was asked is seen beside every alarm of the endpoint.
        #expect(Self.section("plain").trafficFigure.text.contains("<a href=\"/alarms/plain\"><title>alarm 1: plain.drift plain"))
    }

    @Test("fields that came otherwise than the contract has them are drawn")
    func schema() {
        let windows = (0..<3).reversed().map { Self.window($0, [Self.measure("schema", "amt", $0 == 1 ? 0.3 : 0, beyond: $0 == 1)]) }
        let charts = MonitorCharts(windows: windows, time: Self.time, marks: []).charts
        #expect(charts.map(\.title) == ["Fields otherwise than the contract"] && charts.first?.series.map(\.name) == ["amt"])
    }

    @Test("a watched stream has its pictures with its alarms, and says so where there is nothing to draw")
    func stream() {
        let endpoint = Self.section("plain")
        var section = StreamSection(
            name: "orders", time: Self.time, monitors: (endpoint.monitors ?? []).map { ($0.name, $0.requests) }, episodes: endpoint.episodes)
        let html = section.html.text
        #expect(html.contains("id=\"stream-orders\"") && html.contains("data-fragment=\"/overview/streams/orders\""))
        #expect(html.contains("<figcaption>Drift</figcaption>") && html.contains("<figcaption>Missing values</figcaption>") && html.contains("class=\"bound\""))
        #expect(html.contains("<a href=\"/alarms/plain\"><title>alarm 1: plain.drift plain") && html.contains("<b>still so</b>"))
        section.monitors = [("m", [Self.window(0, [Self.measure("volume", "", 0.1)])])]
        #expect(section.html.text.contains("Nothing that is watched was beyond its bound."))
        section.monitors = [("m", [])]
        #expect(section.html.text.contains("No window was measured yet."))
    }

    @Test("an alarm's page says what was counted in the window, and names a monitor and a window where there are such")
    func cause() {
        func page(_ members: [(String, JSONValue)]) -> String {
            AlarmPage(project: "p", alarm: .members([("alarm", "a"), ("name", "n"), ("phase", "ended")] + members)).response.text
        }
        let cause: JSONValue = ["monitor": "m", "from": Self.day(0), "to": Self.day(1), "figures": [:]]
        func window(_ part: String) -> JSONValue { ["part": .string(part), "rows": 3, "measures": [Self.measure("volume", "", 0.5)]] }
        #expect(page([("cause", cause), ("window", window("requests"))]).contains("3 predictions."))
        #expect(page([("cause", cause), ("window", window("outcomes"))]).contains("3 predictions."))
        #expect(page([("cause", cause), ("window", window("events"))]).contains("3 events."))
        #expect(page([("cause", cause)]).contains("Monitor <b>m</b>, window from 2026-05-29 00:00"))
        let bare = page([("cause", ["monitor": "", "from": .null, "to": Self.day(1), "figures": ["limit": 0.5]])])
        #expect(!bare.contains("Monitor <b>") && !bare.contains("window from") && bare.contains("limit 0.500"))
    }

    @Test("a line breaks where windows are missing, and what is not a number is not drawn")
    func gaps() {
        func chart(_ values: [(Int64, Double)]) -> String {
            TimeChart(
                title: "t", unit: "u", time: Self.time, series: [.init(name: "s", points: values.map { .init(time: Self.start + .days($0.0), value: $0.1) })],
                gap: .days(2)
            ).svg.text
        }
        func lines(_ text: String) -> Int { text.split(separator: "<polyline", omittingEmptySubsequences: false).count - 1 }
        #expect(lines(chart([(0, 1), (1, 2), (2, 1), (3, 2)])) == 1)
        #expect(lines(chart([(0, 1), (1, 2), (6, 1), (7, 2)])) == 2)
        let odd = chart([(0, .nan), (1, .infinity), (2, 3)])
        #expect(!odd.contains("nan") && !odd.contains("inf") && lines(odd) == 0)
        #expect(lines(chart([])) == 0)
    }

    @Test(
        "ticks are round, few, and enclose what they are of",
        arguments: [(0.0, 1.0), (0.13, 0.172), (-5, 93), (0, 0), (7, 7), (1e-7, 3e-7), (0, 123_456), (-3, -2), (0, 1e13), (-Double.infinity, 1)] as [(Double, Double)])
    func ticks(_ low: Double, _ high: Double) {
        let ticks = ChartFrame.ticks(low, high)
        #expect((2...7).contains(ticks.count), "\(ticks)")
        #expect(zip(ticks, ticks.dropFirst()).allSatisfy { $0 < $1 })
        if low.isFinite { #expect((ticks.first ?? 1) <= low + 1e-12 && (ticks.last ?? 0) >= high - 1e-12, "\(ticks)") }
    }

    @Test("whatever there is, a page has a bounded number of marks, lines and rows")
    func bounded() {
        var section = Self.section("plain")
        let small = section.html.text.utf8.count
        section.episodes = (0..<5_000).map { ["alarm": .string("a\($0)"), "name": "plain.drift", "labels": [:], "started": Self.day(3), "cause": ["monitor": "plain"]] }
        let many = (0..<300).map { Self.measure("drift", "f\($0)", 0.1) }
        section.monitors = [("plain", (0..<60).map { Self.window($0 % 10, many) }, [])]
        let text = section.html.text
        #expect(text.split(separator: "class=\"mark-sign\"").count - 1 <= 2 * TimeChart.markLimit)
        #expect(text.utf8.count < small + 400_000)
        let alarms = (0..<1_000).map { ["alarm": .string("a\($0)"), "name": "n", "labels": [:], "phase": "firing", "severity": "page"] as JSONValue }
        let attention = AttentionSection(alarms: ["alarms": .array(alarms), "orders": []]).html.text
        #expect(attention.contains("980 more alarms") && attention.split(separator: "<li>").count - 1 == AttentionSection.limit + 1)
    }

    @Test("the page follows the loop, has its parts, and leaves out what somebody may not read")
    func overview() async throws {
        let project = try await TestProject(TestProject.files + [
            ("monitors/watch.yaml", "monitor: watch\nendpoint: returns\ndrift: { features: all }\n"),
            ("monitors/orders.yaml", "monitor: orders\nstream: orders\nquality: { volume: 50% }\n"),
            ("pipelines/p.yaml", "pipeline: p\ntasks: { say: { run: [/bin/true] } }\n"),
        ])
        let body = #"{"inputs":{"time":"2026-01-10T00:00:00Z","buyer":"b","amount":3.0}}"#
        #expect(await project.send(.post, "/api/v1/endpoints/returns/predict", body).status == 200)
        try await project.server.platform.checkTraffic()
        let page = await project.send(.get, "/").text
        let position = try #require(page.firstMatch(of: #/data-loop="([0-9.]+)"/#).map { String($0.1) })
        #expect(LoopPosition(position) != nil)
        for part in ["attention", "endpoint-returns", "stream-orders", "pipelines", "tables", "overview"] { #expect(page.contains("id=\"\(part)\""), "\(part)") }
        #expect(page.contains("fallback: 1 in the") && page.contains("no version of returns@champion answers"))
        #expect(page.contains("class=\"graph\"") && page.contains("<b>orders</b>"))
        #expect(!page.contains(" style=\"") && !page.contains("<style"))
        // Each part says where it is fetched anew, and gives itself.
        for match in page.matches(of: #/data-fragment="([^"]+)"/#) {
            let part = await project.send(.get, String(match.1))
            #expect(part.status == 200 && part.text.contains("data-fragment=\"\(match.1)\"") && !part.text.contains("<html"), "\(match.1)")
        }
        #expect(await project.send(.get, "/overview/endpoints/nothing").text.isEmpty)
        #expect(await project.send(.get, "/overview/streams/nothing").text.isEmpty)

        let narrow = Principal(kind: .token, id: "t", name: "t", grants: [Grant(.viewer, only: [.definitionsRead])])
        let scope = try Guard().scope(for: narrow, to: .definitionsRead, on: .project("shop"))
        let bare = try await LoopReader(platform: project.server.platform, metrics: Metrics(), scope: scope).page().response.text
        #expect(!bare.contains("<svg class=\"chart\"") && !bare.contains("class=\"graph\"") && !bare.contains("No monitor watches it") && !bare.contains("stream-orders"))
        #expect(bare.contains("<b>orders</b>") && !bare.contains("id=\"look-up-title\""))
        try await project.close()
    }

    @Test("a decision that waits is shown to who judges, one at a time; a viewer is refused")
    func reviews() async throws {
        let files = TestProject.files.map { name, text in
            (name, name == "endpoints/returns.yaml" ? text + "review: { when: \"output < 0.5\", limit: 10 }\n" : text)
        }
        let project = try await TestProject(files)
        var ids: [String] = []
        for amount in ["3.0", "4.5"] {
            let body = #"{"inputs":{"time":"2026-01-10T00:00:00Z","buyer":"<b>","amount":\#(amount)}}"#
            ids.append(try await project.send(.post, "/api/v1/endpoints/returns/predict", body).json["prediction_id"]?.string ?? "")
        }
        let engineer = try await project.token(.engineer)
        #expect(await project.send(.get, "/reviews", token: try project.token(.viewer)).status == 403)
        let first = await project.send(.get, "/reviews", token: engineer).text
        #expect(first.contains(ids[0]) && first.contains("data-claim=\"/api/v1/reviews/\(ids[0])/claim\"") && first.contains("<b>2</b>wait"))
        #expect(first.contains("data-key=\"y\"") && first.contains("data-key=\"s\"") && first.contains("returned"))
        let later = try #require(first.firstMatch(of: #/href="(\/reviews\?after=\d+)"/#).map { String($0.1) })
        #expect(await project.send(.get, later, token: engineer).text.contains(ids[1]))
        // What somebody holds comes first for them, and is passed over for others.
        #expect(await project.send(.post, "/api/v1/reviews/\(ids[1])/claim", "{}", token: engineer).status == 200)
        #expect(await project.send(.get, "/reviews", token: engineer).text.contains(ids[1]))
        #expect(await project.send(.get, "/reviews").text.contains(ids[0]))
        for id in ids { #expect(await project.send(.post, "/api/v1/reviews/\(id)/answer", #"{"label":true}"#, token: engineer).status == 200) }
        #expect(await project.send(.get, "/reviews", token: engineer).text.contains("Nothing waits for a person"))
        // Who may look and not judge has no buttons.
        let scientist = try await project.token(.scientist)
        #expect(await project.send(.post, "/api/v1/predictions/\(ids[0])/contest", #"{"reason":"not <me>"}"#, token: scientist).status == 200)
        let seen = await project.send(.get, "/reviews", token: scientist).text
        #expect(seen.contains("not &lt;me&gt;") && !seen.contains("data-post=\"/api/v1/reviews") && !seen.contains("data-claim"))
        #expect(await project.send(.get, "/").text.contains("1 decision waits for a person</a>"))
        try await project.close()
    }
}
