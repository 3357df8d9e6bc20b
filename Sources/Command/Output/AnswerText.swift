import MartletBytes

/// Answers of the native API in words and tables; pure, so that tests can look at them.
enum AnswerText {
    /// A value in a table's cell: texts without quotes, objects as `name=value`, lists apart by commas.
    static func cell(_ value: JSONValue?) -> String {
        switch value {
        case nil, .null?: "-"
        case .string(let text)?: text
        case .bool(let value)?: value ? "yes" : "no"
        case .int64(let number)?: String(number)
        case .float64(let number)?: self.number(number)
        case .array(let values)?: values.isEmpty ? "-" : values.map(cell).joined(separator: ", ")
        case .object(let object)?:
            object.isEmpty ? "-" : object.members.map { "\($0.key)=\(cell($0.value))" }.joined(separator: " ")
        }
    }

    /// A number with four significant digits or more, without an exponent in the usual range.
    static func number(_ value: Double) -> String {
        guard value.isFinite, value != 0 else { return value == 0 ? "0" : "\(value)" }
        let size = value.magnitude
        if size >= 1e9 || size < 1e-6 { return "\(value)" }
        if value == value.rounded() { return String(Int64(value)) }
        let decimals = size >= 1_000 ? 1 : size >= 100 ? 2 : size >= 10 ? 3 : size >= 0.1 ? 4 : size >= 0.01 ? 5 : size >= 1e-3 ? 6 : 9
        return NumberText.fixed(value, decimals)
    }

    /// Objects as a table, a column a key in order of first appearance, those of `first` before.
    static func table(_ items: [JSONValue], first: [String] = [], leaving: Set<String> = [], _ style: Style = .plain) -> String {
        var keys: [String] = []
        for item in items {
            for key in item.object?.keys ?? [] where !keys.contains(key) && !leaving.contains(key) { keys.append(key) }
        }
        keys = first.filter(keys.contains) + keys.filter { !first.contains($0) }
        let numeric = Set(keys.filter { key in
            let values = items.compactMap { $0[key] }.filter { !$0.isNull }
            return !values.isEmpty && values.allSatisfy { $0.double != nil }
        })
        var table = Table(keys.map { ($0, numeric.contains($0) ? .right : .left) })
        table.rows = items.map { item in keys.map { cell(item[$0]) } }
        return table.text(style)
    }

    /// An object as two columns, a line a key.
    static func pairs(_ value: JSONValue, leaving: Set<String> = []) -> String {
        var table = Table([("", .left), ("", .left)])
        for member in value.object?.members ?? [] where !leaving.contains(member.key) {
            table.rows.append([member.key, cell(member.value)])
        }
        return table.text()
    }

    // MARK: - Data

    /// What became of the rows that came in.
    static func ingestion(_ answer: JSONValue, stream: String, seconds: Double?, _ style: Style = .plain) -> String {
        let accepted = answer["accepted"]?.int64 ?? 0
        let duplicates = answer["duplicates"]?.int64 ?? 0
        let rejected = answer["rejected"]?.int64 ?? 0
        var line = "\(stream): \(NumberText.counted(accepted, "row")) stored"
        if let seconds, seconds > 0, accepted > 0 {
            line += " in \(NumberText.duration(seconds: seconds)), \(NumberText.grouped(Int64(Double(accepted) / seconds))) a second"
        }
        var lines = [line]
        if duplicates > 0 { lines.append("  \(NumberText.counted(duplicates, "row")) there already, without effect") }
        for member in answer["repaired"]?.object?.members ?? [] {
            lines.append("  \(member.key): \(NumberText.counted(member.value.int64 ?? 0, "value")) repaired as declared")
        }
        if let ignored = answer["ignored"]?.array, !ignored.isEmpty {
            lines.append("  passed over as asked: \(ignored.map(cell).joined(separator: ", "))")
        }
        if rejected > 0 {
            lines.append("  \(style.bad(NumberText.counted(rejected, "row"))) against the contract, kept as dead letters:")
            lines += (answer["first_rejected"]?.array ?? []).map { "    " + cell($0) }
            lines.append("  see them with 'martlet dead-letters \(stream)'; after a mend: 'martlet dead-letters replay \(stream)'")
        }
        return lines.joined(separator: "\n")
    }

    /// What became of rows that correct or retract events.
    static func revision(_ answer: JSONValue, stream: String, done: String, _ style: Style = .plain) -> String {
        let rejected = answer["rejected"]?.int64 ?? 0
        let duplicates = answer["duplicates"]?.int64 ?? 0
        var lines = ["\(stream): \(NumberText.counted(answer["accepted"]?.int64 ?? 0, "event")) \(done)"]
        if duplicates > 0 { lines.append("  \(NumberText.counted(duplicates, "event")) \(done) already, without effect") }
        if rejected > 0 {
            lines.append("  \(style.bad(NumberText.counted(rejected, "row"))) without effect:")
            lines += (answer["first_rejected"]?.array ?? []).map { "    " + cell($0) }
        }
        return lines.joined(separator: "\n")
    }

