import MartletBytes
import MartletDefinitions
import MartletExpressions
import MartletFeatureStore
import MartletFrames
import MartletIngestion
import MartletModels
import MartletMonitoring
import MartletPlan
import MartletRegistry
import MartletServing
import MartletStatistics
import MartletStorage
import MartletTraining
import MartletWorld

extension Platform {
    /// Reads what was predicted since the last time, measures the windows that have closed, and does what their alarms ask for. Called
    /// about once a second; a bounded number of predictions at a time.
    public func checkMonitors() async throws {
        try await monitorDesk.reading.hold { () async throws in
            let monitors = inForce.project?.monitors ?? []
            monitorDesk.keep(Set(monitors.map(\.name)))
            try storeRefused()
            for monitor in monitors {
                switch monitor.subject {
                case .endpoint(let name):
                    guard let endpoint = inForce.endpoints[name], endpoint.model != nil else { continue }
                    try await check(monitor, endpoint)
                case .stream(let name):
                    guard let stream = inForce.streams[name] else { continue }
                    try await check(monitor, stream)
                }
            }
        }
        if alarms.isDue(at: world.clock.now()) { try alarms.turn { $0.tick(at: $1, &$2) } }
        await carryOutAlarmEffects()
        try endMitigations()
    }

    private func check(_ monitor: MonitorDefinition, _ endpoint: EndpointRuntime) async throws {
        var fold = try self.fold(monitor, endpoint)
        let isCurrent = try await readRequests(&fold, endpoint)
        if isCurrent { try await closeRequests(&fold, endpoint) }
        monitorDesk[monitor.name] = fold
        if !monitor.performance.isEmpty || monitor.bias.contains(where: \.rate.needsOutcomes) {
            if try await readOutcomes(&fold, endpoint) { try closeOutcomes(&fold) }
            monitorDesk[monitor.name] = fold
        }
        if isCurrent { try checkFreshness(monitor, newest: fold.newest) }
    }

    /// The fold of a monitor as it is defined now; begun anew from the log where the definition or the model's features are others.
    private func fold(_ monitor: MonitorDefinition, _ endpoint: EndpointRuntime) throws -> MonitorFold {
        let columns = WatchedColumns(of: endpoint)
        if let fold = monitorDesk[monitor.name], fold.definition.canonical == monitor.canonical, fold.columns == columns { return fold }
        let requests = try beginning(of: monitor, .requests)
        return MonitorFold(
            definition: monitor, columns: columns, requests: requests, outcomes: try beginning(of: monitor, .outcomes), newest: requests.newest)
    }

    /// Lets each monitor whose subject is there begin where the log ends now, so that nothing is missed before it is first looked at.
    func beginMonitors() throws {
        for monitor in inForce.project?.monitors ?? [] {
            guard monitor.endpoint.map({ inForce.endpoints[$0]?.model != nil }) ?? true else { continue }
            _ = try beginning(of: monitor, monitor.stream == nil ? .requests : .events)
            if !monitor.performance.isEmpty || monitor.bias.contains(where: \.rate.needsOutcomes) { _ = try beginning(of: monitor, .outcomes) }
        }
    }

    /// Where the reading of a part of a monitor goes on.
    func beginning(of monitor: MonitorDefinition, _ part: MeasuredWindow.Part) throws -> MonitorProgress {
        let tables = MonitorTables()
        let subject = monitor.endpoint.map { "endpoint \($0)" } ?? "stream \(monitor.stream ?? "")"
        let (found, known) = try database.read { (try tables.progress(of: monitor.name, part, $0), try tables.subject(of: monitor.name, part, $0)) }
        // Of the past before it was applied nothing is measured.
        var progress = MonitorProgress(
            position: log.end, closedThrough: Timestamp(microseconds: monitor.windowStart(of: world.clock.now().microseconds)), readThrough: log.end)
        if var stored = found {
            // Windows may have had another length.
            let start = Timestamp(microseconds: monitor.windowStart(of: stored.closedThrough.microseconds))
            if start < stored.closedThrough { stored.closedThrough = start + monitor.window }
            if known ?? subject == subject { return stored }
            progress.closedThrough = max(progress.closedThrough, stored.closedThrough)
        }
        try database.write { [progress] in try tables.begin(progress, of: monitor.name, part, subject: subject, $0) }
        return progress
    }

