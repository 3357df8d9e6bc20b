/// The example's project, file by file: what stands in `Examples/fraud`, so that the program alone can play it.
public enum DemoProject {
    /// Paths below the project's folder, and texts.
    public static let files: [(path: String, text: String)] = [
        ("martlet.yaml", #"""
            # Card payments: which of them are fraud? `run.sh` beside this file takes it through the whole loop.
            project: fraud

            """#),
        ("streams/transactions.yaml", #"""
            # One payment with a card at a terminal. Whether it was fraud is known a week later.
            stream: transactions
            event_time: tx_time
            unique: tx_id                       # the same payment again has no second effect
            fields:
              tx_id:       string
              tx_time:     timestamp
              customer_id: { type: string, personal: subject }        # kept as a pseudonym everywhere but in the vault
              terminal_id: string
              amount:      { type: float64, check: "amount >= 0.0" }
              is_fraud:    { type: bool, known_after: 7d, optional: true }   # no feature can see it earlier

            """#),
        ("features/customer.yaml", #"""
            # How a customer usually pays.
            feature_view: customer
            entity: customer_id
            source: transactions
            aggregate:
              - { function: count, windows: [1d, 7d, 30d] }
              - { function: mean, of: amount, windows: [1d, 7d, 30d] }

            """#),
        ("features/terminal.yaml", #"""
            # What became of earlier payments at a terminal. It reads the label, so its windows end seven days before the payment:
            # risk_7d at time t looks at [t - 14d, t - 7d).
            feature_view: terminal
            entity: terminal_id
            source: transactions
            aggregate:
              - { function: count, windows: [1d, 7d, 30d] }
              - { function: mean, of: is_fraud, windows: [1d, 7d, 30d], as: risk }

            """#),
        ("features/request.yaml", #"""
            # Computed from the payment itself, and from other features.
            feature_view: request
            source: transactions
            derive:
              amount:       amount
              is_night:     tx_time.getHours() <= 6
              is_weekend:   tx_time.getDayOfWeek() == 0 || tx_time.getDayOfWeek() == 6
              amount_ratio: amount / (customer.mean_amount_30d + 1.0)

            """#),
        ("models/fraud.yaml", #"""
            model: fraud
            task: binary
            from: transactions                  # one row a payment, with its features as of its time
            label: is_fraud
            features: [request.*, customer.*, terminal.*]
            split: { train: 92%, test: 8% }     # the newest payments test; of the last week no label is known, so they are in neither part
            trainer: { kind: xgboost, max_depth: 5, eta: 0.1, rounds: 60, seed: 7 }
            metrics: [average_precision, roc_auc, { precision_at: 20, per: [day, customer_id] }]
            gates: ["average_precision >= 0.5", "average_precision >= champion.average_precision - 0.02"]

            """#),
        ("endpoints/fraud.yaml", #"""
            # POST /api/v1/endpoints/fraud/predict
            endpoint: fraud
            model: fraud@champion
            record: before_answer               # a prediction is on disk before it is answered
            fallback: { score: 0.0 }
            limits: { rows: 10000 }
            rollout:                            # a new version is tried first: in the shadow, then on half of the customers
              strategy: canary
              steps: [shadow, 50%]
              unit: customer_id
              # What a decision was worth: a missed theft costs 20, an honest customer who is held up costs 5, as sure as the model was.
              objective: "outcome ? -20.0 * (1.0 - output) : -5.0 * output"
              minimum: { units: 60, time: 1d }
              margin: 0.02
              longest: 25d

            """#),
        ("monitors/inputs.yaml", #"""
            # Are payments still what the model has learned from? Seen within hours, without any outcome.
            monitor: inputs
            endpoint: fraud
            window: 6h
            minimum_rows: 200
            drift: { features: [request.amount, request.amount_ratio], predictions: true, distance: ks, raise: 0.12 }
            quality: { missing: 5% }
            skew: 20                            # so many predictions of a window are computed again and compared bit by bit
            alarms: { for: 2 }

            """#),
        ("monitors/outcomes.yaml", #"""
            # Does it still find the thefts? Known a week later, when the outcomes are. Then it learns anew from what has come in since.
            monitor: outcomes
            endpoint: fraud
            window: 1d
            performance: { metric: recall, at_least: 0.5 }
            alarms: { for: 7, severity: page }  # seven bad days in a row: enough to learn from
            on_alarm:
              - { pipeline: refresh, on: [performance], cool_down: 14d, budget: 1 }

            """#),
        ("pipelines/ml_pipeline.yaml", #"""
            # Every night: what has come in is stored, a model is trained on all of it, and if it holds its gates it answers from then on.
            pipeline: ml_pipeline
            schedule: "@daily"
            start: 2026-01-01
            catchup: false
            tasks:
              ingest_data:                      # a shell command; with nothing new (99) the rest is skipped
                run: [sh, ingest.sh]
                skip_codes: [99]
              train_model:
                train: fraud
                after: ingest_data
              deploy:
                after: train_model
                tasks:
                  promote: { promote: fraud, version: "${tasks.train_model.version}" }
                  smoke:                        # one payment through the endpoint, as any client would send it
                    smoke: fraud
                    after: promote
                    inputs: { tx_id: smoke, tx_time: "2026-01-01T12:00:00Z", customer_id: smoke, terminal_id: smoke, amount: 10.0 }
                    expect: output >= 0.0 && output <= 1.0

            """#),
        ("pipelines/refresh.yaml", #"""
            # What an alarm calls for: a model of all that is known by now; if it holds its gates, it is tried beside the champion.
            pipeline: refresh
            tasks:
              train_model: { train: fraud }
              promote: { promote: fraud, version: "${tasks.train_model.version}", after: train_model }

            """#),
        ("ingest.sh", #"""
            #!/bin/sh
            # Brings in every file of incoming/, and moves it to ingested/ once its payments are stored.
            # A file that a crash left behind is brought in again; payments that are stored already have no second effect.
            set -eu
            mkdir -p incoming ingested
            found=99                            # nothing has come
            for file in incoming/*; do
                [ -f "$file" ] || continue
                "$MARTLET_PROGRAM" ingest --live transactions "$file"
                mv "$file" ingested/
                found=0
            done
            exit $found

            """#),
    ]

    /// The model's file as somebody in a hurry leaves it: one tree and no gate.
    public static let carelessModel = #"""
        model: fraud
        task: binary
        from: transactions
        label: is_fraud
        features: [request.*, customer.*, terminal.*]
        split: { train: 92%, test: 8% }
        trainer: { kind: xgboost, max_depth: 2, eta: 0.1, rounds: 1, seed: 7 }
        metrics: [average_precision, roc_auc, { precision_at: 20, per: [day, customer_id] }]

        """#
}
