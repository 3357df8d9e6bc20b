import Foundation
import MartletDefinitions
import MartletFeatureStore
import MartletFeatures
import MartletFrames
import MartletPlan
import MartletTraining
import Testing

@Suite("The reference of project files")
struct ReferencePageTests {
    static let page = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath().deletingLastPathComponent()
        .deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("docs/reference/project-files.md")

    @Test("is what the key tables say; set MARTLET_RECORD_DOCS to write it anew")
    func current() throws {
        if ProcessInfo.processInfo.environment["MARTLET_RECORD_DOCS"] != nil {
            try FileManager.default.createDirectory(
                at: Self.page.deletingLastPathComponent(), withIntermediateDirectories: true)
            try ProjectPlan.referencePage.write(to: Self.page, atomically: true, encoding: .utf8)
        }
        #expect(try String(contentsOf: Self.page, encoding: .utf8) == ProjectPlan.referencePage)
    }

    @Test("its examples are one correct project")
    func examples() throws {
        let files = ProjectPlan.kinds.kinds.map {
            ProjectSource.File(
                path: $0.folder.isEmpty ? ProjectSource.projectFile : "\($0.folder)/example.yaml",
                text: $0.example)
        }
        let project = try ProjectPlan.check(ProjectSource(files))
        #expect(project.definitions.versions.count == 8)
    }