    // MARK: - Requests

    /// - Returns: whether everything durable was read.
    private func readRequests(_ fold: inout MonitorFold, _ endpoint: EndpointRuntime) async throws -> Bool {
        var left = limits.monitoredRows
        while left > 0 {
            let page = try await log.read(
                from: fold.requests.position, streams: [PredictionRecord.stream(of: endpoint.definition.name)], maxRows: min(left, 8_192), maxBytes: 16 << 20)
            for batch in page.batches where batch.kind == .prediction {
                left -= batch.rows.rowCount
                let predictions = StoredPredictions(batch)
                // By arrival: what is asked about an hour ago is a sign of life now.
                fold.newest = max(fold.newest ?? Timestamp(microseconds: batch.ingestTime), Timestamp(microseconds: batch.ingestTime))
                for (start, rows) in predictions.rows(byWindowOf: fold) {
                    guard start >= fold.requests.closedThrough.microseconds else {
                        fold.requests.late += Int64(rows.count { batch.positions[$0] >= fold.requests.readThrough })
                        continue
                    }
                    var window =
                        fold.open[start]
                        ?? MonitorWindow(
                            fold.definition, start: Timestamp(microseconds: start), types: fold.columns.types,
                            calibration: endpoint.model?.profile?.calibration)
                    fold.open[start] = nil
                    window.add(predictions.monitored(rows, fold))
                    fold.open[start] = window
                    if fold.firstPositions[start] == nil, let first = rows.first { fold.firstPositions[start] = batch.positions[first] }
                }
            }
            let isAtEnd = page.next == fold.requests.position || page.next >= page.end
            fold.requests.position = page.next
            if isAtEnd { return true }
        }
        return false
    }

    /// Measures the windows that have closed, each in one commit with its alarms.
    private func closeRequests(_ fold: inout MonitorFold, _ endpoint: EndpointRuntime) async throws {
        let monitor = fold.definition
        let length = monitor.window
        var start = fold.requests.closedThrough
        // After a long sleep the empty windows of long ago are passed over.
        let oldest = Timestamp(microseconds: fold.start(of: world.clock.now().microseconds)) - Timestamp.Span(microseconds: length.microseconds * Self.windowsOfTurn)
        if start < oldest, fold.open.keys.min().map({ $0 >= oldest.microseconds }) ?? true { start = oldest }
        while start + length + monitor.lateness <= world.clock.now() {
            let window =
                fold.open[start.microseconds]
                ?? MonitorWindow(monitor, start: start, types: fold.columns.types, calibration: nil)
            let held = try reference(for: window, fold, endpoint)
            let differing = try await recompute(window, endpoint)
            let refused = try refused(by: .endpoint(endpoint.definition.name), monitor, from: start)
            let measures = window.measures(
                monitor, fold.columns.names, against: held.reference, differing: differing, schema: (refused.faults, refused.rows), before: refused.before)
            fold.open[start.microseconds] = nil
            fold.firstPositions[start.microseconds] = nil
            let next = start + length
            let stored = MonitorProgress(
                position: fold.firstPositions.values.min() ?? fold.requests.position, closedThrough: next, late: fold.requests.late,
                readThrough: fold.requests.position, newest: fold.newest)
            fold.requests.closedThrough = next
            try close(
                MeasuredWindow(
                    monitor: monitor.name, part: .requests, start: start, end: next, measured: world.clock.now(), rows: window.rows,
                    measures: measures, reference: held.choice), stored, monitor, profiles: encoded(window, fold))
            try forgetRefused(by: .endpoint(endpoint.definition.name))
            start = next
        }
    }

