import MartletExpressions
import MartletFeatures
import MartletFrames

/// A scenario file that cannot be read.
public struct ScenarioSyntaxError: Error, CustomStringConvertible {
    public var line: Int
    public var message: String

    public var description: String { "line \(line): \(message)" }
}

extension Scenario {
    /// Reads the scenarios of a file, in order.
    ///
    /// - Throws: ``ScenarioSyntaxError`` with the line.
    public static func parse(
        _ text: String, compile: @escaping ExpressionCompiler = compileOverFields
    ) throws -> [Scenario] {
        var parser = ScenarioParser(compile: compile)
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) { try parser.read(line) }
        try parser.finishScenario()
        return parser.scenarios
    }
}

private struct ScenarioParser {
    /// The statements that define a view, kept until the first record or question needs them.
    private struct ViewDraft {
        var entityKeys: [Field] = []
        var eventTime: String?
        var fields: [Field] = []
        var filter: Substring?
        var features: [(line: Int, text: Substring)] = []
    }

    private let compile: ExpressionCompiler
    private(set) var scenarios: [Scenario] = []
    private var line = 0
    private var title: (text: String, line: Int)?
    private var draft: ViewDraft?
    private var view: (schema: Schema, plan: ViewPlan)?
    private var records: [LogRecord] = []
    private var questions: [FeatureCase.Question] = []
    private var expectations: [Scenario.Expectation] = []

    init(compile: @escaping ExpressionCompiler) {
        self.compile = compile
    }

    mutating func read(_ text: Substring) throws {
        line += 1
        var tokens = try tokenize(text)
        guard !tokens.isEmpty else { return }
        let keyword = tokens.removeFirst()
        // Titles and expressions are taken as they stand.
        let comment = text.indices.first { text[$0] == "#" && text[..<$0].last == " " } ?? text.endIndex
        let rest = text[..<comment].drop { $0 == " " }.dropFirst(keyword.count).drop { $0 == " " }
        if keyword == "scenario" {
            try finishScenario()
            title = (String(rest), line)
            return
        }
        guard title != nil else { throw error("a file starts with 'scenario TITLE', found '\(keyword)'") }
        switch keyword {
        case "entity", "field":
            guard tokens.count == 2, let type = ValueType(rawValue: tokens[1]) else {
                throw error("expected '\(keyword) NAME TYPE'")
            }
            let field = Field(tokens[0], type, isOptional: true)
            try define { if keyword == "entity" { $0.entityKeys.append(field) } else { $0.fields.append(field) } }
        case "time":
            guard tokens.count == 1 else { throw error("expected 'time NAME'") }
            try define { $0.eventTime = tokens[0] }
        case "where":
            try define { $0.filter = rest }
        case "feature":
            try define { [line] in $0.features.append((line, rest)) }
        case "ask":
            try readQuestion(tokens)
        default:
            guard let kind = LogRecord.Kind(rawValue: keyword) else { throw error("'\(keyword)' is no statement") }
            try readRecord(kind, tokens)
        }
    }

    mutating func finishScenario() throws {
        guard let title else { return }
        let view = try currentView()
        guard !questions.isEmpty else { throw error("scenario '\(title.text)' asks nothing") }
        let featureCase = FeatureCase(schema: view.schema, plan: view.plan, records: records, questions: questions)
        scenarios.append(Scenario(
            title: title.text, line: title.line, featureCase: featureCase, expectations: expectations))
        (self.title, draft, records, questions, expectations) = (nil, nil, [], [], [])
    }

    // MARK: View

    private mutating func define(_ change: (inout ViewDraft) -> Void) throws {
        guard records.isEmpty, questions.isEmpty else { throw error("the view stands before records and questions") }
        var draft = draft ?? ViewDraft()
        change(&draft)
        self.draft = draft
    }

