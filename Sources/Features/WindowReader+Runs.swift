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
        let allSeeAll = allSeeAll(times, ownKeys, count)
        var hasOthers = false
        for number in 0..<steps.count {
            if allSeeAll, isColumnwise(number) { answerColumn(number, places, answers) } else { hasOthers = true }
        }
        guard hasOthers else { return }
        for index in 0..<count {
            stand(at: index, times[index], ownKeys?[index] ?? .none)
            for number in 0..<steps.count where !allSeeAll || !isColumnwise(number) {
                answer(steps[number], number, places.lowerBound + index, into: answers)
            }
        }
    }

    /// Whether a step is answered for a chunk at a time where nothing is hidden.
    @inline(__always) private func isColumnwise(_ number: Int) -> Bool {
        guard steps[number].second == nil, narrowLanes[steps[number].first.lane].isNarrow else { return false }
        switch steps[number].function {
        case .count, .sum, .mean: return true
        case .min, .max, .variance, .stddev, .distinctCount, .first, .last: return false
        }
    }

    // Mutating, though nothing changes: the reader is then not copied for the call.
    private mutating func answerColumn(_ number: Int, _ places: Range<Int>, _ answers: Answers) {
        let (function, piece) = (steps[number].function, steps[number].first)
        let count = places.count
        let (far, near) = (chunkPlaces + piece.farEdge * chunkSize, chunkPlaces + piece.nearEdge * chunkSize)
        let isDense = isDense(piece.lane)
        if !isDense || function != .count {
            movePoint(piece.farPoint, piece.lane, far, count)
            movePoint(piece.nearPoint, piece.lane, near, count)
        }
        let (older, newer) = (chunkSums + piece.farPoint * chunkSize, chunkSums + piece.nearPoint * chunkSize)
        let (olderCounts, newerCounts) = (chunkCounts + piece.farPoint * chunkSize, chunkCounts + piece.nearPoint * chunkSize)
        let counts = isDense ? (far, near) : (olderCounts, newerCounts)
        let scale = narrowLanes[piece.lane].scale
        let (values, present) = answers.column(number, from: places.lowerBound)
        switch function {
        case .count:
            for index in 0..<count {
                values[index] = UInt64(truncatingIfNeeded: counts.1[index] &- counts.0[index])
                present[index] = 1
            }
        case .sum:
            for index in 0..<count {
                let result = ExactRounding.quotient(newer[index] &- older[index], exponent: scale, by: 1)
                values[index] = result?.bitPattern ?? 0
                present[index] = result == nil ? 0 : 1
            }
        default:
            for index in 0..<count {
                let divisor = counts.1[index] &- counts.0[index]
                let result = divisor > 0
                    ? ExactRounding.quotient(newer[index] &- older[index], exponent: scale, by: UInt64(truncatingIfNeeded: divisor))
                    : nil
                values[index] = result?.bitPattern ?? 0
                present[index] = result == nil ? 0 : 1
            }
        }
    }

    /// Finds an edge's place for every question of a chunk; for ascending times it only walks on.
    private mutating func moveEdge(_ edge: Int, _ asked: UnsafePointer<Int64>, _ count: Int) {
        var place = edgePlaces[edge]
        var last = Int64.max
        let distance = edges[edge]
        let target = chunkPlaces + edge * chunkSize
        let owned = times.base + owner.start
        for index in 0..<count {
            let (difference, overflow) = asked[index].subtractingReportingOverflow(distance)
            let time = overflow ? .min : difference
            var steps = 0
            if time >= last {
                while steps < 8, place < owner.count, owned[place] < time {
                    place &+= 1
                    steps &+= 1
                }
            }
            if time < last || steps == 8 {
                place = VersionArena.firstVersion(times, notBefore: time, start: owner.start, count: owner.count, near: place)
            }
            last = time
            target[index] = place
        }
        edgePlaces[edge] = place
    }

    /// Finds a point's running sums for every question of a chunk, once.
    private mutating func movePoint(_ point: Int, _ lane: Int, _ places: UnsafePointer<Int>, _ count: Int) {
        guard !points[point].isCurrent else { return }
        let (sums, counts) = (chunkSums + point * chunkSize, chunkCounts + point * chunkSize)
        let lane = narrowLanes[lane]
        var place = points[point].place
        var total = points[point].total
        for index in 0..<count {
            advance(&total, lane, from: place, to: places[index])
            place = places[index]
            sums[index] = total.sum
            counts[index] = total.count
        }
        points[point] = RunningPoint(place: place, isCurrent: true, total: total)
    }
}