    static let windowsOfTurn: Int64 = 400

    /// A window's profiles as they are kept, where later windows are held against them.
    private func encoded(_ window: MonitorWindow, _ fold: MonitorFold) -> [UInt8]? {
        guard fold.definition.reference != .training else { return nil }
        let features = zip(fold.columns.names, window.features).map { TrainingProfile.Feature(name: $0, profile: $1, importance: 0) }
        return TrainingProfile(features: features, output: window.output, calibration: nil).encoded()
    }

    /// Stores a measured window, with how far reading has come, and what alarms make of it, in one commit.
    func close(
        _ window: MeasuredWindow, _ progress: MonitorProgress, _ monitor: MonitorDefinition, profiles: [UInt8]?
    ) throws {
        let tables = MonitorTables()
        try alarms.turn(alongside: { transaction in
            try tables.add(window, transaction)
            if let profiles { try tables.setProfiles(profiles, of: monitor.name, start: window.start, transaction) }
            try tables.set(progress, of: monitor.name, window.part, transaction)
        }) { machine, now, turn in
            machine.feed(window.measures.map { monitor.reading($0, from: window.start, to: window.end) }, at: now, &turn)
        }
    }

    /// What a window is held against.
    private func reference(
        for window: MonitorWindow, _ fold: MonitorFold, _ endpoint: EndpointRuntime
    ) throws -> (reference: MonitorReference, choice: ReferenceChoice?) {
        let training = endpoint.model?.profile
        let names = fold.columns.names
        var held = try reference(
            of: fold.definition, .requests, start: window.start, rows: window.rows, names: names, columns: window.features, output: window.output)
        held.reference.importance = names.map { training?[$0]?.importance ?? 0 }
        guard fold.definition.reference == .training else { return held }
        held.reference.features = names.map { training?[$0]?.profile }
        held.reference.output = training?.output
        return held
    }

    // MARK: - Skew

    /// Computes a window's sample again, each as of its time and cut.
    private func recompute(_ window: MonitorWindow, _ endpoint: EndpointRuntime) async throws -> (checked: Int, count: Int)? {
        guard !window.sample.isEmpty else { return nil }
        try await features.catchUp()
        var checked = 0
        var differing = 0
        for state in try await log.current(of: window.sample) {
            guard let state, let row = try await log.row(at: state.position), let record = PredictionRecord(row.rows), !record.isDegraded,
                let model = endpoint.model(version: record.version)
            else { continue }
            do {
                let keys = model.stream.fingerprints.keys(of: record.inputs)
                let result = try features.compute(model.recipe, record.inputs, at: [record.time], ownKeys: keys, cut: record.cut, asKnown: false)
                let outputs = try model.score(result.features).outputs
                checked += 1
                let isEqual = outputs.map(\.bitPattern) == record.outputs.map(\.bitPattern)
                    && zip(record.features.schema.fields, record.features.columns).allSatisfy { field, stored in
                        result.features[field.name].map { $0.isIdentical(to: stored) } ?? false
                    }
                if !isEqual { differing += 1 }
            } catch let error as FeatureStoreError where error.code == .viewNotFolded { continue }
        }
        return (checked, differing)
    }

    // MARK: - Outcomes

    /// - Returns: whether everything was read whose outcome must have come.
    private func readOutcomes(_ fold: inout MonitorFold, _ endpoint: EndpointRuntime) async throws -> Bool {
        let horizon = world.clock.now() - fold.definition.matures
        var left = limits.monitoredRows
        while left > 0 {
            let page = try await log.read(
                from: fold.outcomes.position, streams: [PredictionRecord.stream(of: endpoint.definition.name)], maxRows: min(left, 4_096), maxBytes: 8 << 20)
            for batch in page.batches where batch.kind == .prediction {
                let mature = batch.eventTimes.firstIndex { $0 > horizon.microseconds } ?? batch.eventTimes.count
                left -= mature
                try await addOutcomes(StoredPredictions(batch), mature, &fold, endpoint)
                guard mature == batch.rows.rowCount else {
                    fold.outcomes.position = batch.positions[mature]
                    return true
                }
            }
            let isAtEnd = page.next == fold.outcomes.position || page.next >= page.end
            fold.outcomes.position = page.next
            if isAtEnd { return true }
        }
        return false
    }

