import MartletAccess
import MartletBytes
import MartletFrames
import MartletPipelines
import MartletPlatform
import MartletServing
import MartletWorld

extension APIRoutes {
    /// The parts of the first page, each by itself, so that what has changed is fetched and nothing else.
    var loopPages: [Route] {
        func part(
            _ name: String, _ path: PathPattern, _ summary: String, query: [Route.QueryItem] = [],
            _ make: @escaping @Sendable (LoopReader, Call) async throws -> HTML
        ) -> Route {
            Route(
                "page." + name, .get, path, summary, access: .needs(.definitionsRead, on: .project), audit: .refusalsOnly,
                query: query, output: .media("text/html"),
                handler: .asynchronous { [platform, metrics] call in
                    let reader = LoopReader(platform: platform, metrics: metrics, scope: try call.requireScope())
                    return PageShell.fragment(try await make(reader, call))
                })
        }
        return [
            part("attention", "/overview/attention", "What needs attention, as a part of the first page.") { reader, _ in
                try await reader.attention(reader.platform.overview(scope: reader.scope)).html
            },
            part("loopEndpoint", "/overview/endpoints/{endpoint}", "One endpoint, as a part of the first page.") { reader, call in
                let overview = try await reader.platform.overview(scope: reader.scope)
                let name = call.parameter(0)
                guard let endpoint = (overview["endpoints"]?.array ?? []).first(where: { $0["endpoint"]?.string == name }) else { return "" }
                return try reader.endpoint(endpoint).html
            },
            part(
                "loopTraffic", "/overview/endpoints/{endpoint}/traffic", "An endpoint's traffic, as a part of the first page.",
                query: [.init("from", "where its picture begins; a day ago if not given")]
            ) { reader, call in
                try reader.trafficFigure(of: call.parameter(0), from: QueryReader(call).time("from"))
            },
            part("loopRollouts", "/overview/endpoints/{endpoint}/rollouts", "An endpoint's rollouts, as a part of the first page.") { reader, call in
                try reader.trials(at: call.parameter(0))
            },
            part("loopStream", "/overview/streams/{stream}", "One watched stream, as a part of the first page.") { reader, call in
                try reader.stream(call.parameter(0))?.html ?? ""
            },
            part("loopPipelines", "/overview/pipelines", "The pipelines that ran last, as a part of the first page.") { reader, _ in
                try reader.pipelines()?.html ?? ""
            },
            part("overviewFigures", "/overview/figures", "The figures of the whole, as a part of the first page.") { reader, _ in
                OverviewPage(overview: try await reader.platform.overview(scope: reader.scope), metrics: reader.metrics.snapshot).figures
            },
            part("overviewTables", "/overview/tables", "What is in force, in tables, as a part of the first page.") { reader, _ in
                try await reader.tables(reader.platform.overview(scope: reader.scope)).tables
            },
        ]
    }
}

/// Reads what the first page shows, under the rights of who looks at it: what they may not read is absent.
struct LoopReader: Sendable {
    let platform: Platform
    let metrics: Metrics
    /// For `definitions.read` on the project.
    let scope: Scope

    /// Endpoints with charts on one page, watched streams, monitors, windows and rollouts of each, runs of each pipeline.
    static let endpoints = 8
    static let streams = 8
    static let monitors = 4
    static let windows = 200
    static let rollouts = 3
    static let runs = 20

    private func scope(_ permission: Permission, _ resource: Resource) -> Scope? {
        try? Guard().scope(for: scope.principal, to: permission, on: resource)
    }

    private func thing(_ kind: Resource.Kind, _ name: String? = nil) -> Resource { .thing(kind, name, in: platform.project) }

    private var monitoring: Scope? { scope(.monitorsRead, .project(platform.project)) }

    // MARK: - Parts

    func attention(_ overview: JSONValue) async throws -> AttentionSection {
        var section = AttentionSection(streams: overview["streams"]?.array ?? [])
        if let scope = monitoring { section.alarms = try platform.alarmList(scope: scope) }
        section.mayAnswer = scope(.alarmsAnswer, .project(platform.project)) != nil
        if let scope = scope(.modelsRead, thing(.endpoint)) {
            section.rollouts = try platform.rolloutList(endpoint: nil, before: nil, limit: 50, scope: scope).map(\.json)
        }
        if let scope = scope(.pipelinesRead, thing(.pipeline)) {
            section.runs = try platform.pipelineRuns(RunFilter(), limit: 50, scope: scope).runs
        }
        if let scope = scope(.reviewsRead, thing(.prediction)) {
            section.reviews = try platform.waitingReviews(scope: scope)
        }
        return section
    }

