internal import MartletFrames

extension WindowReader {
    /// Questions of one entity that are answered together, each part of the work in a loop of its own.
    static let chunkSize = 128

    /// Answers the questions at `places`, all of the entity turned to, in any order of time.
    mutating func answer(
        _ places: Range<Int>, times: UnsafePointer<Int64>, ownKeys: UnsafePointer<Fingerprint>?, into answers: Answers
    ) {
        var first = places.lowerBound
        while first < places.upperBound {
            let end = min(first + chunkSize, places.upperBound)
            answerChunk(first..<end, times + first, ownKeys.map { $0 + first }, into: answers)
            first = end
        }
    }

    private mutating func answerChunk(
        _ places: Range<Int>, _ times: UnsafePointer<Int64>, _ ownKeys: UnsafePointer<Fingerprint>?, into answers: Answers
    ) {
        let count = places.count
        for edge in 0..<edgeCount { moveEdge(edge, times, count) }
        for point in 0..<pointCount { points[point].isCurrent = false }
        var allSeeAll = true
        for index in 0..<count where !seesAll(index, times[index], ownKeys?[index] ?? .none) {
            allSeeAll = false
            break
        }
        var hasOthers = false
        for (number, step) in steps.enumerated() {
            if allSeeAll, answerColumn(step, number, places, answers) { continue }
            hasOthers = true
        }
        guard hasOthers else { return }
        for index in 0..<count {
            stand(at: index, times[index], ownKeys?[index] ?? .none)
            for (number, step) in steps.enumerated() where !allSeeAll || !isColumnwise(step) {
                answer(step, number, places.lowerBound + index, into: answers)
            }
        }
    }

    /// Whether a step is answered for a chunk at a time where nothing is hidden.
    private func isColumnwise(_ step: ViewProgram.Step) -> Bool {
        guard step.second == nil, lanes[step.first.lane].isNarrow else { return false }
        switch step.function {
        case .count, .sum, .mean: return true
        case .min, .max, .variance, .stddev, .distinctCount, .first, .last: return false
        }
    }

    private func answerColumn(_ step: ViewProgram.Step, _ number: Int, _ places: Range<Int>, _ answers: Answers) -> Bool {
        guard isColumnwise(step) else { return false }
        let piece = step.first
        let count = places.count
        let (far, near) = (chunkPlaces + piece.farEdge * chunkSize, chunkPlaces + piece.nearEdge * chunkSize)
        let isDense = isDense(piece.lane)
        if !isDense || step.function != .count {
            movePoint(piece.farPoint, piece.lane, far, count)
            movePoint(piece.nearPoint, piece.lane, near, count)
        }
        let (older, newer) = (chunkSums + piece.farPoint * chunkSize, chunkSums + piece.nearPoint * chunkSize)
        let (olderCounts, newerCounts) = (chunkCounts + piece.farPoint * chunkSize, chunkCounts + piece.nearPoint * chunkSize)
        let counts = isDense ? (far, near) : (olderCounts, newerCounts)
        let scale = lanes[piece.lane].format.scale
        switch step.function {
        case .count:
            for index in 0..<count { answers.set(number, places.lowerBound + index, UInt64(counts.1[index] - counts.0[index])) }
        case .sum:
            for index in 0..<count {
                let sum = newer[index] &- older[index]
                answers.set(number, places.lowerBound + index, ExactRounding.quotient(sum, exponent: scale, by: 1))
            }
        default:
            for index in 0..<count {
                let values = counts.1[index] - counts.0[index]
                guard values > 0 else {
                    answers.setMissing(number, places.lowerBound + index)
                    continue
                }
                let sum = newer[index] &- older[index]
                answers.set(
                    number, places.lowerBound + index, ExactRounding.quotient(sum, exponent: scale, by: UInt64(values)))
            }
        }
        return true
    }

    /// Finds an edge's place for every question of a chunk.
    private mutating func moveEdge(_ edge: Int, _ asked: UnsafePointer<Int64>, _ count: Int) {
        var place = edgePlaces[edge]
        let distance = edges[edge]
        let target = chunkPlaces + edge * chunkSize
        for index in 0..<count {
            let (difference, overflow) = asked[index].subtractingReportingOverflow(distance)
            place = VersionArena.firstVersion(
                times, notBefore: overflow ? .min : difference, start: owner.start, count: owner.count, near: place)
            target[index] = place
        }
        edgePlaces[edge] = place
    }

    /// Finds a point's running sums for every question of a chunk, once.
    private func movePoint(_ point: Int, _ lane: Int, _ places: UnsafePointer<Int>, _ count: Int) {
        guard !points[point].isCurrent else { return }
        points[point].isCurrent = true
        let (sums, counts) = (chunkSums + point * chunkSize, chunkCounts + point * chunkSize)
        for index in 0..<count {
            advance(point, lane, to: places[index])
            sums[index] = points[point].total.sum
            counts[index] = points[point].total.count
        }
    }
}
