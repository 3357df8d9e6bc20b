import MartletDefinitions
import MartletPlan

/// Projects that tests begin with.
enum Projects {
    /// The example of design section 3, as far as its kinds exist.
    static let design: [(String, String)] = [
        (
            "martlet.yaml",
            """
            project: fraud
            stores: { database: "sqlite:", log: "file:", blobs: "file:", online: "memory:", lake: "file:" }
            """
        ),
        (
            "streams/transactions.yaml",
            """
            stream: transactions
            event_time: tx_time
            unique: tx_id                       # the same id again has no second effect
            time_zone: Europe/Brussels          # how naive times are read
            fields:
              tx_id:       string
              tx_time:     timestamp            # RFC 3339
              customer_id: { type: string, personal: subject }
              terminal_id: string
              amount:      { type: float64, check: "amount >= 0.0" }
              is_fraud:    { type: bool, known_after: 7d, optional: true }
            """
        ),
        (
            "features/customer.yaml",
            """
            feature_view: customer
            entity: customer_id
            source: transactions
            where: amount > 0.0                 # optional
            aggregate:
              - { function: count, windows: [1d, 7d, 30d] }
              - { function: [mean, max, stddev], of: amount, windows: [1d, 7d, 30d] }
            """
        ),
        (
            "features/terminal.yaml",
            """
            feature_view: terminal
            entity: terminal_id
            source: transactions
            aggregate:
              - { function: mean, of: is_fraud, windows: [1d, 7d, 30d], as: risk }
            """
        ),
        (
            "features/request.yaml",
            """
            feature_view: request
            source: transactions
            derive:
              amount:       amount
              is_night:     tx_time.getHours() <= 6
              amount_ratio: amount / (customer.mean_amount_30d + 1.0)
            """
        ),
        (
            "models/fraud.yaml",
            """
            model: fraud
            task: binary
            from: transactions
            label: is_fraud
            features: [request.*, customer.*, terminal.*]
            split: { train: { from: 2018-05-08, to: 2018-07-25 }, gap: 7d, test: { to: 2018-08-25 } }
            trainer: { kind: xgboost, max_depth: 6, eta: 0.1, rounds: 200, seed: 7 }
            metrics: [average_precision, roc_auc, { precision_at: 100, per: [day, customer_id] }]
            gates: ["average_precision >= champion.average_precision"]
            """
        ),
        (
            "endpoints/fraud.yaml",
            """
            endpoint: fraud
            model: fraud@champion
            fallback: { score: 0.0 }
            """
        ),
        (
            "pipelines/daily.yaml",
            """
            pipeline: daily
            schedule: "@daily"
            catchup: false
            tasks:
              ingest: { run: [martlet, ingest, --live, transactions, new.csv] }
              train:  { train: fraud, after: ingest }
              deploy: { promote: fraud, after: train }
            """
        ),
    ]

    static func source(_ files: [(String, String)]) -> ProjectSource {
        ProjectSource(files.map { .init(path: $0.0, text: $0.1) })
    }

    /// The design's project with one text replaced in one file; the text must be there.
    static func design(_ file: String, _ old: String, _ new: String) -> ProjectSource {
        var files = design
        guard let index = files.firstIndex(where: { $0.0 == file }),
            let range = files[index].1.firstRange(of: old)
        else {
            preconditionFailure("'\(old)' is not in \(file)")
        }
        files[index].1.replaceSubrange(range, with: new)
        return source(files)
    }

    /// What is said of a project: its errors, or nothing.
    static func complaints(_ source: ProjectSource) -> String {
        do {
            _ = try ProjectPlan.check(source)
            return ""
        } catch {
            return "\(error)"
        }
    }
}
