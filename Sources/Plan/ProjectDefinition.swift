public import MartletDefinitions
public import MartletWorld

/// A project's own settings, from `martlet.yaml`; everything in it may be left out.
public struct ProjectDefinition: Definition {
    /// A place where something is kept.
    public enum Store: String, Hashable, Sendable, CaseIterable {
        case database, log, blobs, online, lake

        /// The address of the embedded store.
        public var standard: String {
            switch self {
            case .database: "sqlite:"
            case .log, .blobs, .lake: "file:"
            case .online: "memory:"
            }
        }
    }

    public let name: String
    public let place: SourcePlace
    /// The address of every store.
    public let stores: [Store: String]
    /// How much room tasks have: in `memory` bytes, in others a number. Of a pool that is not declared, see the reference.
    public let pools: [String: Int64]
    public let retention: Retention
    /// The inner networks that tasks may ask servers in.
    public let egress: [AddressRange]
    /// The server that mails are handed to; nil where none are sent.
    public let mail: MailSettings?
    /// For people; empty if there is none.
    public let doc: String

    /// What holds where there is no `martlet.yaml`.
    public static let standard = ProjectDefinition(
        name: "project", place: SourcePlace(file: ProjectSource.projectFile, line: 1, column: 1),
        stores: Dictionary(uniqueKeysWithValues: Store.allCases.map { ($0, $0.standard) }), pools: [:], retention: .standard,
        egress: [], mail: nil, doc: "")

    public var canonical: CanonicalValue {
        var entries: [(String, CanonicalValue)] = [("stores", .map(stores.map { ($0.key.rawValue, .text($0.value)) }))]
        // Left out where there are none, so that projects from before there were pools keep their version.
        if !pools.isEmpty { entries.append(("pools", .map(pools.map { ($0.key, .integer($0.value)) }))) }
        if retention != .standard { entries.append(("retention", retention.canonical)) }
        if !egress.isEmpty { entries.append(("egress", .map(["allow": .texts(egress.map(\.description).sorted())]))) }
        if let mail { entries.append(("mail", mail.canonical)) }
        return .map(entries)
    }

    /// The kind `project` with its keys.
    public static let kind = DefinitionKind(
        name: "project", folder: "",
        summary: "The file `martlet.yaml` at the top of a project names it. It may be left out.",
        example: """
            project: shop
            """,
        tables: [keys, storeKeys, Retention.keys, egressKeys, MailSettings.keys])

    static let keys = KeyTable(
        "a project",
        keys: [
            .required("project", "name", "Its name."),
            .optional(
                "stores", "map", standard: "everything embedded, below `.martlet/`", "Where things are kept."),
            .optional(
                "pools", "map from names to whole numbers", standard: "`cpu` and `memory` as the machine has them, no `gpu`",
                "The room that tasks of pipelines share, by pools of any name, as in `{ warehouse: 4, gpu: 1, cpu: 8, memory: 16GB }`."),
            .optional(
                "retention", "map", standard: "runs `90d`, logs `30d`", "How long what pipelines leave behind is kept."),
            .optional("egress", "map", standard: "public addresses only", "Where tasks may ask servers by HTTP."),
            .optional("mail", "map", standard: "no mail is sent", "The server that mails about alarms are handed to."),
            .optional("doc", "text", "What it is, for people. No part of its version."),
        ])

    static let egressKeys = KeyTable(
        "the egress of a project",
        keys: [
            .required(
                "allow", "list of networks",
                """
                The networks inside that may be reached besides public addresses, as in `[127.0.0.1, 10.20.0.0/16, "::1"]`. The address that \
                is connected to counts, not the name. Link-local addresses and those at which clouds give credentials never can be.
                """)
        ])

    static let storeKeys = KeyTable(
        "the stores of a project", "Each takes the address of the embedded store.",
        keys: Store.allCases.map { store in
            let what =
                switch store {
                case .database: "Registry, routes, releases, audit."
                case .log: "Events, predictions, outcomes."
                case .blobs: "Model packages and other large bytes."
                case .online: "The features' state for live reads."
                case .lake: "Tables for analysis."
                }
            return .optional(store.rawValue, "`\(store.standard)`", standard: "`\(store.standard)`", what)
        })

