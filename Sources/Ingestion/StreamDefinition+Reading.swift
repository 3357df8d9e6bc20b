package import MartletDefinitions
internal import MartletExpressions
internal import MartletFrames

extension StreamDefinition {
    /// Reads and checks a stream; nil if it has a mistake, all of which are reported.
    package static func read(_ block: Block, errors: ErrorCollector) -> StreamDefinition? {
        let before = errors.count
        guard var map = MapReader(block.node, keys, title: block.title, errors: errors) else { return nil }
        _ = map.node("stream")
        let fieldsNode = map.required("fields")
        let eventTimeName = map.text("event_time")
        let isTimedByArrival = !map.has("event_time")
        let unique = map.texts("unique") ?? []
        let zoneName = map.text("time_zone")
        let delay = map.span("delay")
        let ahead = map.span("ahead")
        let doc = map.text("doc")
        map.finish()

        var zone = TimeZoneTable.utc
        if let zoneName {
            do {
                zone = try TimeZoneTable.named(zoneName.value)
            } catch {
                errors.add(
                    .unknownName, at: zoneName.place, error.message, found: zoneName.value, hint: error.hint)
            }
        }
        guard let fieldsNode else { return nil }
        var reader = FieldsReader(stream: block.title, errors: errors)
        reader.read(fieldsNode)
        if isTimedByArrival, let taken = reader.places[arrivalField] {
            errors.add(
                .conflict, at: taken,
                "'\(arrivalField)' is the field that \(block.title) has because it names no 'event_time'",
                hint: "name the event time, or give this field another name")
            return nil
        }
        var fields = reader.fields
        let names = fields.map(\.name)
        if let eventTimeName { check(eventTime: eventTimeName, in: fields, reader, block.title, errors) }
        check(unique: unique, in: fields, reader, block.title, errors)
        if isTimedByArrival { fields.append(ContractField(arrivalField, .timestamp)) }
        guard Set(names).count == names.count, errors.count == before else { return nil }

        let scope = ExpressionScope(
            fields.map { .init($0.name, $0.type, isLate: $0.knownAfter != nil, isSubject: $0.isSubject) },
            timeZone: zone)
        var checks: [String: CompiledExpression] = [:]
        for (field, node) in reader.checks {
            checks[field] = ExpressionReader(errors, "the check of field '\(field)'").compile(
                node, scope: scope, expecting: .bool)
        }
        guard errors.count == before else { return nil }
        return StreamDefinition(
            contract: StreamContract(
                stream: block.name, fields: fields, eventTime: eventTimeName?.value ?? arrivalField,
                unique: unique.map(\.value), timeZone: zoneName?.value ?? "UTC", delay: delay?.value ?? .zero,
                ahead: ahead?.value ?? .minutes(5), isTimedByArrival: isTimedByArrival),
            place: block.place, timeZone: zone, checks: checks, doc: doc?.value ?? "", fieldDocs: reader.docs)
    }

    private static func check(
        eventTime: Located<String>, in fields: [ContractField], _ reader: FieldsReader, _ title: String,
        _ errors: ErrorCollector
    ) {
        guard let field = fields.first(where: { $0.name == eventTime.value }) else {
            reader.reportUnknown(eventTime, key: "event_time")
            return
        }
        let fault: String? =
            field.type != .timestamp
            ? "is a \(field.type.rawValue), not a timestamp"
            : field.knownAfter != nil
                ? "is known only after its event"
                : field.isOptional ? "is optional" : nil
        if let fault {
            errors.add(
                .wrongValue, at: eventTime.place,
                "the event time of \(title) cannot be '\(field.name)', which \(fault)",
                found: field.name, expected: "a timestamp that is never missing")
        }
    }

    private static func check(
        unique: [Located<String>], in fields: [ContractField], _ reader: FieldsReader, _ title: String,
        _ errors: ErrorCollector
    ) {
        var seen: Set<String> = []
        for name in unique {
            if !seen.insert(name.value).inserted {
                errors.add(
                    .duplicate, at: name.place, "'\(name.value)' stands twice in the unique key of \(title)")
                continue
            }
            guard let field = fields.first(where: { $0.name == name.value }) else {
                reader.reportUnknown(name, key: "unique")
                continue
            }
            if field.isOptional || field.knownAfter != nil {
                errors.add(
                    .wrongValue, at: name.place,
                    "'\(field.name)' cannot be in the unique key of \(title): it \(field.knownAfter != nil ? "is known only after its event" : "is optional")",
                    found: field.name, expected: "a field that every event has")
            }
        }
    }
}

