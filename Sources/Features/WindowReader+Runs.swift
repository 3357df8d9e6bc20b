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
        let isAscending = isAscending(times, count)
        for edge in 0..<edgeCount {
            if isAscending, walkEdge(edge, times, count) { continue }
            moveEdge(edge, times, count)
        }
        for point in 0..<pointCount { points[point].isCurrent = false }
        prefixLane = -1
        let allSeeAll = allSeeAll(times, ownKeys, count)
        var hasOthers = false
        for number in 0..<steps.count {
            if allSeeAll, isColumnwise(number) { answerColumn(number, places, answers, isAscending) } else { hasOthers = true }
        }
        guard hasOthers else { return }
        for index in 0..<count {
            stand(at: index, times[index], ownKeys?[index] ?? .none)
            for number in 0..<steps.count where !allSeeAll || !isColumnwise(number) {
                answer(steps[number], number, places.lowerBound + index, into: answers)
            }
        }
    }

    @inline(__always) private func isAscending(_ times: UnsafePointer<Int64>, _ count: Int) -> Bool {
        var index = 1
        while index < count, times[index - 1] <= times[index] { index &+= 1 }
        return index >= count
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
    private mutating func answerColumn(_ number: Int, _ places: Range<Int>, _ answers: Answers, _ isAscending: Bool) {
        let (function, piece) = (steps[number].function, steps[number].first)
        let count = places.count
        let (far, near) = (chunkPlaces + piece.farEdge * chunkSize, chunkPlaces + piece.nearEdge * chunkSize)
        let isDense = isDense(piece.lane)
        let (values, present) = answers.column(number, from: places.lowerBound)
        if isDense, function == .count {
            for index in 0..<count {
                values[index] = UInt64(truncatingIfNeeded: near[index] &- far[index])
                present[index] = 1
            }
            return
        }
        let isPrefixed = isAscending && sumPrefixes(piece.lane, count, isDense)
        if !isPrefixed {
            movePoint(piece.farPoint, piece.lane, far, count)
            movePoint(piece.nearPoint, piece.lane, near, count)
        }
        let (older, newer) = (chunkSums + piece.farPoint * chunkSize, chunkSums + piece.nearPoint * chunkSize)
        let (olderCounts, newerCounts) = (chunkCounts + piece.farPoint * chunkSize, chunkCounts + piece.nearPoint * chunkSize)
        let (sums, counts) = (prefixSums - prefixStart, prefixCounts - prefixStart)
        let scale = narrowLanes[piece.lane].scale
        let isCounted = narrowLanes[piece.lane].kind == .bool
        for index in 0..<count {
            let (start, end) = (far[index], near[index])
            let size =
                if isDense { end &- start } else if isPrefixed { counts[end] &- counts[start] } else {
                    newerCounts[index] &- olderCounts[index]
                }
            if function == .count {
                values[index] = UInt64(truncatingIfNeeded: size)
                present[index] = 1
                continue
            }
            let sum = isPrefixed ? sums[end] &- sums[start] : newer[index] &- older[index]
            let result: Double? =
                if function == .sum {
                    ExactRounding.quotient(sum, exponent: scale, by: 1)
                } else if size == 0 {
                    nil
                } else if isCounted {
                    // Counts are exact doubles, so the machine's division rounds once.
                    Double(Int64(truncatingIfNeeded: sum)) / Double(size)
                } else {
                    ExactRounding.quotient(sum, exponent: scale, by: UInt64(truncatingIfNeeded: size))
                }
            values[index] = result?.bitPattern ?? 0
            present[index] = result == nil ? 0 : 1
        }
    }

    /// Places that a chunk's windows may span, per question, to be summed once for all questions and windows of a lane.
    static let placesPerQuestion = 16

    /// Sums a lane over all places that a chunk's windows touch, if these are few for its questions; ascending times only.
    ///
    /// A window is then the difference of two sums, however many windows there are, and no question depends on another.
    private mutating func sumPrefixes(_ lane: Int, _ count: Int, _ isDense: Bool) -> Bool {
        if prefixLane == lane { return true }
        var start = Int.max
        var end = 0
        for number in 0..<steps.count where steps[number].first.lane == lane && isColumnwise(number) {
            start = min(start, chunkPlaces[steps[number].first.farEdge * chunkSize])
            end = max(end, chunkPlaces[steps[number].first.nearEdge * chunkSize + count - 1])
        }
        guard start <= end, end - start <= count * Self.placesPerQuestion else { return false }
        narrowLanes[lane].sumPrefixes(
            owner.start + start, count: end - start, isDense: isDense, sums: prefixSums, counts: prefixCounts)
        prefixLane = lane
        prefixStart = start
        return true
    }

    /// Finds an edge's place for every question of a chunk, for ascending times that are dense among the versions.
    ///
    /// Versions and questions are merged without a branch that could be guessed wrong: each step moves on in one of them.
    private mutating func walkEdge(_ edge: Int, _ asked: UnsafePointer<Int64>, _ count: Int) -> Bool {
        let distance = edges[edge]
        guard !asked[0].subtractingReportingOverflow(distance).overflow else { return false }
        var place = VersionArena.firstVersion(
            times, notBefore: asked[0] &- distance, start: owner.start, count: owner.count, near: edgePlaces[edge])
        let end = VersionArena.firstVersion(
            times, notBefore: asked[count - 1] &- distance, start: owner.start, count: owner.count,
            near: min(place + count - 1, owner.count))
        guard end - place <= count * Self.placesPerQuestion else { return false }
        let target = chunkPlaces + edge * chunkSize
        let owned = times.base + owner.start
        var index = 0
        // A version before the end is before the last question's edge, so the questions do not run out first.
        while place < end {
            target[index] = place
            let isBefore = owned[place] < asked[index] &- distance
            place &+= isBefore ? 1 : 0
            index &+= isBefore ? 0 : 1
        }
        for rest in index..<count { target[rest] = end }
        edgePlaces[edge] = end
        return true
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