    /// A project that uses every key that exists, each with a value that is accepted.
    static let everyKey: [(String, String)] = [
        (
            "martlet.yaml",
            "project: shop\ndoc: a shop\nstores: { database: 'sqlite:', log: 'file:', blobs: 'file:', online: 'memory:', lake: 'file:' }\npools: { warehouse: 4, gpu: 1 }\nretention: { runs: forever, logs: 7d }\negress: { allow: [127.0.0.1] }\nmail: { server: 'smtp://localhost:2525', from: martlet@example.org, security: starttls_if_offered, user: shop, password: smtp }\n"
        ),
        (
            "streams/orders.yaml",
            """
            stream: orders
            doc: what was bought
            event_time: placed_at
            unique: [order_id, line]
            time_zone: UTC
            delay: 1m
            ahead: 10m
            fields:
              order_id: { type: string, doc: its number, missing: ["-", n/a] }
              line: int64
              placed_at: { type: timestamp, unit: milliseconds }
              buyer_id: { type: string, personal: subject }
              kind: { type: string, optional: true, clean: [trim, { map: { a: A, b: "" } }, { fill: A }] }
              amount: { type: float64, check: "amount >= 0.0", clean: { clamp: { low: 0, high: 1e6 } } }
              returned: { type: bool, known_after: 7d, absent: { value: false, after: 60d } }
            """
        ),
        (
            "features/buyer.yaml",
            """
            feature_view: buyer
            doc: of a buyer
            source: orders
            entity: { name: buyer, key: [buyer_id] }
            where: amount > 0.0
            aggregate:
              - { function: sum, of: amount * 2.0, windows: 1d, offset: 1h, as: twice, doc: doubled }
              - { function: mean, of: returned, windows: [30d], as: rate }
            ---
            feature_view: row
            source: orders
            derive: { amount: amount, big: row.amount > 10.0 }
            """
        ),
        (
            "models/m.yaml",
            """
            model: m
            doc: returns
            task: binary
            from: orders
            where: amount > 0.0
            label: returned
            features: [row.*, { view: buyer, on: [buyer_id], as: b }]
            except: [row.big]
            split: { train: { from: 2026-01-01, to: 2026-02-01, where: line == 1 }, gap: 1d, test: { from: 2026-03-01, to: 2026-03-08, where: line == 1, stream: orders } }
            trainer: { kind: xgboost, rounds: 1, max_depth: 2, eta: 0.5, min_child_weight: 1, gamma: 0, lambda: 1, alpha: 0, subsample: 1, colsample_bytree: 1, max_bin: 16, colsample_bylevel: 1, colsample_bynode: 1, max_leaves: 0, grow_policy: depthwise, tree_method: hist, max_delta_step: 0, scale_pos_weight: 2, seed: 1 }
            metrics: [roc_auc, { precision_at: 5, per: day }]
            gates: "roc_auc > 0.5"
            """
        ),
        (
            "endpoints/e.yaml",
            "endpoint: e\ndoc: answers\nmodel: m@1\nfallback: { score: 0.5 }\nrecord: after_answer\nlimits: { rows: 1, deadline: 1s, queue: 2 }\nreview: { when: \"output > 0.5\", explore: 1%, limit: 5, expire: 1d, claim: 5m }\n"
        ),
        (
            "endpoints/tried.yaml",
            """
            endpoint: tried
            model: m@champion
            rollout:
              strategy: canary
              steps: [shadow, 10%, 50%]
              unit: buyer_id
              objective: "outcome ? output : -output"
              margin: 0.1
              error_rate: 5%
              minimum: { units: 50, time: 1d }
              longest: 20d
              undecided: wait
              guardrails: { errors: 1%, latency: { slower_than: 1s, share: 2% }, fairness: { by: line, threshold: 0.5, gap: 10% } }
              approval: required
            ---
            endpoint: compared
            model: m@other
            rollout: { strategy: ab, share: 40% }
            """
        ),
        (
            "monitors/m.yaml",
            """
            monitor: all
            endpoint: e
            doc: all there is
            window: 1d
            lateness: 1h
            reference: { windows: 4, every: 7d }
            minimum_rows: 50
            drift: { features: [row.amount], predictions: true, distance: ks, raise: 0.2, clear: 0.1 }
            quality: { missing: 5%, unseen: 1%, volume: 50%, freshness: 2h }
            performance: [{ metric: roc_auc, at_least: 0.5, clear: 0.6 }, { metric: recall, at_least: 0.1, threshold: 0.4 }, { metric: brier, at_most: 0.3 }]
            estimated: { metric: accuracy, at_least: 0.5 }
            bias: { by: line, rate: selection_rate, gap: 10%, clear: 5%, threshold: 0.5 }
            errors: 1%
            latency: 50ms
            skew: 10
            alarms: { for: 2, clear_after: 6h, severity: page, repeat: 4h, cool_down: 1d }
            on_alarm:
              - { pipeline: p, parameters: { day: friday }, on: [drift, performance], cool_down: 2d, budget: 2, approval: required }
              - { rollback: true }
              - { fallback: true }
              - { review: 20% }
              - { webhook: "https://alerts.example/hook" }
              - { email: [ops@example.org, ada@example.org], on: drift }
              - { command: [notify, --to, ops] }
            """
        ),
        (
            "monitors/orders.yaml",
            """
            monitor: orders
            stream: orders
            reference: seasonal
            drift: { fields: [amount, kind] }
            quality: { missing: 5%, schema: 1%, rejected: 1% }
            """
        ),
        (
            "pipelines/p.yaml",
            """
            pipeline: p
            doc: all there is
            schedule: { cron: "@daily", time_zone: UTC, start: 2026-01-01, end: 2027-01-01 }
            catchup: true
            triggers: [{ stream: orders, every: 1d }, { model: m@champion }, { webhook: github }]
            parameters: { day: { type: string, default: today, doc: which } }
            max_active_runs: 1
            max_active_tasks: 2
            priority: 1
            deadline: 1h
            timeout: 2h
            defaults: { retries: 1, retry_delay: 1s, retry_factor: 2, retry_max_delay: 1m, retry_jitter: 0.1, max_active: 4 }
            tasks:
              run:
                run: [./a, "${parameters.day}"]
                env: { A: b }
                secrets: { DB_PASSWORD: warehouse }
                folder: jobs
                limits: { cpu: 1m, memory: 1GB, output: 1MB, file_size: 1GB, processes: 4 }
                skip_codes: [3]
                retry_codes: [4]
                outputs: { files: list of string }
                inputs: [jobs/a.sql]
                grace: 1s
                needs: { warehouse: 1 }
                cache: 1h
              take: { ingest: orders, file: "${item}", live: true, after: run, map: tasks.run.files, allow_failure: true }
              set: { dataset: m, to: set.csv, after: take, trigger_rule: all_done, when: tasks.run.state == "succeeded" }
              group: { after: set, doc: in one, tasks: { train: { train: m, recent: 30d, half_life: 7d } } }
              measure: { evaluate: m, version: champion, after: group }
              check: { check: tasks.group.train.roc_auc > tasks.measure.roc_auc, after: measure }
              ask: { approval: may it?, after: check }
              promote: { promote: m, at_once: true, version: "${tasks.group.train.version}", alias: champion, after: ask }
              smoke: { smoke: e, inputs: { amount: 1.0 }, expect: output > 0.0, after: promote }
              score: { predict: e, file: in.csv, to: out.ndjson, after: smoke }
              next: { pipeline: q, parameters: { n: 1 }, after: score }
              made: { function: made, build: "00", arguments: { n: "${parameters.day}" }, outputs: { m: int64 }, after: score }
              one: { wait: { until: "06:30" }, after: score }
              two: { wait: { for: 1m }, after: score }
              three: { wait: { file: done }, after: score }
              four: { wait: { stream: orders }, after: score }
              five: { wait: { http: "https://api.example/up" }, after: score }
              send:
                http: { method: PUT, url: "https://api.example/${run.id}", headers: { x-key: "${task.key}" }, body: "${run.id}" }
                expect: [200, 409]
                retry_codes: [503]
                outputs: { id: int64 }
                follow: true
                answer_limit: 64KiB
                after: five
              post: { http: { method: POST, url: "https://api.example/", json: { id: "${tasks.send.id}" } }, after: send }
              query:
                sql: SELECT $n AS n
                parameters: { n: "${parameters.day}" }
                database: shop.duckdb
                outputs: { n: string }
                limits: { memory: 1GB }
                inputs: [in.csv]
                grace: 5s
                after: post
              rows: { sql: SELECT 1 AS one, to: rows.parquet, after: query }
            on_failure: { tell: { run: [./tell] } }
            ---
            pipeline: q
            time_zone: Europe/Brussels
            schedule: { every: 15m }
            start: 2026-01-01
            end: 2027-01-01
            parameters: { n: int64 }
            tasks: { a: { run: [./b] } }
            """
        ),
    ]