/// Reads the map `fields` of a stream.
private struct FieldsReader {
    let stream: String
    let errors: ErrorCollector
    var fields: [ContractField] = []
    var places: [String: SourcePlace] = [:]
    /// Names of fields that could not be read, so that references to them are not told as unknown.
    var broken: Set<String> = []
    var docs: [String: String] = [:]
    var checks: [(field: String, node: LocatedNode)] = []

    init(stream: String, errors: ErrorCollector) {
        self.stream = stream
        self.errors = errors
    }

    func reportUnknown(_ name: Located<String>, key: String) {
        guard !broken.contains(name.value) else { return }
        errors.addUnknown(
            "field", name.value, within: " in the key '\(key)' of \(stream)", at: name.place,
            choices: fields.map(\.name),
            plural: "fields")
    }

    mutating func read(_ node: LocatedNode) {
        guard case .map(let entries) = node.content, !entries.isEmpty else {
            NodeValues(errors, "the key 'fields' of \(stream)").wrong(
                node, expected: "a map of at least one field", hint: "write each as 'name: type'")
            return
        }
        if entries.count > 2_000 {
            errors.add(
                .tooLarge, at: node.place, "\(stream) has \(entries.count) fields; a stream may have 2000")
            return
        }
        for entry in entries {
            guard NodeValues(errors, stream).name(Located(entry.key, entry.keyPlace), what: "field") != nil
            else { continue }
            if ["true", "false", "null", "in"].contains(entry.key) {
                errors.add(
                    .wrongValue, at: entry.keyPlace,
                    "'\(entry.key)' cannot be the name of a field: it is a word of expressions",
                    found: entry.key)
                continue
            }
            places[entry.key] = entry.keyPlace
            if let field = field(entry) { fields.append(field) } else { broken.insert(entry.key) }
        }
    }

    private mutating func field(_ entry: LocatedNode.Entry) -> ContractField? {
        let title = "field '\(entry.key)'"
        if entry.value.isNull {
            errors.add(
                .missingKey, at: entry.keyPlace, "\(title) of \(stream) has no type", expected: "a type",
                hint: "types: \(ValueType.allCases.map(\.rawValue).joined(separator: ", "))")
            return nil
        }
        if case .scalar = entry.value.content {
            guard let text = NodeValues(errors, title).text(entry.value), let type = NodeValues(errors, title).valueType(text)
            else { return nil }
            return ContractField(entry.key, type)
        }
        let before = errors.count
        guard var map = MapReader(entry.value, StreamDefinition.fieldKeys, title: title, errors: errors)
        else { return nil }
        let type = map.requiredText("type").flatMap { NodeValues(errors, title).valueType($0) }
        let unit = map.choice("unit", TimeUnit.self)
        let optional = map.bool("optional")
        let check = map.node("check")
        let personal = map.text("personal")
        let knownAfter = map.span("known_after", atLeast: Timestamp.Span(microseconds: 1))
        let absent = map.node("absent")
        let clean = map.node("clean")
        let missing = map.texts("missing") ?? []
        if let doc = map.text("doc") { docs[entry.key] = doc.value }
        map.finish()
        guard let type else { return nil }

        if let unit, type != .timestamp {
            errors.add(
                .conflict, at: unit.place, "\(title) is a \(type.rawValue); only a timestamp has a unit",
                hint: "remove 'unit', or make the type timestamp")
        }
        if let personal, personal.value != "subject" {
            errors.add(
                .wrongValue, at: personal.place,
                "the key 'personal' of \(title) cannot be '\(personal.value.shortened(to: 60))'",
                found: personal.value, expected: "subject",
                hint: "'subject' marks the field that identifies a person")
        }
        if let personal, type != .string, type != .int64 {
            errors.add(
                .conflict, at: personal.place,
                "\(title) identifies a person and is a \(type.rawValue); it must be a string or an int64",
                found: type.rawValue, expected: "string or int64")
        }
        if let personal, knownAfter != nil {
            errors.add(
                .conflict, at: personal.place,
                "\(title) cannot both identify a person and be known only later")
        }
        if let optional, !optional.value, let knownAfter {
            errors.add(
                .conflict, at: optional.place,
                "\(title) is known only \(knownAfter.value) after its event, so an event cannot be required to hold it",
                hint: "remove 'optional: false'")
        }
        let rule = absent.flatMap { self.absent($0, title: title, type: type, knownAfter: knownAfter?.value) }
        let rules = clean.map { self.clean($0, title: title, type: type) } ?? []
        if let check {
            checks.append((entry.key, check))
        }
        guard errors.count == before else { return nil }
        var text: String?
        if case .scalar(let scalar)? = check?.content { text = scalar.text }
        return ContractField(
            entry.key, type, isOptional: optional?.value ?? (knownAfter != nil), timeUnit: unit?.value,
            check: text,
            isSubject: personal != nil, knownAfter: knownAfter?.value, absent: rule, clean: rules,
            missingTexts: missing.map(\.value))
    }

