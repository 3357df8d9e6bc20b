internal import MartletExpressions
internal import MartletFrames

/// A view's plan resolved to numbers: which lanes to keep, and which window edges and lanes each aggregation reads.
///
/// A *lane* is what one expression gives for every event; an *edge* is a distance before `t`. Both are shared by all
/// aggregations that name them.
struct ViewProgram: Sendable {
    /// One value (or none) an event: the argument where the filter passes.
    struct LaneDefinition: Hashable, Sendable {
        /// Nil counts events.
        var argument: CompiledExpression?
        /// The late field read as its absent value wherever it is missing.
        var fill: Fill?
    }

    struct Fill: Hashable, Sendable {
        var field: String
        var value: Value
    }

    /// A stretch of a window in one lane: the events with `t − far ≤ event time < t − near`.
    struct Piece: Sendable {
        var lane: Int
        /// Indices into `edges` and `points`.
        var farEdge: Int
        var nearEdge: Int
        var farPoint: Int
        var nearPoint: Int
    }

    struct Step: Sendable {
        var function: AggregationFunction
        var type: ValueType
        /// Of the argument; nil for a count of events.
        var argumentType: ValueType?
        /// From old to new: the part that an absent rule fills in, if any, and the part that it does not.
        var first: Piece
        var second: Piece?
    }

    /// A lane's running sums up to an edge.
    struct Point: Hashable, Sendable {
        var lane: Int
        var edge: Int
    }

    struct LaneNeeds: Sendable {
        var sums = false
        var squares = false
        var extremes = false
    }

    private(set) var lanes: [LaneDefinition] = []
    private(set) var needs: [LaneNeeds] = []
    /// The first lane with the same argument: lanes of a group share their format and texts, so that a window can take
    /// one part from each.
    private(set) var groups: [Int] = []
    /// Microseconds before `t`; the first is zero.
    private(set) var edges: [Int64] = [0]
    private(set) var points: [Point] = []
    private(set) var steps: [Step] = []
    /// The edges between which every window lies.
    private(set) var farthestEdge = 0
    private(set) var nearestEdge = 0

    init(_ plan: ViewPlan) {
        for aggregation in plan.aggregations {
            let near = aggregation.offset.microseconds
            let (sum, overflow) = near.addingReportingOverflow(aggregation.length.microseconds)
            let far = overflow ? Int64.max : sum
            let pieces = split(aggregation, filter: plan.filter, far: far, near: near)
            steps.append(
                Step(
                    function: aggregation.function, type: aggregation.resultType, argumentType: aggregation.argument?.type,
                    first: pieces.0, second: pieces.1))
        }
        // Lanes of a group keep the same, so that either can take part in any sum.
        for lane in lanes.indices {
            let group = lanes.indices.filter { groups[$0] == groups[lane] }
            for other in group {
                if needs[other].sums { needs[lane].sums = true }
                if needs[other].squares { needs[lane].squares = true }
                if needs[other].extremes { needs[lane].extremes = true }
            }
        }
        for step in steps {
            for piece in [step.first, step.second].compactMap(\.self) {
                if edges[piece.farEdge] > edges[farthestEdge] { farthestEdge = piece.farEdge }
            }
        }
        nearestEdge = farthestEdge
        for step in steps {
            let newest = (step.second ?? step.first).nearEdge
            if edges[newest] < edges[nearestEdge] { nearestEdge = newest }
        }
    }

    /// At `t`, a version counts as absent iff event time ≤ t − after, that is, before the edge `after − 1`.
    private mutating func split(
        _ aggregation: Aggregation, filter: CompiledExpression?, far: Int64, near: Int64
    ) -> (Piece, Piece?) {
        let plain = LaneDefinition(argument: aggregation.argument, fill: nil)
        guard let rule = aggregation.absent,
            aggregation.argument?.references.contains(rule.field) == true || filter?.references.contains(rule.field) == true
        else { return (piece(plain, aggregation.function, far, near), nil) }
        let filled = LaneDefinition(argument: aggregation.argument, fill: Fill(field: rule.field, value: rule.value))
        let border = rule.after.microseconds - 1
        if border <= near { return (piece(filled, aggregation.function, far, near), nil) }
        if border >= far { return (piece(plain, aggregation.function, far, near), nil) }
        return (piece(filled, aggregation.function, far, border), piece(plain, aggregation.function, border, near))
    }

    private mutating func piece(_ definition: LaneDefinition, _ function: AggregationFunction, _ far: Int64, _ near: Int64) -> Piece {
        let lane = Self.index(of: definition, in: &lanes)
        if lane == needs.count {
            needs.append(LaneNeeds())
            groups.append(lanes.firstIndex { $0.argument == definition.argument } ?? lane)
        }
        switch function {
        case .sum, .mean: needs[lane].sums = true
        case .variance, .stddev:
            needs[lane].sums = true
            needs[lane].squares = true
        case .min, .max: needs[lane].extremes = true
        case .count, .distinctCount, .first, .last: break
        }
        let farEdge = Self.index(of: far, in: &edges)
        let nearEdge = Self.index(of: near, in: &edges)
        return Piece(
            lane: lane, farEdge: farEdge, nearEdge: nearEdge,
            farPoint: Self.index(of: Point(lane: lane, edge: farEdge), in: &points),
            nearPoint: Self.index(of: Point(lane: lane, edge: nearEdge), in: &points))
    }

    private static func index<Element: Equatable>(of element: Element, in list: inout [Element]) -> Int {
        if let index = list.firstIndex(of: element) { return index }
        list.append(element)
        return list.count - 1
    }
}