    private mutating func currentView() throws -> (schema: Schema, plan: ViewPlan) {
        guard let draft else {
            guard let view else { throw error("the first scenario has no view") }
            return view
        }
        guard let eventTime = draft.eventTime else { throw error("the view has no 'time NAME'") }
        let schema = Schema([Field(eventTime, .timestamp)] + draft.entityKeys + draft.fields)
        let plan = ViewPlan(
            name: "view", source: "source", entityKeys: draft.entityKeys, eventTime: eventTime,
            filter: try draft.filter.map { try compile(String($0), schema) },
            aggregations: try draft.features.map { try aggregation($0.text, schema, line: $0.line) })
        guard !plan.entityKeys.isEmpty, !plan.aggregations.isEmpty else { throw error("a view has entity and features") }
        view = (schema, plan)
        self.draft = nil
        return (schema, plan)
    }

    /// `NAME = FUNCTION [of EXPRESSION] over LENGTH [offset LENGTH] [absent FIELD=VALUE after LENGTH]`
    private func aggregation(_ text: Substring, _ schema: Schema, line: Int) throws -> Aggregation {
        func error(_ message: String) -> ScenarioSyntaxError { ScenarioSyntaxError(line: line, message: message) }
        let words = text.split(separator: " ")
        guard words.count >= 5, words[1] == "=", let over = words.lastIndex(of: "over"), over + 1 < words.count,
            let function = AggregationFunction(rawValue: String(words[2])),
            let length = Timestamp.Span(String(words[over + 1]))
        else { throw error("expected 'feature NAME = FUNCTION [of EXPRESSION] over LENGTH …'") }
        var argument: CompiledExpression?
        if over > 3 {
            guard words[3] == "of" else { throw error("expected 'of EXPRESSION', found '\(words[3])'") }
            argument = try compile(words[4..<over].joined(separator: " "), schema)
        }
        guard function.accepts(argument?.type) else { throw error("\(function.rawValue) does not take this argument") }
        var result = Aggregation(name: String(words[0]), function: function, argument: argument, length: length)
        var rest = words[(over + 2)...]
        if rest.first == "offset" {
            guard let offset = rest.dropFirst().first.flatMap({ Timestamp.Span(String($0)) }) else {
                throw error("expected 'offset LENGTH'")
            }
            result.offset = offset
            rest = rest.dropFirst(2)
        }
        if rest.first == "absent" {
            let parts = Array(rest.dropFirst())
            guard parts.count == 3, let (name, text) = assignment(String(parts[0])), let type = schema[name]?.type,
                parts[1] == "after", let after = Timestamp.Span(String(parts[2])), let value = value(text, type)
            else { throw error("expected 'absent FIELD=VALUE after LENGTH'") }
            result.absent = AbsentRule(field: name, value: value, after: after)
            rest = []
        }
        guard rest.isEmpty else { throw error("'\(rest.joined(separator: " "))' is not understood") }
        return result
    }

    // MARK: Records and questions

    private mutating func readRecord(_ kind: LogRecord.Kind, _ tokens: [String]) throws {
        let (schema, plan) = try currentView()
        guard let first = tokens.first, let key = Fingerprint(label: first) else {
            throw error("expected '\(kind.rawValue) KEY …', a key of at most 16 bytes")
        }
        var record = LogRecord(kind, key: key, position: Int64(records.count), knownTime: 0)
        if kind != .retraction { record.row = schema.fields.map { _ in .missing } }
        var knownTime: Int64?
        for token in tokens.dropFirst() {
            guard let (name, text) = assignment(token) else { throw error("expected FIELD=VALUE, found '\(token)'") }
            if name == "known" {
                knownTime = try time(text)
            } else if name == "payload", let label = Fingerprint(label: text) {
                record.payload = label
            } else {
                guard let index = schema.index(of: name), !record.row.isEmpty else { throw error("no field '\(name)' here") }
                guard let value = value(text, schema.fields[index].type) else {
                    throw error("'\(text)' is no \(schema.fields[index].type)")
                }
                record.row[index] = value
            }
        }
        if record.row.first == .missing, kind != .outcome { throw error("'\(plan.eventTime)' is missing") }
        if knownTime == nil, case .timestamp(let moment)? = record.row.first { knownTime = moment.microseconds }
        guard let knownTime else { throw error("when was this known? write 'known=TIME'") }
        record.knownTime = knownTime
        records.append(record)
    }

