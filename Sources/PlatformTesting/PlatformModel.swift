/// What a project should hold, told from `docs/reference/semantics.md` alone: lists, and no disk.
struct PlatformModel {
    /// An event as it is sent.
    struct Row: Hashable {
        var stream: String
        var id: String
        /// A customer of `orders`, a page of `visits`.
        var entity: String
        /// Multiples of a quarter, so that sums of them are exact; nil for a row that lacks it.
        var amount: Double?
        /// Microseconds since 1970.
        var time: Int64
    }

    enum Record: Equatable {
        case event(Row)
        /// The event as it stands once its late field is known.
        case outcome(Row, Bool)
        /// Nil for one whose answer was lost.
        case prediction(String?)
    }

    struct Release: Equatable {
        var action: String
        var variant: Int
        var champion: Int?
        var restores: Int?
    }

    struct Prediction {
        var version: Int
        var output: Double
        var row: Row
        /// Whether the row bore its id.
        var isKeyed: Bool
    }

    /// By position.
    var records: [Record] = []
    /// Rows that broke their contract, in the order in which they were kept.
    var letters: [Row] = []
    var releases: [Release] = []
    /// Of each model version, the variant that it was registered under.
    var versions: [Int] = []
    var audit: [String] = []
    var tokens: [String] = []
    /// What is known of the predictions that were answered.
    var predictions: [String: Prediction] = [:]
    /// The first event of each key, and the label that is known now.
    private(set) var events: [String: (row: Row, label: Bool?)] = [:]

    var variant: Int? { releases.last?.variant }
    var champion: Int? { releases.last?.champion }

    // MARK: - Events

    struct Report: Equatable {
        var accepted = 0
        var duplicates = 0
        var rejected = 0
    }

    enum Fate { case accepted, duplicate, conflict }

    mutating func append(_ row: Row) -> Fate {
        if let known = events[row.stream + "/" + row.id] { return known.row == row ? .duplicate : .conflict }
        events[row.stream + "/" + row.id] = (row, nil)
        records.append(.event(row))
        return .accepted
    }

    /// Takes rows in as the contract of a variant says.
    ///
    /// - Returns: what should be answered, and where it can stop on the way: the events stored and no dead letter yet.
    mutating func admit(_ rows: [Row], variant: Int) -> (report: Report, halfway: PlatformModel) {
        var report = Report()
        var broken: [Row] = []
        for row in rows {
            guard Self.keepsContract(row, variant: variant) else {
                broken.append(row)
                continue
            }
            switch append(row) {
            case .accepted: report.accepted += 1
            case .duplicate: report.duplicates += 1
            case .conflict: broken.append(row)
            }
        }
        let halfway = self
        letters += broken
        report.rejected = broken.count
        return (report, halfway)
    }

    static func keepsContract(_ row: Row, variant: Int) -> Bool {
        row.stream == "visits" || row.amount.map { $0 >= SimulatedProject.leastAmount(variant) } ?? false
    }

    /// Fills in what became known of an event; false if it was known already.
    mutating func label(_ id: String, _ label: Bool) -> Bool {
        guard let known = events["orders/" + id], known.label != label else { return false }
        events["orders/" + id] = (known.row, label)
        records.append(.outcome(known.row, label))
        return true
    }

    // MARK: - Releases

    mutating func release(_ release: Release) {
        releases.append(release)
        audit.append("release." + release.action)
    }

    /// What a rollback would put in force; nil if there is nothing before.
    var rollback: Release? {
        let number = (releases.last?.restores ?? releases.count) - 1
        guard number >= 1 else { return nil }
        let restored = releases[number - 1].restores ?? number
        let content = releases[restored - 1]
        return Release(action: "rollback", variant: content.variant, champion: content.champion, restores: restored)
    }

    // MARK: - Features

    /// The features of a customer at a time and a cut, by looking at every record.
    ///
    /// - Parameter own: the key of the row that they are for, which does not see itself.
    func features(of customer: String, at time: Int64, cut: Int, variant: Int, own: String?) -> [String: Double?] {
        let windows = SimulatedProject.windows(variant)
        var features: [String: Double?] = [:]
        for hours in [windows.short, windows.long] {
            let start = time - Int64(hours) * 3_600_000_000
            var amounts: [Double] = []
            for case .event(let row) in records.prefix(cut)
            where row.stream == "orders" && row.entity == customer && row.id != own && (start..<time).contains(row.time) {
                amounts.append(row.amount ?? 0)
            }
            features["count_\(hours)h"] = Double(amounts.count)
            features["sum_amount_\(hours)h"] = amounts.reduce(0, +)
            features["max_amount_\(hours)h"] = .some(amounts.max())
        }
        return features
    }
}