    static func read(_ block: Block, errors: ErrorCollector) -> ProjectDefinition? {
        let before = errors.count
        guard block.place.file == ProjectSource.projectFile else {
            errors.add(
                .conflict, at: block.namePlace, "a project is named in '\(block.place.file)'",
                hint: "name it in '\(ProjectSource.projectFile)' at the top of the project")
            return nil
        }
        guard var map = MapReader(block.node, keys, title: block.title, errors: errors) else { return nil }
        _ = map.node("project")
        let storesNode = map.node("stores")
        let pools = map.node("pools").map { self.pools($0, block.title, errors) } ?? [:]
        let retention = map.node("retention").map { Retention.read($0, of: block.title, errors) } ?? .standard
        let egress = map.node("egress").map { self.egress($0, block.title, errors) } ?? []
        let mail = map.node("mail").flatMap { MailSettings.read($0, of: block.title, errors) }
        let doc = map.text("doc")?.value ?? ""
        map.finish()
        if let storesNode,
            var stores = MapReader(
                storesNode, storeKeys, title: "the stores of \(block.title)", errors: errors)
        {
            for store in Store.allCases {
                guard let address = stores.text(store.rawValue), address.value != store.standard else {
                    continue
                }
                errors.add(
                    .wrongValue, at: address.place,
                    "the store '\(store.rawValue)' of \(block.title) cannot be '\(address.value.shortened(to: 60))'",
                    found: address.value,
                    expected: store.standard, hint: "this program keeps it in '\(store.standard)'")
            }
            stores.finish()
        }
        guard errors.count == before else { return nil }
        return ProjectDefinition(
            name: block.name, place: block.place, stores: standard.stores, pools: pools, retention: retention,
            egress: egress, mail: mail, doc: doc)
    }

    private static func egress(_ node: LocatedNode, _ title: String, _ errors: ErrorCollector) -> [AddressRange] {
        let title = "the egress of \(title)"
        guard var map = MapReader(node, egressKeys, title: title, errors: errors) else { return [] }
        let texts = map.required("allow").map { NodeValues(errors, "the key 'allow' of \(title)").texts($0) } ?? []
        map.finish()
        guard texts.count <= 100 else {
            errors.add(.tooLarge, at: node.place, "\(title) allows \(texts.count) networks; it may allow 100")
            return []
        }
        return texts.compactMap { text in
            guard let range = AddressRange(text.value) else {
                errors.add(
                    .wrongValue, at: text.place, "the key 'allow' of \(title) has '\(text.value.shortened(to: 60))', which is no network",
                    found: text.value.shortened(to: 60), expected: "an address, or one with the number of its bits that count",
                    hint: "as in 10.20.0.0/16, whose last 16 bits are zero, or 127.0.0.1")
                return nil
            }
            if let refusal = EgressRule(inner: [range]).refusal(of: range.first), !refusal.canBeAllowed {
                errors.add(
                    .wrongValue, at: text.place, "the key 'allow' of \(title) has '\(range)', \(refusal.what), which is never connected to",
                    found: text.value)
                return nil
            }
            return range
        }
    }

    private static func pools(_ node: LocatedNode, _ title: String, _ errors: ErrorCollector) -> [String: Int64] {
        let subject = "the key 'pools' of \(title)"
        guard case .map(let entries) = node.content else {
            NodeValues(errors, subject).wrong(node, expected: "a map from names to numbers", hint: "as in { gpu: 1, memory: 16GB }")
            return [:]
        }
        guard entries.count <= 100 else {
            errors.add(.tooLarge, at: node.place, "\(title) has \(entries.count) pools; it may have 100")
            return [:]
        }
        var pools: [String: Int64] = [:]
        for entry in entries {
            guard NodeValues(errors, title).name(Located(entry.key, entry.keyPlace), what: "pool") != nil else { continue }
            let values = NodeValues(errors, "the pool '\(entry.key)' of \(title)")
            pools[entry.key] =
                entry.key == "memory" ? values.size(entry.value)?.value : values.integer(entry.value, in: 0...1_000_000_000)?.value
        }
        return pools
    }
}