    @Test("every documented key is read: a project that uses them all is correct, and each of them is in it")
    func everyKeyIsRead() throws {
        _ = try ProjectPlan.check(Projects.source(Self.everyKey))
        for kind in ProjectPlan.kinds.kinds {
            for key in kind.tables.flatMap(\.keys) {
                #expect(
                    Self.everyKey.contains { $0.1.contains("\(key.name):") },
                    "the project lacks '\(key.name)' of \(kind.name)")
            }
        }
    }

    @Test("the absent rule, the shift of late windows and the test stream reach the plans")
    func plans() throws {
        let project = try ProjectPlan.check(Projects.source(Self.everyKey))
        guard case .aggregate(let plan, _) = try #require(project.view("buyer")).body else { return }
        #expect(plan.aggregations.map(\.name) == ["twice_1d_1h", "rate_30d"])
        #expect(plan.aggregations.map(\.offset) == [.hours(1), .days(7)])
        #expect(project.view("buyer")?.featureDocs == ["twice_1d_1h": "doubled"])
        #expect(
            plan.aggregations[1].absent == .init(field: "returned", value: .bool(false), after: .days(60)))
        #expect(
            try #require(project.model("m")).features.map(\.name) == [
                "row.amount", "b.twice_1d_1h", "b.rate_30d",
            ])
    }
}
