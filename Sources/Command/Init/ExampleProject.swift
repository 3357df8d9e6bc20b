/// A small project to begin from where there is no file yet.
enum ExampleProject {
    static func files(_ name: String) -> [ProjectDraft.File] {
        [
            .init(path: "martlet.yaml", text: """
                # The project. Everything below is checked by 'martlet plan' and put in force by 'martlet apply'.
                project: \(ProjectDraft.name(from: name, fallback: "project"))

                """),
            .init(path: "streams/orders.yaml", text: """
                # A stream is the contract of one sort of event.
                stream: orders
                event_time: placed_at
                unique: order_id          # the same order again has no second effect
                # time_zone: Europe/Brussels    # how times without a zone are read; else UTC
                fields:
                  order_id:  string
                  placed_at: timestamp    # RFC 3339, "YYYY-MM-DD HH:MM:SS", or a number with 'unit: seconds'
                  buyer_id:  { type: string, personal: subject }             # a person: kept as a pseudonym
                  amount:    { type: float64, check: "amount >= 0.0" }
                  channel:   { type: string, optional: true }
                  returned:  { type: bool, known_after: 14d, optional: true }   # the label; no feature sees it earlier

                """),
            .init(path: "features/buyer.yaml", text: """
                # What a buyer did before: windows over past orders. Names: count_7d, mean_amount_30d, return_rate_30d …
                feature_view: buyer
                entity: buyer_id
                source: orders
                aggregate:
                  - { function: count, windows: [7d, 30d] }
                  - { function: [mean, max], of: amount, windows: [30d] }
                  - { function: mean, of: returned, windows: [30d], as: return_rate }   # its windows end 14d before the order

                """),
            .init(path: "features/request.yaml", text: """
                # Features of the row itself, and of other features.
                feature_view: request
                source: orders
                derive:
                  amount:   amount
                  channel:  channel
                  is_night: placed_at.getHours() <= 6
                  ratio:    amount / (buyer.mean_amount_30d + 1.0)

                """),
            .init(path: "models/returns.yaml", text: """
                model: returns
                task: binary
                from: orders              # one row an order, with its features as of its time
                label: returned
                features: [request.*, buyer.*]
                split: { train: 80%, gap: 14d, test: 20% }
                trainer: { kind: xgboost, max_depth: 6, eta: 0.1, rounds: 200, seed: 7 }
                metrics: [average_precision, roc_auc]
                gates: ["average_precision >= champion.average_precision"]

                """),
            .init(path: "endpoints/returns.yaml", text: """
                # A stable address that answers with the model's champion: POST /api/v1/endpoints/returns/predict
                endpoint: returns
                model: returns@champion

                """),
        ]
    }
}
