import Foundation

/// A small project with everything that a client can write: a stream, features, a model in two versions, an endpoint.
enum KillLoopProject {
    static func write(to folder: TemporaryFolder) throws {
        try folder.write("project: killing\n", to: "martlet.yaml")
        try folder.write("""
            stream: orders
            event_time: placed_at
            unique: order_id
            fields:
              order_id:  string
              placed_at: timestamp
              buyer_id:  { type: string, personal: subject }
              amount:    { type: float64, check: "amount >= 0.0" }
              client:    { type: int64, optional: true }
              serial:    { type: int64, optional: true }
              returned:  { type: bool, known_after: 1d, optional: true }

            """, to: "streams/orders.yaml")
        try folder.write("""
            feature_view: buyer
            entity: buyer_id
            source: orders
            aggregate:
              - { function: count, windows: [1d, 7d] }
              - { function: [mean, max], of: amount, windows: [7d] }
              - { function: mean, of: returned, windows: [7d], as: return_rate }

            """, to: "features/buyer.yaml")
        try folder.write("""
            feature_view: request
            source: orders
            derive:
              amount: amount
              ratio: amount / (buyer.mean_amount_7d + 1.0)

            """, to: "features/request.yaml")
        try folder.write("""
            model: returns
            task: binary
            from: orders
            label: returned
            features: [request.*, buyer.*]
            split: { train: 80%, gap: 1d, test: 20% }
            trainer: { kind: xgboost, max_depth: 3, eta: 0.3, rounds: 10, seed: 7 }
            metrics: [average_precision]

            """, to: "models/returns.yaml")
        try folder.write("endpoint: returns\nmodel: returns@champion\n", to: "endpoints/returns.yaml")

        var random = SeededNumbers(seed: 1)
        var rows = "order_id,placed_at,buyer_id,amount,returned\n"
        let hours = 600
        for hour in 0..<hours {
            let time = Date(timeIntervalSinceNow: -3_600 * Double(hours - hour)).ISO8601Format()
            let amount = Double(random.below(10_000)) / 100
            rows += "h\(hour),\(time),buyer-\(random.below(20)),\(amount),\(Double(random.below(150)) < amount)\n"
        }
        try folder.write(rows, to: "history.csv")
    }
}

/// SplitMix64.
struct SeededNumbers: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &self) }

    mutating func chance(_ percent: Int) -> Bool { below(100) < percent }
}
