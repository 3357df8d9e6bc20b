import Foundation
import MartletBytes
import MartletExpressions
import MartletFeatures
import MartletFeaturesTesting
import MartletFrames

func compile(_ text: String, _ schema: Schema) throws -> CompiledExpression {
    try CompiledExpression.compile(text, in: ExpressionScope(schema))
}

/// Every scenario beside this file.
func allScenarios() throws -> [Scenario] {
    let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Scenarios")
    let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
    return try files.filter { $0.pathExtension == "txt" }.sorted { $0.path < $1.path }.flatMap { file in
        try Scenario.parse(String(contentsOf: file, encoding: .utf8), compile: compile)
    }
}

/// The ways in which a view's state comes about and is read; each must give the oracle's answers.
enum Path: String, CaseIterable, Sendable {
    /// One state, read as it grows: live, and a question batch at a time.
    case live
    /// Every question in a batch of its own.
    case oneByOne
    /// Each batch is folded by a state of its own and merged into one, from either side.
    case merged
    /// The state is saved and loaded after every batch.
    case saved
    /// A copy is taken before every batch and must keep its answers.
    case copied
    /// Saved, loaded, and merged in turn.
    case mixed
}

struct Engine: FeatureFunction {
    let path: Path
    let plan: ViewPlan
    var state: ViewState
    private var updates = 0

    init(_ plan: ViewPlan, _ path: Path) {
        self.path = path
        self.plan = plan
        state = ViewState(plan: plan)
    }

    mutating func update(_ changes: EventChanges) throws {
        updates += 1
        switch path {
        case .live, .oneByOne: state.update(changes)
        case .merged: merge(changes)
        case .saved:
            state.update(changes)
            try reload()
        case .copied:
            let copy = state
            state.update(changes)
            var writer = ByteWriter()
            copy.encode(into: &writer)
            if updates % 2 == 0 { state = copy; state.update(changes) }
        case .mixed:
            if updates % 2 == 0 { merge(changes) } else { state.update(changes) }
            if updates % 3 == 0 { try reload() }
        }
    }

    private mutating func merge(_ changes: EventChanges) {
        var part = ViewState(plan: plan)
        part.update(changes)
        if updates % 2 == 0 {
            state.merge(part)
        } else {
            part.merge(state)
            state = part
        }
    }

    mutating func reload() throws {
        var writer = ByteWriter()
        state.encode(into: &writer)
        var reader = ByteReader(writer.bytes)
        state = try ViewState(decoding: &reader, plan: plan)
    }

    func read(_ questions: FeatureQuestions) -> [Column] {
        guard path == .oneByOne || path == .mixed else { return state.read(questions) }
        var builders = plan.aggregations.map { ColumnBuilder($0.resultType) }
        for row in questions.times.indices {
            let answer = state.read(
                FeatureQuestions(
                    entityKeys: questions.entityKeys.map { $0.gathering([row]) }, times: [questions.times[row]], cut: questions.cut,
                    asKnown: questions.asKnown, ownKeys: questions.ownKeys.map { [$0[row]] }))
            for index in builders.indices { builders[index].append(from: answer[index], row: 0) }
        }
        return builders.map { $0.finish() }
    }
}

/// How many times the usual number of seeds is run: `MARTLET_SEEDS`, by default 1.
let seedFactor = ProcessInfo.processInfo.environment["MARTLET_SEEDS"].flatMap { Int($0) } ?? 1