    // MARK: - Models

    /// A training run: its rows, its metrics of the test part, its gates.
    static func training(_ answer: JSONValue, _ style: Style = .plain) -> String {
        let model = cell(answer["model"])
        let version = answer["version"]?.int64
        var lines = [version.map { "\(model): version \($0)" } ?? "\(model): no version"]
        if let run = answer["run"], !run.isNull { lines[0] += "  (run \(cell(run)))" }
        if let rows = answer["rows"]?.object {
            lines.append("rows: " + rows.members.map { "\(NumberText.grouped($0.value.int64 ?? 0)) \($0.key)" }.joined(separator: ", "))
        }
        var metrics = Table([("", .left), ("", .right)])
        metrics.rows = (answer["metrics"]?.object?.members ?? []).map { ["  " + $0.key, cell($0.value)] }
        if !metrics.rows.isEmpty { lines += ["metrics of the test part:", metrics.text()] }
        for gate in answer["gates"]?.array ?? [] {
            let passed = gate["passed"]?.bool == true
            lines.append("gate \(passed ? style.good("passed") : style.bad("failed")): \(cell(gate["gate"]))")
        }
        if gatesPassed(answer) {
            lines.append("next: martlet promote \(model)")
        } else {
            lines.append("it cannot be promoted: change the model, the data or the gate, and train again")
        }
        return lines.joined(separator: "\n")
    }

    static func gatesPassed(_ answer: JSONValue) -> Bool {
        answer["version"]?.int64 != nil && (answer["gates"]?.array ?? []).allSatisfy { $0["passed"]?.bool == true }
    }

    // MARK: - Predictions

    /// One prediction.
    static func prediction(_ answer: JSONValue, _ style: Style = .plain) -> String {
        var lines = [pairs(answer, leaving: ["explanation"])]
        if let explanation = answer["explanation"], explanation.object != nil { lines += ["", self.explanation(explanation, style)] }
        if let id = answer["prediction_id"]?.string, answer["explanation"]?.object == nil {
            lines.append("why: martlet explain \(id)")
        }
        return lines.joined(separator: "\n")
    }

    /// What each feature added to the margin, the largest first.
    ///
    /// ```
    /// feature               value  contribution
    /// customer.count_1d         9        +1.204  ++++++++
    /// ```
    static func explanation(_ answer: JSONValue, _ style: Style = .plain) -> String {
        let contributions = (answer["contributions"]?.array ?? []).enumerated().sorted { left, right in
            let sizes = [left, right].map { $0.element["contribution"]?.double?.magnitude ?? 0 }
            return sizes[0] != sizes[1] ? sizes[0] > sizes[1] : left.offset < right.offset
        }.map(\.element)
        let largest = contributions.first?["contribution"]?.double?.magnitude ?? 0
        var table = Table([("feature", .left), ("value", .right), ("contribution", .right), ("", .left)])
        for item in contributions {
            let amount = item["contribution"]?.double ?? 0
            let length = largest > 0 ? Int((amount.magnitude / largest * 20).rounded()) : 0
            table.rows.append([
                cell(item["feature"]), cell(item["value"]), signed(amount), String(repeating: amount < 0 ? "-" : "+", count: length),
            ])
        }
        var sum = Table([("", .left), ("", .right)])
        sum.rows = [
            ["base", signed(answer["base"]?.double ?? 0)],
            ["+ contributions", signed(contributions.reduce(0) { $0 + ($1["contribution"]?.double ?? 0) })],
            ["= margin", signed(answer["margin"]?.double ?? 0)],
            ["output", cell(answer["output"])],
        ]
        return table.text(style) + "\n\n" + sum.text()
    }

    /// A number with its sign and four decimals.
    static func signed(_ number: Double) -> String {
        (number < 0 ? "" : "+") + NumberText.fixed(number, 4)
    }

    /// Whether a past prediction came out the same, and else where it differs.
    static func replay(_ answer: JSONValue, _ style: Style = .plain) -> String {
        if answer["equal"]?.bool == true {
            return style.good("equal") + ": features and output computed anew have the bytes of the record"
        }
        let differences = answer["differences"]?.array ?? []
        var lines = [style.bad("different") + ": \(NumberText.counted(Int64(differences.count), "difference"))"]
        if differences.contains(where: { $0.object != nil }) {
            lines.append(table(differences, style))
        } else {
            lines += differences.map { "  " + cell($0) }
        }
        return lines.joined(separator: "\n")
    }

    // MARK: - Operation

    /// A checklist; the failed ones with their hints.
    static func checks(_ items: [JSONValue], _ style: Style = .plain) -> String {
        items.map { item in
            let isFine = item["ok"]?.bool == true
            let mark = isFine ? style.good("ok  ") : style.bad("FAIL")
            let message = item["message"]?.string.map { ": " + $0 } ?? ""
            let hint = isFine ? "" : item["hint"]?.string.map { "\n      hint: " + $0 } ?? ""
            return "\(mark)  \(cell(item["check"]))\(message)\(hint)"
        }.joined(separator: "\n")
    }
}
