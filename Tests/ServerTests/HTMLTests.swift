import MartletAccess
import MartletBytes
import Testing

@testable import MartletServer

@Suite("pages")
struct HTMLTests {
    /// What would run, or break out, if it were not text.
    static let payloads = [
        "<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "' onmouseover='alert(1)", "</title><svg onload=alert(1)>",
        "javascript:alert(1)", "<!--", "]]>", "&lt;script&gt;", "\u{0}<b>", "</textarea><script>", "`-alert(1)-`",
        "{{constructor.constructor('alert(1)')()}}", "\u{2028}<a href=x>", "<math><mtext></mtext><script>", "\" autofocus onfocus=alert(1) x=\"",
    ]

    /// The tags and attributes of a page, as a browser would find them: everything between `<` and `>`.
    static func tags(_ html: String) -> [String] {
        html.split(separator: "<", omittingEmptySubsequences: false).dropFirst().map { String($0.prefix { $0 != ">" }) }
    }

    @Test("a value stands as text between tags and in attributes", arguments: payloads)
    func escaped(_ payload: String) {
        let html: HTML = "<p title=\"\(payload)\">\(payload)</p>"
        #expect(Self.tags(html.text).count == 2)
        #expect(html.text.filter { $0 == "\"" }.count == 2)
        #expect(!html.text.contains("'") && !html.text.contains("`") && !html.text.contains("\u{0}"))
        let link: HTML = "<a href=\"/predictions/\(segment: payload)\">x</a>"
        let path = link.text.dropFirst("<a href=\"/predictions/".count).prefix { $0 != "\"" }
        #expect(path.utf8.allSatisfy { (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0) || "-._~%".utf8.contains($0) })
    }

    @Test("HTML put into HTML is not escaped again, and lists join")
    func composed() {
        let cell: HTML = "<td>\("a&b")</td>"
        #expect(("<tr>\([cell, cell])</tr>" as HTML).text == "<tr><td>a&amp;b</td><td>a&amp;b</td></tr>")
        #expect([cell, "x"].joined(separator: ", ").text == "<td>a&amp;b</td>, x")
    }

    @Test("no page has more tags for a hostile text than for a plain one", arguments: payloads)
    func inertPages(_ payload: String) {
        func overview(_ text: String) -> String {
            let value = JSONValue.string(text)
            return OverviewPage(
                overview: [
                    "project": value, "release": ["release": 1, "action": value, "actor": value, "created": value],
                    "streams": [["stream": value, "events": 1, "dead_letters": 2, "last": value, "doc": value]],
                    "feature_views": [["view": value, "source": value, "entity": value, "features": [value], "doc": value]],
                    "models": [["model": value, "task": value, "aliases": .members([(text, .int64(1))]), "doc": value]],
                    "endpoints": [["endpoint": value, "model": value, "version": 1]],
                ],
                runs: [["model": value, "status": "succeeded", "metrics": .members([(text, .float64(0.5))]), "gates": [["gate": value, "passed": true]]]],
                predictions: [text: [["prediction_id": value, "output": value]]], metrics: Metrics.State()
            ).response.text
        }
        func prediction(_ text: String) -> String {
            let value = JSONValue.string(text)
            return PredictionPage(
                project: text,
                prediction: ["prediction_id": value, "endpoint": value, "actor": value, "inputs": .members([(text, value)]), "output": value],
                explanation: .success(["base": 0, "contributions": [["feature": value, "value": value, "contribution": 1]], "margin": 1]),
                replay: .success(["equal": false, "differences": [["feature": value, "recorded": value, "recomputed": value]], "note": value])
            ).response.text
        }
        for page in [overview, prediction] {
            #expect(Self.tags(page(payload)).count == Self.tags(page("plain")).count)
            #expect(!page(payload).contains("<script>"))
        }
    }

    @Test("pages and what they load come with a policy that runs nothing foreign")
    func headers() async throws {
        let project = try await TestProject()
        for path in ["/", "/assets/martlet.css", "/assets/martlet.js"] {
            let answer = await project.stranger(.get, path)
            #expect(answer.status == 200)
            let policy = try #require(answer.headers["content-security-policy"])
            #expect(policy.contains("default-src 'none'") && !policy.contains("unsafe"))
            #expect(policy.contains("frame-ancestors 'none'") && policy.contains("base-uri 'none'"))
            #expect(answer.headers["x-content-type-options"] == "nosniff")
            #expect(answer.headers["referrer-policy"] == "no-referrer")
        }
        // The policy forbids scripts and styles within the page, so there must be none.
        let page = await project.send(.get, "/").text
        #expect(!page.contains("style=\"") && !page.contains("<style") && !page.contains("onclick"))
        #expect(Self.tags(page).filter { $0.hasPrefix("script") } == ["script src=\"/assets/martlet.js\" defer"])
        try await project.close()
    }

