/// What changes from one set of definitions to another.
public struct DefinitionDifference: Hashable, Sendable {
    /// What happens to one definition.
    public enum Action: String, Hashable, Sendable {
        case added, removed, changed
    }

    /// One definition that differs.
    public struct Change: Hashable, Sendable {
        public var action: Action
        public var kind: String
        public var name: String
        /// The versions before and after; nil where there is none.
        public var before: DefinitionHash?
        public var after: DefinitionHash?
        /// What is other inside a changed definition, in order of the paths.
        public var details: [Detail]
    }

    /// One key that differs.
    public struct Detail: Hashable, Sendable {
        /// From the definition's top: `fields.amount.check`, `metrics[2]`.
        public var path: String
        /// Nil where the key is not there.
        public var before: CanonicalValue?
        public var after: CanonicalValue?
    }

    /// In order of kind and name.
    public var changes: [Change]
    public var unchangedCount: Int

    public var isEmpty: Bool { changes.isEmpty }

    /// Compares by canonical form.
    ///
    /// - Complexity: linear in the size of both sets, apart from a search by name per definition.
    public init(from old: DefinitionSet, to new: DefinitionSet) {
        changes = []
        unchangedCount = 0
        let names = Set((old.versions + new.versions).map { [$0.kind, $0.name] })
        for key in names.sorted(by: { ($0[0], $0[1]) < ($1[0], $1[1]) }) {
            switch (old[key[0], key[1]], new[key[0], key[1]]) {
            case (let before?, let after?) where before.hash == after.hash: unchangedCount += 1
            case (let before?, let after?):
                var details: [Detail] = []
                DefinitionDifference.compare(before.canonical, after.canonical, path: "", into: &details)
                changes.append(
                    Change(
                        action: .changed, kind: key[0], name: key[1], before: before.hash, after: after.hash, details: details))
            case (let before?, nil):
                changes.append(
                    Change(action: .removed, kind: key[0], name: key[1], before: before.hash, after: nil, details: []))
            case (nil, let after?):
                changes.append(
                    Change(action: .added, kind: key[0], name: key[1], before: nil, after: after.hash, details: []))
            case (nil, nil): break
            }
        }
    }

    private static func compare(_ old: CanonicalValue, _ new: CanonicalValue, path: String, into details: inout [Detail]) {
        guard old != new else { return }
        switch (old, new) {
        case (.map(let before), .map(let after)):
            for key in Set(before.keys).union(after.keys).sorted(by: { $0.utf8.lexicographicallyPrecedes($1.utf8) }) {
                let inner = path.isEmpty ? key : "\(path).\(key)"
                switch (before[key], after[key]) {
                case (let left?, let right?): compare(left, right, path: inner, into: &details)
                case (let left, let right): details.append(Detail(path: inner, before: left, after: right))
                }
            }
        case (.list, .list):
            guard let before = named(old), let after = named(new) else {
                compareByPlace(old, new, path: path, into: &details)
                return
            }
            if before.keys.sorted() == after.keys.sorted(), before.keys != after.keys {
                details.append(Detail(path: path, before: .texts(before.keys), after: .texts(after.keys)))
            }
            compare(.map(Array(zip(before.keys, before.items))), .map(Array(zip(after.keys, after.items))), path: path, into: &details)
        default:
            details.append(Detail(path: path, before: old, after: new))
        }
    }

    /// The items of a list whose items are maps that each have a name of their own.
    private static func named(_ value: CanonicalValue) -> (keys: [String], items: [CanonicalValue])? {
        guard case .list(let items) = value else { return nil }
        var keys: [String] = []
        for item in items {
            guard case .map(let map) = item, case .text(let name)? = map["name"] else { return nil }
            keys.append(name)
        }
        return Set(keys).count == keys.count ? (keys, items) : nil
    }

    private static func compareByPlace(
        _ old: CanonicalValue, _ new: CanonicalValue, path: String, into details: inout [Detail]
    ) {
        switch (old, new) {
        case (.list(let before), .list(let after)) where before.count == after.count:
            for (index, pair) in zip(before, after).enumerated() {
                compare(pair.0, pair.1, path: "\(path)[\(index)]", into: &details)
            }
        default:
            details.append(Detail(path: path, before: old, after: new))
        }
    }
}

extension DefinitionDifference: CustomStringConvertible {
    /// What a person reads before `apply`: a line a definition, and below it a line a key.
    public var description: String {
        guard !isEmpty else { return "nothing changes; \(unchangedCount) definitions stay as they are" }
        var lines: [String] = []
        for change in changes {
            let sign =
                switch change.action {
                case .added: "+"
                case .removed: "-"
                case .changed: "~"
                }
            lines.append("\(sign) \(change.kind) \(change.name)")
            for detail in change.details {
                switch (detail.before, detail.after) {
                case (nil, let after?): lines.append("    + \(detail.path): \(after)")
                case (let before?, nil): lines.append("    - \(detail.path): \(before)")
                case (let before?, let after?): lines.append("    ~ \(detail.path): \(before) → \(after)")
                case (nil, nil): break
                }
            }
        }
        func count(_ action: Action) -> Int { changes.count { $0.action == action } }
        lines.append(
            "\(count(.added)) to add, \(count(.changed)) to change, \(count(.removed)) to remove, \(unchangedCount) unchanged")
        return lines.joined(separator: "\n")
    }

    /// The same as one JSON value.
    public var json: String {
        let items = changes.map { change in
            let details = change.details.map { detail in
                "{\"path\":\(detail.path.jsonQuoted),\"before\":\(detail.before?.json ?? "null"),\"after\":\(detail.after?.json ?? "null")}"
            }
            let before = change.before.map { $0.description.jsonQuoted } ?? "null"
            let after = change.after.map { $0.description.jsonQuoted } ?? "null"
            return "{\"action\":\"\(change.action.rawValue)\",\"kind\":\(change.kind.jsonQuoted),\"name\":\(change.name.jsonQuoted),"
                + "\"before\":\(before),\"after\":\(after),\"details\":[\(details.joined(separator: ","))]}"
        }
        return "{\"changes\":[\(items.joined(separator: ","))],\"unchanged\":\(unchangedCount)}"
    }
}