    /// One endpoint; all its pictures are of the same time.
    func endpoint(_ endpoint: JSONValue) throws -> EndpointSection {
        let name = endpoint["endpoint"]?.string ?? ""
        let now = platform.world.clock.now()
        var monitors: [(name: String, requests: [JSONValue], outcomes: [JSONValue])]?
        var from: Timestamp?
        let watching = try self.watching("endpoint", name)
        if let scope = monitoring {
            monitors = try watching.map { monitor in
                (monitor, try windows(of: monitor, "requests", scope), try windows(of: monitor, "outcomes", scope))
            }
            from = Self.beginning(of: (monitors ?? []).map(\.requests))
        }
        var traffic: JSONValue?
        if let scope = scope(.modelsRead, thing(.endpoint, name)) {
            (traffic, from) = try self.traffic(name, from: from, to: now, scope: scope)
        }
        let begin = min(from ?? now - .days(1), now - .minutes(10))
        var section = EndpointSection(endpoint: endpoint, time: begin...now, traffic: traffic, monitors: monitors)
        (section.rollouts, section.mayPromote) = try rollouts(of: name)
        section.episodes = try episodes(of: watching, since: begin)
        return section
    }

    /// One stream; nil if it is not watched, or for who may not see monitors.
    func stream(_ name: String) throws -> StreamSection? {
        let watching = try self.watching("stream", name)
        guard let scope = monitoring, !watching.isEmpty else { return nil }
        let monitors = try watching.map { (name: $0, windows: try windows(of: $0, "events", scope)) }
        let now = platform.world.clock.now()
        let begin = min(Self.beginning(of: monitors.map(\.windows)) ?? now - .days(1), now - .minutes(10))
        return StreamSection(name: name, time: begin...now, monitors: monitors, episodes: try episodes(of: watching, since: begin))
    }

    private func windows(of monitor: String, _ part: String, _ scope: Scope) throws -> [JSONValue] {
        try platform.monitorWindows(monitor, part: part, from: nil, to: nil, limit: Self.windows, scope: scope)
    }

    /// When the first of several monitors' windows begins, each the newest first.
    private static func beginning(of windows: [[JSONValue]]) -> Timestamp? {
        windows.compactMap { $0.last?["start"]?.string.flatMap { Timestamp(request: $0) } }.min()
    }

    /// The first monitors of an endpoint or of a stream; none for who may not see them.
    private func watching(_ kind: String, _ name: String) throws -> [String] {
        guard let scope = monitoring else { return [] }
        return try Array(platform.monitorList(scope: scope).filter { $0[kind]?.string == name }.compactMap { $0["monitor"]?.string }.prefix(Self.monitors))
    }

    /// The alarms of monitors since a time, the newest first.
    private func episodes(of monitors: [String], since time: Timestamp) throws -> [JSONValue] {
        guard let scope = monitoring, !monitors.isEmpty else { return [] }
        return try platform.alarmEpisodes(monitor: nil, since: time, limit: 100, scope: scope).filter { episode in
            episode["cause"]?["monitor"]?.string.map { monitors.contains($0) } ?? false
        }
    }

    /// The last rollouts of an endpoint, whole, nil for who may not read them; and whether one may be judged by hand.
    private func rollouts(of name: String) throws -> ([JSONValue]?, Bool) {
        guard let scope = scope(.modelsRead, thing(.endpoint)) else { return (nil, false) }
        let all = try platform.rolloutList(endpoint: name, before: nil, limit: Self.rollouts, scope: scope)
            .map { try platform.rolloutDetails($0.id, scope: scope) }
        return (all, self.scope(.modelsPromote, thing(.endpoint, name)) != nil)
    }

    /// The picture of an endpoint's traffic alone.
    func trafficFigure(of name: String, from: Timestamp?) throws -> HTML {
        guard let scope = scope(.modelsRead, thing(.endpoint, name)) else { return "" }
        let now = platform.world.clock.now()
        let begin = min(from ?? now - .days(1), now - .minutes(10))
        let traffic = try self.traffic(name, from: begin, to: now, scope: scope).0
        var section = EndpointSection(endpoint: ["endpoint": .string(name)], time: begin...now, traffic: traffic)
        section.episodes = try episodes(of: watching("endpoint", name), since: begin)
        return section.trafficFigure
    }

