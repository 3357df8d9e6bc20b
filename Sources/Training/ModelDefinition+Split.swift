internal import MartletDefinitions
internal import MartletExpressions
internal import MartletFrames
internal import MartletIngestion

/// Reads `split:` of a model.
struct SplitReader {
    let model: String
    let stream: StreamDefinition
    let streams: [String: StreamDefinition]
    let broken: Set<String>
    let errors: ErrorCollector

    func read(_ node: LocatedNode?) -> ModelDefinition.Split? {
        guard let node else { return .shares(train: 0.8, gap: .zero, test: 0.2) }
        let before = errors.count
        guard
            var map = MapReader(
                node, ModelDefinition.splitKeys, title: "the split of \(model)", errors: errors)
        else { return nil }
        let train = map.required("train")
        let gap = map.span("gap")
        let test = map.node("test")
        let gapPlace = map.keyPlace("gap")
        map.finish()
        guard let train, errors.count == before else { return nil }
        if case .map = train.content {
            return stated(train, gap: gap?.value, gapPlace: gapPlace, test: test, at: node.place)
        }
        return shares(train, gap: gap?.value ?? .zero, test: test)
    }

    private func shares(_ train: LocatedNode, gap: Timestamp.Span, test: LocatedNode?) -> ModelDefinition
        .Split?
    {
        guard let share = NodeValues(errors, "'train' of the split of \(model)").share(train) else {
            return nil
        }
        guard let test else {
            return .shares(train: share.value, gap: gap, test: SplitReader.rest(of: share.value))
        }
        if case .map = test.content {
            errors.add(
                .conflict, at: test.place, "the train part of \(model) is a share, and its test part a map",
                hint: "state both as shares, or both as maps")
            return nil
        }
        guard let other = NodeValues(errors, "'test' of the split of \(model)").share(test) else {
            return nil
        }
        guard share.value + other.value <= 1 + 1e-9 else {
            errors.add(
                .conflict, at: other.place,
                "the parts of \(model) are more than the whole: \(SplitReader.percent(share.value + other.value))",
                expected: "at most 100% together")
            return nil
        }
        return .shares(train: share.value, gap: gap, test: other.value)
    }

    /// What is left of the whole, in exact millionths where the share is, so that `80%` alone means `80%` and `20%`.
    private static func rest(of share: Double) -> Double {
        let millionths = (share * 1e6).rounded()
        return millionths / 1e6 == share ? (1e6 - millionths) / 1e6 : 1 - share
    }

    private static func percent(_ share: Double) -> String {
        NodeValues.plain((share * 1e6).rounded() / 1e4) + "%"
    }

    private struct WrittenPart {
        var from: Located<Timestamp>?
        var to: Located<Timestamp>?
        var filter: CompiledExpression?
        var stream: String
        var place: SourcePlace
    }

    private func stated(
        _ train: LocatedNode, gap: Timestamp.Span?, gapPlace: SourcePlace, test: LocatedNode?,
        at place: SourcePlace
    ) -> ModelDefinition.Split? {
        let before = errors.count
        if let test, case .scalar = test.content {
            errors.add(
                .conflict, at: test.place, "the train part of \(model) is a map, and its test part a share",
                hint: "state both as shares, or both as maps")
            return nil
        }
        var first = part(train, "train", mayLeaveStream: false)
        var second =
            test.map { part($0, "test", mayLeaveStream: true) }
            ?? WrittenPart(stream: stream.name, place: place)
        guard errors.count == before else { return nil }
        if gap != nil, first.to == nil, second.from == nil {
            errors.add(
                .conflict, at: gapPlace, "the gap of \(model) lies between no two times",
                hint: "state 'to' of train or 'from' of test")
            return nil
        }
        let gap = gap ?? .zero
        let isOneStream = second.stream == stream.name
        let startOfTest = second.from
        if isOneStream, second.from == nil {
            second.from = first.to.map { Located($0.value + gap, $0.place) }
        }
        if isOneStream, first.to == nil { first.to = startOfTest.map { Located($0.value - gap, $0.place) } }
        for part in [first, second] {
            if let from = part.from, let to = part.to, from.value >= to.value {
                errors.add(
                    .wrongValue, at: to.place,
                    "a part of the split of \(model) ends at \(to.value), and begins at \(from.value)",
                    found: "\(to.value)", expected: "an end after the beginning")
            }
        }
        if isOneStream {
            if let end = first.to, let start = second.from {
                if start.value < end.value + gap {
                    errors.add(
                        .leakage, at: start.place,
                        "the test part of \(model) begins at \(start.value), before the end of the train part and the gap: \(end.value + gap)",
                        found: "\(start.value)", expected: "at least \(end.value + gap)")
                }
            } else if first.filter == nil || second.filter == nil || first.filter == second.filter {
                errors.add(
                    .leakage, at: place,
                    "the parts of \(model) are not kept apart: rows that train would test",
                    hint: "state 'to' of train or 'from' of test, a 'where' for each, or a test 'stream'")
            }
        }
        guard errors.count == before else { return nil }
        return .stated(
            train: .init(
                from: first.from?.value, to: first.to?.value, filter: first.filter, stream: first.stream),
            test: .init(
                from: second.from?.value, to: second.to?.value, filter: second.filter, stream: second.stream))
    }

    private func part(_ node: LocatedNode, _ name: String, mayLeaveStream: Bool) -> WrittenPart {
        let title = "the \(name) part of \(model)"
        var part = WrittenPart(stream: stream.name, place: node.place)
        guard var map = MapReader(node, ModelDefinition.partKeys, title: title, errors: errors) else {
            return part
        }
        part.from = map.node("from").flatMap { time($0, "'from' of \(title)") }
        part.to = map.node("to").flatMap { time($0, "'to' of \(title)") }
        if let filter = map.node("where") {
            let reader = ExpressionReader(errors, "'where' of \(title)")
            part.filter = reader.compile(filter, scope: stream.scope, expecting: .bool)
            if let compiled = part.filter {
                _ = reader.refuseSubjects(in: compiled, scope: stream.scope, at: filter.place)
            }
        }
        if mayLeaveStream, let other = map.text("stream") {
            if streams[other.value] != nil {
                part.stream = other.value
            } else if broken.contains(other.value) {
                part.stream = other.value
            } else {
                errors.addUnknown(
                    "stream", other.value, within: " in \(title)", at: other.place,
                    choices: streams.keys.sorted(), plural: "streams")
            }
        }
        map.finish()
        return part
    }

    /// A date, a date and time of day in the stream's zone, or RFC 3339.
    private func time(_ node: LocatedNode, _ subject: String) -> Located<Timestamp>? {
        if case .scalar(let scalar) = node.content,
            let moment = Timestamp(date: scalar.text, in: stream.timeZone)
        {
            return Located(moment, node.place)
        }
        NodeValues(errors, subject).wrong(
            node, expected: "a date or a time",
            hint: "write 2018-05-08 (midnight in the stream's zone) or 2018-05-08T06:00:00Z")
        return nil
    }
}