    @Test("without a session there is a way to sign in and no data; with one there is the project")
    func overview() async throws {
        let project = try await TestProject()
        let stranger = await project.stranger(.get, "/").text
        #expect(stranger.contains("id=\"sign-in\"") && !stranger.contains("orders"))
        let cookie = ("cookie", "martlet_session=" + (try await project.token(.viewer)))
        let event = #"{"id":"1","time":"2026-01-01T00:00:00Z","buyer":"b","amount":2}"#
        #expect(await project.send(.post, "/api/v1/streams/orders/events", event + "\n{}").status == 200)
        let page = await project.stranger(.get, "/", headers: [cookie]).text
        #expect(page.contains("<b>orders</b>") && page.contains("<b>buyer</b>") && page.contains("<b>returns</b>"))
        #expect(page.contains("<span class=\"bad\">1</span>"))
        #expect(page.contains("<br><span class=\"soft\">What was bought &amp; by whom</span>"))
        // A viewer may not read predictions, so there is no way to look for one.
        #expect(!page.contains("id=\"look-up-title\""))
        let wrong = await project.stranger(.get, "/", headers: [("cookie", "martlet_session=x")]).text
        #expect(wrong.contains("id=\"sign-in\""))
        try await project.close()
    }

    @Test("a project that was never applied shows what to do next")
    func empty() async throws {
        let project = try await TestProject([], isApplied: false)
        let page = await project.send(.get, "/").text
        #expect(page.contains("martlet apply") && page.contains("Nothing is in force yet"))
        try await project.close()
    }

    @Test("a prediction's page shows its inputs and output; one that does not exist says so")
    func predictionPage() async throws {
        let project = try await TestProject()
        let body = #"{"inputs":{"id":"1","time":"2026-01-01T00:00:00Z","buyer":"b","amount":2.5}}"#
        let answer = try await project.send(.post, "/api/v1/endpoints/returns/predict", body).json
        #expect(answer["degraded"] == true)
        let id = try #require(answer["prediction_id"]?.string)
        let page = await project.send(.get, "/predictions/\(id)")
        #expect(page.status == 200)
        #expect(page.text.contains(id) && page.text.contains("2.5") && page.text.contains("0.2500"))
        #expect(page.text.contains("fallback answered"))
        // The buyer is a person, and appears by a pseudonym only.
        #expect(!page.text.contains("<td class=\"mono\">b</td>"))
        let found = await project.send(.get, "/predictions?id=\(id)")
        #expect(found.status == 303)
        #expect(found.headers["location"] == "/predictions/\(id)")
        #expect(await project.send(.get, "/predictions?id=//evil.example/%0d").headers["location"] == "/predictions/%2F%2Fevil.example%2F")
        #expect(await project.send(.get, "/predictions/nothing").status == 404)
        let lost = await project.stranger(.get, "/predictions/\(id)", headers: [("accept", "text/html")])
        #expect(lost.status == 303 && lost.headers["location"] == "/")
        try await project.close()
    }

    @Test("the waterfall ends at the margin and keeps small contributions as one bar")
    func waterfall() {
        let bars = (1...15).map { WaterfallChart.Bar(name: "f\($0)", value: "\($0)", contribution: $0.isMultiple(of: 2) ? Double($0) : -Double($0)) }
        let svg = WaterfallChart(base: 2, bars: bars, margin: 2 + bars.reduce(0) { $0 + $1.contribution }).svg.text
        #expect(svg.contains("3 others") && svg.contains(">base<") && svg.contains(">margin<"))
        #expect(svg.split(separator: "<rect").count - 1 == WaterfallChart.barLimit + 3)
        let flat = WaterfallChart(base: .nan, bars: [.init(name: "x", value: "", contribution: .infinity)], margin: 0).svg.text
        #expect(!flat.contains("x=\"nan\"") && !flat.contains("inf\""))
    }
}