    /// The rollouts of an endpoint alone.
    func trials(at name: String) throws -> HTML {
        let (rollouts, mayPromote) = try rollouts(of: name)
        let now = platform.world.clock.now()
        return EndpointSection(endpoint: ["endpoint": .string(name)], time: now...now, rollouts: rollouts, mayPromote: mayPromote).trials
    }

    /// Traffic since a time, or since the first of the last 60 days, in buckets that a picture can show.
    private func traffic(_ name: String, from: Timestamp?, to now: Timestamp, scope: Scope) throws -> (JSONValue, Timestamp?) {
        func read(_ width: TrafficWidth, from: Timestamp) throws -> JSONValue {
            try platform.traffic(name, width, from: from, to: width.start(of: now) + width.span, scope: scope)
        }
        func first(_ traffic: JSONValue) -> Timestamp? {
            (traffic["buckets"]?.array?.first?["start"]?.string).flatMap { Timestamp(request: $0) }
        }
        if let from {
            // No more than one answer has.
            let from = max(from, now - .days(1_500))
            let width: TrafficWidth = from < now - .days(6) ? .day : from < now - .hours(3) ? .hour : .minute
            return (try read(width, from: from), from)
        }
        let days = try read(.day, from: now - .days(60))
        guard let day = first(days) else { return (days, nil) }
        if day < now - .days(6) { return (days, day) }
        let hours = try read(.hour, from: day)
        guard let hour = first(hours), hour >= now - .hours(3) else { return (hours, first(hours)) }
        let minutes = try read(.minute, from: hour)
        return (minutes, first(minutes))
    }

    /// Nil for who may not see pipelines.
    func pipelines() throws -> PipelinesSection? {
        guard let scope = scope(.pipelinesRead, thing(.pipeline)) else { return nil }
        let names = try platform.pipelineList(scope: scope).compactMap { $0["pipeline"]?.string }
        // Those that ran last come first.
        let newest = try platform.pipelineRuns(RunFilter(), limit: 200, scope: scope).runs.compactMap { $0["pipeline"]?.string }
        let ranked = names.enumerated().sorted { left, right in
            func rank(_ name: String) -> Int { newest.firstIndex(of: name) ?? Int.max }
            return (rank(left.element), left.offset) < (rank(right.element), right.offset)
        }.map(\.element)
        let items = try ranked.prefix(PipelinesSection.limit).map { name in
            let runs = try platform.pipelineRuns(RunFilter(pipeline: name), limit: Self.runs, scope: scope).runs
            return PipelinesSection.Item(
                pipeline: try platform.pipeline(name, scope: scope), runs: runs,
                newest: try runs.first?["run"]?.string.map { try platform.pipelineRun($0, scope: scope) })
        }
        return PipelinesSection(items: items, others: max(0, names.count - items.count))
    }

    /// What is in force, in tables.
    func tables(_ overview: JSONValue) async throws -> OverviewPage {
        var page = OverviewPage(overview: overview, metrics: metrics.snapshot)
        if let scope = scope(.modelsRead, thing(.model)) {
            page.runs = try platform.runList(model: nil, limit: 200, scope: scope).map(\.json)
        }
        if let scope = scope(.predictionsRead, thing(.prediction)) {
            page.predictions = [:]
            for endpoint in (overview["endpoints"]?.array ?? []).prefix(20).compactMap({ $0["endpoint"]?.string }) {
                page.predictions?[endpoint] = try await platform.recentPredictions(endpoint, limit: 5, scope: scope)
            }
        }
        return page
    }

    /// The whole page.
    func page() async throws -> OverviewPage {
        let position = try platform.loopPosition(scope: scope)
        let overview = try await platform.overview(scope: scope)
        var page = try await tables(overview)
        guard !(overview["release"]?.isNull ?? true) else { return page }
        page.position = "\(position)"
        page.attention = try await attention(overview)
        page.loops = try (overview["endpoints"]?.array ?? []).prefix(Self.endpoints).map { try endpoint($0) }
        for name in (overview["streams"]?.array ?? []).compactMap({ $0["stream"]?.string }) where page.watched.count < Self.streams {
            if let section = try stream(name) { page.watched.append(section) }
        }
        page.pipelines = try pipelines()
        return page
    }
}