    private mutating func readQuestion(_ tokens: [String]) throws {
        let (_, plan) = try currentView()
        guard let arrow = tokens.firstIndex(of: "->"), arrow + 1 < tokens.count else {
            throw error("expected 'ask … -> FEATURE=VALUE …'")
        }
        var question = FeatureCase.Question(entity: plan.entityKeys.map { _ in .missing }, time: 0)
        var isTimed = false
        for token in tokens[..<arrow] {
            if token == "as_known" { question.asKnown = true; continue }
            guard let (name, text) = assignment(token) else { throw error("'\(token)' is not understood") }
            if let index = plan.entityKeys.firstIndex(where: { $0.name == name }) {
                guard let value = value(text, plan.entityKeys[index].type) else { throw error("'\(text)' is no key") }
                question.entity[index] = value
            } else if name == "t" {
                question.time = try time(text)
                isTimed = true
            } else if name == "cut", let cut = Int64(text) {
                question.cut = cut
            } else if name == "own", let key = Fingerprint(label: text) {
                question.ownKey = key
            } else {
                throw error("'\(token)' is not understood")
            }
        }
        guard isTimed else { throw error("a question has 't=TIME'") }
        var expectation = Scenario.Expectation(line: line, values: [])
        for token in tokens[(arrow + 1)...] {
            guard let (name, text) = assignment(token),
                let index = plan.aggregations.firstIndex(where: { $0.name == name }),
                let value = value(text, plan.aggregations[index].resultType)
            else { throw error("'\(token)' is no feature and value") }
            expectation.values.append((index, value))
        }
        questions.append(question)
        expectations.append(expectation)
    }

    // MARK: Words

    private func error(_ message: String) -> ScenarioSyntaxError {
        ScenarioSyntaxError(line: line, message: message)
    }

    private func time(_ text: String) throws -> Int64 {
        guard let time = ScenarioTime.microseconds(text[...]) else { throw error("'\(text)' is no time") }
        return time
    }

    private func assignment(_ token: String) -> (name: String, text: String)? {
        guard let equals = token.firstIndex(of: "=") else { return nil }
        return (String(token[..<equals]), String(token[token.index(after: equals)...]))
    }

    private func value(_ text: String, _ type: ValueType) -> Value? {
        if text == "missing" { return .missing }
        switch type {
        case .bool: return Bool(text).map { .bool($0) }
        case .int64: return Int64(text).map { .int64($0) }
        case .float64: return Double(text).flatMap { $0.isFinite ? .float64($0) : nil }
        case .timestamp:
            return ScenarioTime.microseconds(text[...]).map { .timestamp(Timestamp(microseconds: $0)) }
        case .string:
            guard text.hasPrefix("\"") else { return .string(text) }
            var content = ""
            var isEscaped = false
            for character in text.dropFirst().dropLast() {
                if character == "\\" && !isEscaped { isEscaped = true; continue }
                content.append(character)
                isEscaped = false
            }
            return .string(content)
        }
    }

    /// Splits at spaces outside quotes, up to a `#` outside quotes.
    private func tokenize(_ text: Substring) throws -> [String] {
        var tokens: [String] = []
        var current = ""
        var isQuoted = false
        var isEscaped = false
        for character in text {
            if isQuoted {
                current.append(character)
                if isEscaped { isEscaped = false } else if character == "\\" { isEscaped = true }
                else if character == "\"" { isQuoted = false }
            } else if character == "#" {
                break
            } else if character == " " || character == "\t" {
                if !current.isEmpty { tokens.append(current) }
                current = ""
            } else {
                if character == "\"" { isQuoted = true }
                current.append(character)
            }
        }
        guard !isQuoted else { throw error("a quote is not closed") }
        if !current.isEmpty { tokens.append(current) }
        return tokens
    }
}