    private func addOutcomes(_ predictions: StoredPredictions, _ count: Int, _ fold: inout MonitorFold, _ endpoint: EndpointRuntime) async throws {
        guard let model = endpoint.model else { return }
        for (start, all) in predictions.rows(byWindowOf: fold) {
            let rows = all.filter { $0 < count && !predictions.isDegraded($0) }
            guard !rows.isEmpty else { continue }
            guard start >= fold.outcomes.closedThrough.microseconds else {
                fold.outcomes.late += Int64(rows.count { predictions.batch.positions[$0] >= fold.outcomes.readThrough })
                continue
            }
            var parts = [JoinedPredictions.Part(predictions.batch, (model.definition.name, rows))]
            try await join(&parts)
            guard let labels = parts[0].labels else { continue }
            var window = fold.openOutcomes[start] ?? OutcomeWindow(fold.definition, start: Timestamp(microseconds: start))
            window.add(outputs: predictions.outputs.gathering(rows), outcomes: rows.indices.map { labels[$0] }, groups: predictions.groups(rows, fold))
            fold.openOutcomes[start] = window
            if fold.firstOutcomePositions[start] == nil, let first = rows.first { fold.firstOutcomePositions[start] = predictions.batch.positions[first] }
        }
    }

    private func closeOutcomes(_ fold: inout MonitorFold) throws {
        let monitor = fold.definition
        var start = fold.outcomes.closedThrough
        while start + monitor.window + monitor.matures + monitor.lateness <= world.clock.now() {
            let window = fold.openOutcomes[start.microseconds] ?? OutcomeWindow(monitor, start: start)
            let measures = window.measures(monitor)
            fold.openOutcomes[start.microseconds] = nil
            fold.firstOutcomePositions[start.microseconds] = nil
            let next = start + monitor.window
            fold.outcomes.closedThrough = next
            try close(
                MeasuredWindow(
                    monitor: monitor.name, part: .outcomes, start: start, end: next, measured: world.clock.now(), rows: window.rows,
                    measures: measures),
                MonitorProgress(
                    position: fold.firstOutcomePositions.values.min() ?? fold.outcomes.position, closedThrough: next, late: fold.outcomes.late,
                    readThrough: fold.outcomes.position),
                monitor, profiles: nil)
            start = next
        }
    }

    // MARK: - Freshness

    /// Watches that predictions or events come at all; between windows too. Only once everything was read that came.
    func checkFreshness(_ monitor: MonitorDefinition, newest: Timestamp?) throws {
        guard let limit = monitor.quality.freshness, let newest else { return }
        let now = world.clock.now()
        let silence = Double(max(0, now.microseconds - newest.microseconds)) / 1e6
        let bound = Double(limit.microseconds) / 1e6
        let measure = MonitorMeasure(.freshness, value: silence, bounds: .init(raise: bound, clear: bound))
        let known = alarms.look { machine in machine.alarms.first { $0.identity.rule == monitor.rule(.freshness) } }
        // Told only where it can change something: while it is pending once a minute, and not again while it fires.
        if measure.level == .beyond {
            if let known, known.isFiring || known.beyond != nil && known.lastReading + .minutes(1) > now { return }
        } else {
            guard let known, known.isFiring || known.beyond != nil else { return }
        }
        try alarms.turn { machine, now, turn in machine.feed([monitor.reading(measure, from: newest, to: now)], at: now, &turn) }
    }
}