    private func absent(_ node: LocatedNode, title: String, type: ValueType, knownAfter: Timestamp.Span?)
        -> AbsentValue?
    {
        guard let knownAfter else {
            errors.add(
                .conflict, at: node.place,
                "\(title) has 'absent' and no 'known_after': only a late field can fail to come",
                hint: "add 'known_after', or use a clean rule '{ fill: … }'")
            return nil
        }
        guard
            var map = MapReader(
                node, StreamDefinition.absentKeys, title: "'absent' of \(title)", errors: errors)
        else { return nil }
        let value = map.required("value").flatMap {
            NodeValues(errors, "the absent value of \(title)").value($0, of: type)
        }
        let after = map.span("after")
        map.finish()
        if let after, after.value < knownAfter {
            errors.add(
                .leakage, at: after.place,
                "\(title) is known \(knownAfter) after its event, and cannot be called absent after \(after.value)",
                found: "\(after.value)", expected: "at least \(knownAfter)",
                hint: "set 'after' to at least \(knownAfter)")
            return nil
        }
        return value.map { AbsentValue(value: $0, after: after?.value ?? knownAfter) }
    }

    private func clean(_ node: LocatedNode, title: String, type: ValueType) -> [CleanRule] {
        let items: [LocatedNode]
        if case .list(let list) = node.content { items = list } else { items = [node] }
        return items.compactMap { rule($0, title: title, type: type) }
    }

    private func rule(_ node: LocatedNode, title: String, type: ValueType) -> CleanRule? {
        let subject = "a clean rule of \(title)"
        if case .scalar(let scalar) = node.content {
            if scalar.text == "trim" { return .trim }
            errors.addUnknown(
                "clean rule", scalar.text, within: " of \(title)", at: node.place,
                choices: ["trim", "map", "clamp", "fill"],
                plural: "rules")
            return nil
        }
        guard var map = MapReader(node, StreamDefinition.cleanKeys, title: subject, errors: errors) else {
            return nil
        }
        let texts = map.node("map")
        let clamp = map.node("clamp")
        let fill = map.node("fill")
        let given = [texts, clamp, fill].compactMap { $0 }
        let hasUnknown = map.entries.contains { StreamDefinition.cleanKeys[$0.key] == nil }
        map.finish()
        guard given.count == 1 else {
            if !hasUnknown {
                errors.add(
                    .wrongValue, at: node.place, "\(subject) must have one key, found \(given.count)",
                    hint: "one of: trim, map, clamp, fill; write several rules as a list")
            }
            return nil
        }
        if let texts { return self.map(texts, subject: subject) }
        if let clamp { return self.clamp(clamp, title: title, type: type) }
        return fill.flatMap { NodeValues(errors, "the value that fills \(title)").value($0, of: type) }.map {
            .fill($0)
        }
    }

    private func map(_ node: LocatedNode, subject: String) -> CleanRule? {
        guard case .map(let entries) = node.content, !entries.isEmpty else {
            NodeValues(errors, "'map' of \(subject)").wrong(node, expected: "a map of texts")
            return nil
        }
        var texts: [String: String] = [:]
        for entry in entries {
            guard case .scalar(let scalar) = entry.value.content, !scalar.isNull else {
                NodeValues(errors, "'map' of \(subject)").wrong(
                    entry.value, expected: "a text", hint: "write \"\" for the empty text")
                return nil
            }
            texts[entry.key] = scalar.text
        }
        return .map(texts)
    }

    private func clamp(_ node: LocatedNode, title: String, type: ValueType) -> CleanRule? {
        guard type == .int64 || type == .float64 else {
            errors.add(
                .conflict, at: node.place, "\(title) is a \(type.rawValue), and only numbers can be clamped")
            return nil
        }
        guard
            var map = MapReader(
                node, StreamDefinition.clampKeys, title: "'clamp' of \(title)", errors: errors)
        else { return nil }
        let all = -Double.greatestFiniteMagnitude...Double.greatestFiniteMagnitude
        let low = map.number("low", in: all)
        let high = map.number("high", in: all)
        let isEmpty = !map.has("low") && !map.has("high")
        map.finish()
        if isEmpty {
            errors.add(
                .missingKey, at: node.place, "'clamp' of \(title) has no 'low' and no 'high'",
                expected: "low or high")
            return nil
        }
        if let low, let high, low.value > high.value {
            errors.add(.wrongValue, at: low.place, "'clamp' of \(title) has a 'low' above its 'high'")
            return nil
        }
        return .clamp(low: low?.value, high: high?.value)
    }
}
