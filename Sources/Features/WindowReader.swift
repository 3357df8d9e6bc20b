internal import MartletFrames

/// Moves from question to question and answers each from an entity's versions.
///
/// Holds where the window edges lie and the running sums up to them, so that the next question of the same entity starts
/// from there. Memory is taken once a batch.
struct WindowReader {
    /// Versions that are visible: all that are live now (`isSettled`), or all there are.
    struct Stretch {
        var start: Int
        var end: Int
        var isSettled: Bool
    }

    /// A lane's running sums up to a place, moved along from question to question.
    struct RunningPoint {
        /// −1 where none are held.
        var place = -1
        /// Whether the chunk's sums are found.
        var isCurrent = false
        var total = Moments()
    }

    private let arena: VersionArena
    // Taken from the arena once, so that inner loops do not go through it.
    let lanes: UnsafeMutableBufferPointer<Lane>
    let times: Slab<Int64>
    private let fingerprints: Slab<Fingerprint>
    private let uniqueKeys: UniqueKeyIndex
    let edgeCount: Int
    let pointCount: Int
    let steps: UnsafeMutableBufferPointer<ViewProgram.Step>
    private let cut: Int64
    private let asKnown: Bool
    private let nearestEdge: Int64

    private(set) var owner = VersionArena.Entity()
    /// Whether nothing is hidden, so that what is live now is what is seen.
    private var isWhole = true
    /// What is seen of the span of all windows; unused while `isWhole`.
    private var stretches: [Stretch] = []
    private var wide: WideMoments?
    private var distinct: DistinctCounter?

    // One piece of memory holds all of the following.
    private let memory: Slab<Int128>
    /// One a lane.
    let narrowLanes: UnsafeMutablePointer<NarrowLane>
    let edges: UnsafeMutablePointer<Int64>
    /// One an edge: the first version not before it.
    let edgePlaces: UnsafeMutablePointer<Int>
    /// One a point of the program.
    let points: UnsafeMutablePointer<RunningPoint>
    /// For each question of a chunk: places by edge, and sums and counts by point.
    let chunkSize: Int
    let chunkPlaces: UnsafeMutablePointer<Int>
    let chunkSums: UnsafeMutablePointer<Int128>
    let chunkCounts: UnsafeMutablePointer<Int>
    /// Running sums and counts of one lane over the places of a chunk's windows, from the first of them.
    let prefixSums: UnsafeMutablePointer<Int128>
    let prefixCounts: UnsafeMutablePointer<Int>
    /// The lane whose sums they are, and the first place; −1 for none.
    var prefixLane = -1
    var prefixStart = 0

    /// - Parameter longestRun: no more questions of one entity come together.
    init(_ arena: VersionArena, cut: Int64, asKnown: Bool, longestRun: Int) {
        self.arena = arena
        let program = arena.program
        lanes = arena.lanes
        times = arena.times
        fingerprints = arena.fingerprints
        uniqueKeys = arena.uniqueKeys
        steps = arena.steps
        edgeCount = program.edges.count
        pointCount = program.points.count
        self.cut = cut
        self.asKnown = asKnown
        nearestEdge = program.edges[program.nearestEdge]
        chunkSize = max(min(longestRun, Self.chunkSize), 1)

        var layout = ScratchLayout()
        let sums = layout.add(Int128.self, pointCount * chunkSize)
        let prefixes = layout.add(Int128.self, chunkSize * Self.placesPerQuestion + 1)
        let prefixCounts = layout.add(Int.self, chunkSize * Self.placesPerQuestion + 1)
        let points = layout.add(RunningPoint.self, pointCount)
        let narrowLanes = layout.add(NarrowLane.self, lanes.count)
        let edges = layout.add(Int64.self, edgeCount)
        let edgePlaces = layout.add(Int.self, edgeCount)
        let places = layout.add(Int.self, edgeCount * chunkSize)
        let counts = layout.add(Int.self, pointCount * chunkSize)
        memory = Slab(capacity: (layout.byteCount + 15) / 16)
        let scratch = UnsafeMutableRawPointer(memory.base)
        chunkSums = (scratch + sums).bindMemory(to: Int128.self, capacity: pointCount * chunkSize)
        self.points = (scratch + points).bindMemory(to: RunningPoint.self, capacity: pointCount)
        self.narrowLanes = (scratch + narrowLanes).bindMemory(to: NarrowLane.self, capacity: lanes.count)
        self.edges = (scratch + edges).bindMemory(to: Int64.self, capacity: edgeCount)
        self.edgePlaces = (scratch + edgePlaces).bindMemory(to: Int.self, capacity: edgeCount)
        chunkPlaces = (scratch + places).bindMemory(to: Int.self, capacity: edgeCount * chunkSize)
        chunkCounts = (scratch + counts).bindMemory(to: Int.self, capacity: pointCount * chunkSize)
        prefixSums = (scratch + prefixes).bindMemory(to: Int128.self, capacity: chunkSize * Self.placesPerQuestion + 1)
        self.prefixCounts = (scratch + prefixCounts).bindMemory(to: Int.self, capacity: chunkSize * Self.placesPerQuestion + 1)

        self.points.initialize(repeating: RunningPoint(), count: pointCount)
        for index in lanes.indices { (self.narrowLanes + index).initialize(to: lanes[index].narrow) }
        for index in 0..<edgeCount { self.edges[index] = program.edges[index] }
    }

    func deallocate() {
        memory.deallocate()
        wide?.deallocate()
        distinct?.deallocate()
    }

    /// Places of arrays in one piece of memory; those of larger alignment come first.
    private struct ScratchLayout {
        private(set) var byteCount = 0

        mutating func add<Element>(_ type: Element.Type, _ count: Int) -> Int {
            let alignment = MemoryLayout<Element>.alignment
            let start = (byteCount + alignment - 1) & -alignment
            byteCount = start + count * MemoryLayout<Element>.stride
            return start
        }
    }

    // MARK: Moving

    /// Turns to an entity; −1 for one that has no events.
    mutating func begin(entity: Int) {
        owner = entity < 0 ? VersionArena.Entity() : arena.entities[entity]
        for edge in 0..<edgeCount { edgePlaces[edge] = owner.count }
        for point in 0..<pointCount { points[point].place = -1 }
    }

    /// Whether every question of the chunk sees all that is live in its windows.
    mutating func allSeeAll(_ times: UnsafePointer<Int64>, _ ownKeys: UnsafePointer<Fingerprint>?, _ count: Int) -> Bool {
        guard owner.positionMax < cut else { return false }
        if asKnown, owner.lagMax > nearestEdge {
            for index in 0..<count where owner.knownMax > times[index] { return false }
        }
        guard let ownKeys else { return true }
        for index in 0..<count where mayHoldOwn(index, times[index], ownKeys[index]) { return false }
        return true
    }

    private func isSettled(_ t: Int64) -> Bool {
        owner.positionMax < cut && (!asKnown || owner.lagMax <= nearestEdge || owner.knownMax <= t)
    }

    @inline(__always) private func mayHoldOwn(_ index: Int, _ t: Int64, _ ownKey: Fingerprint) -> Bool {
        guard ownKey != .none else { return false }
        let place = chunkPlaces[index]
        // Most often the row's event stands right there.
        if place < owner.count, times[owner.start + place] == t, fingerprints[owner.start + place] == ownKey {
            return uniqueKeys.mayHaveMoved(ownKey)
        }
        return mayHoldOwnElsewhere(ownKey, t, from: place)
    }

    /// False only if no version of the row's own event lies in a window; see ``UniqueKeyIndex``.
    private func mayHoldOwnElsewhere(_ key: Fingerprint, _ t: Int64, from place: Int) -> Bool {
        guard uniqueKeys.mayContain(key) else { return false }
        if uniqueKeys.mayHaveMoved(key) { return true }
        let place = arena.firstVersion(of: key, at: t, owner, from: place)
        return !(place < owner.count && times[owner.start + place] == t && fingerprints[owner.start + place] == key)
    }

    /// Turns to a question of the chunk.
    mutating func stand(at index: Int, _ t: Int64, _ ownKey: Fingerprint) {
        for edge in 0..<edgeCount { edgePlaces[edge] = chunkPlaces[edge * chunkSize + index] }
        let isSettled = isSettled(t)
        let mayHoldOwn = mayHoldOwn(index, t, ownKey)
        isWhole = isSettled && !mayHoldOwn
        if isWhole { return }

        stretches.removeAll(keepingCapacity: true)
        var place = edgePlaces[arena.program.farthestEdge]
        let end = edgePlaces[arena.program.nearestEdge]
        while place < end {
            // Up to the next version of the row's own event, which it does not see.
            var stop = end
            if mayHoldOwn {
                stop = place
                while stop < end, fingerprints[owner.start + stop] != ownKey { stop += 1 }
            }
            if isSettled {
                append(place, stop, isSettled: true)
            } else {
                look(from: place, to: stop, t)
            }
            place = stop + 1
        }
    }

    private mutating func append(_ start: Int, _ end: Int, isSettled: Bool) {
        guard start < end else { return }
        if let last = stretches.last, last.end == start, last.isSettled == isSettled {
            stretches[stretches.count - 1].end = end
        } else {
            stretches.append(Stretch(start: start, end: end, isSettled: isSettled))
        }
    }

    /// Collects what is visible at the question's cut and time; nodes whose changes all are, are taken whole.
    private mutating func look(from start: Int, to end: Int, _ t: Int64) {
        let shift = BlockTree.shift
        var place = start
        while place < end {
            var size = 0
            if place & (BlockTree.fanout - 1) == 0 {
                for level in 1...BlockTree.levelCount {
                    let nodeSize = 1 << (shift * level)
                    guard place & (nodeSize - 1) == 0, place + nodeSize <= end else { break }
                    let node = (owner.start + place) >> (shift * level)
                    guard arena.lastPositions[level][node] < cut, !asKnown || arena.lastKnownTimes[level][node] <= t else { break }
                    size = nodeSize
                }
            }
            if size > 0 {
                append(place, place + size, isSettled: true)
                place += size
                continue
            }
            let stop = min((place & ~(BlockTree.fanout - 1)) + BlockTree.fanout, end)
            while place < stop {
                if isVisible(owner.start + place, t) { append(place, place + 1, isSettled: false) }
                place += 1
            }
        }
    }

    /// Whether a version was added and not yet removed at the cut and, if asked, as known at `t`.
    private func isVisible(_ slot: Int, _ t: Int64) -> Bool {
        guard arena.positions[slot] < cut, !asKnown || arena.knownTimes[slot] <= t else { return false }
        guard owner.removedCount > 0, arena.removedPositions[slot] != .max else { return true }
        let isRemoved = arena.removedPositions[slot] < cut && (!asKnown || arena.removedKnownTimes[slot] <= t)
        return !isRemoved
    }

    // MARK: Answering

    /// Answers a step of the question turned to.
    mutating func answer(_ step: ViewProgram.Step, _ number: Int, _ place: Int, into answers: Answers) {
        switch step.function {
        case .count: answers.set(number, place, UInt64(count(step)))
        case .sum, .mean, .variance, .stddev: answers.set(number, place, moment(step))
        case .min, .max:
            if let key = extreme(step) { answers.set(number, place, key) } else { answers.setMissing(number, place) }
        case .first, .last:
            if let word = end(step) { answers.set(number, place, word) } else { answers.setMissing(number, place) }
        case .distinctCount: answers.set(number, place, UInt64(distinctCount(step)))
        }
    }

    private mutating func count(_ step: ViewProgram.Step) -> Int {
        let total = count(step.first)
        guard let second = step.second else { return total }
        return total + count(second)
    }

    @inline(__always) private mutating func count(_ piece: ViewProgram.Piece) -> Int {
        let far = edgePlaces[piece.farEdge]
        let near = edgePlaces[piece.nearEdge]
        guard isWhole else { return countSeen(piece.lane, far, near) }
        if isDense(piece.lane) { return near - far }
        guard lanes[piece.lane].isNarrow else { return liveCount(piece.lane, far, near) }
        advance(piece.nearPoint, piece.lane, to: near)
        advance(piece.farPoint, piece.lane, to: far)
        return points[piece.nearPoint].total.count &- points[piece.farPoint].total.count
    }

    /// Whether every version of the entity counts in a lane.
    @inline(__always) func isDense(_ lane: Int) -> Bool {
        owner.removedCount == 0 && narrowLanes[lane].isAlwaysPresent
    }

    private func countSeen(_ lane: Int, _ far: Int, _ near: Int) -> Int {
        var count = 0
        for stretch in stretches {
            let start = max(stretch.start, far)
            let end = min(stretch.end, near)
            guard start < end else { continue }
            if stretch.isSettled {
                count += isDense(lane) ? end - start : liveCount(lane, start, end)
            } else {
                for slot in (owner.start + start)..<(owner.start + end)
                where lanes[lane].flags[slot] & Lane.present != 0 { count += 1 }
            }
        }
        return count
    }

    private mutating func moment(_ step: ViewProgram.Step) -> Double? {
        let format = lanes[step.first.lane].format
        if lanes[step.first.lane].isNarrow {
            switch step.function {
            case .sum: return ExactRounding.quotient(sum(step).sum, exponent: format.scale, by: 1)
            case .mean:
                let total = sum(step)
                guard total.count > 0 else { return nil }
                return ExactRounding.quotient(total.sum, exponent: format.scale, by: UInt64(total.count))
            case .variance: return moments(step).variance(scale: format.scale)
            default: return moments(step).variance(scale: format.scale).map { $0.squareRoot() }
            }
        }
        return wideMoment(step, format)
    }

    private mutating func wideMoment(_ step: ViewProgram.Step, _ format: FixedPointFormat) -> Double? {
        var total = wide ?? WideMoments()
        total.clear(format)
        addWide(step.first, to: &total)
        if let second = step.second { addWide(second, to: &total) }
        wide = total
        switch step.function {
        case .sum: return total.quotient(format, by: 1)
        case .mean: return total.count > 0 ? total.quotient(format, by: UInt64(total.count)) : nil
        case .variance: return total.variance(format)
        default: return total.variance(format).map { $0.squareRoot() }
        }
    }

    /// The count and sum of a window, without squares.
    @inline(__always) private mutating func sum(_ step: ViewProgram.Step) -> (count: Int, sum: Int128) {
        guard isWhole, step.second == nil else {
            let total = moments(step)
            return (total.count, total.sum)
        }
        let piece = step.first
        let far = edgePlaces[piece.farEdge]
        let near = edgePlaces[piece.nearEdge]
        guard far < near else { return (0, 0) }
        advance(piece.nearPoint, piece.lane, to: near)
        advance(piece.farPoint, piece.lane, to: far)
        let (newer, older) = (points + piece.nearPoint, points + piece.farPoint)
        return (newer.pointee.total.count &- older.pointee.total.count, newer.pointee.total.sum &- older.pointee.total.sum)
    }

    private mutating func moments(_ step: ViewProgram.Step) -> Moments {
        var total = moments(step.first)
        if let second = step.second { total.add(moments(second)) }
        return total
    }

    private mutating func moments(_ piece: ViewProgram.Piece) -> Moments {
        let far = edgePlaces[piece.farEdge]
        let near = edgePlaces[piece.nearEdge]
        if isWhole {
            advance(piece.nearPoint, piece.lane, to: near)
            advance(piece.farPoint, piece.lane, to: far)
            var total = points[piece.nearPoint].total
            total.subtract(points[piece.farPoint].total)
            return total
        }
        var total = Moments()
        for stretch in stretches {
            let start = max(stretch.start, far)
            let end = min(stretch.end, near)
            guard start < end else { continue }
            if stretch.isSettled {
                var before = Moments()
                sumFromBlock(narrowLanes[piece.lane], start, into: &before)
                var after = Moments()
                sumFromBlock(narrowLanes[piece.lane], end, into: &after)
                total.add(after)
                total.subtract(before)
            } else {
                narrowLanes[piece.lane].accumulate(
                    owner.start + start, owner.start + end, mask: Lane.present, into: &total)
            }
        }
        return total
    }

    /// Moves a point's sums, of what is live, to a place: from where it stood or from the block's start, whichever is
    /// nearer.
    private func advance(_ number: Int, _ lane: Int, to place: Int) {
        let point = points + number
        advance(&point.pointee.total, narrowLanes[lane], from: point.pointee.place, to: place)
        point.pointee.place = place
    }

    @inline(__always) func advance(_ total: inout Moments, _ lane: NarrowLane, from: Int, to place: Int) {
        guard from != place else { return }
        if from >= 0, from < place, place &- from <= place & (BlockTree.fanout - 1) {
            lane.accumulate(owner.start &+ from, owner.start &+ place, mask: Lane.present | Lane.removed, into: &total)
        } else {
            sumFromBlock(lane, place, into: &total)
        }
    }

    private func sumFromBlock(_ lane: NarrowLane, _ place: Int, into total: inout Moments) {
        let inBlock = place & (BlockTree.fanout - 1)
        let blocks = place >> BlockTree.shift
        if blocks == 0 {
            total = Moments()
        } else {
            lane.load((owner.start >> BlockTree.shift) + blocks - 1, into: &total)
        }
        lane.accumulate(
            owner.start + place - inBlock, owner.start + place, mask: Lane.present | Lane.removed, into: &total)
    }

    private func addWide(_ piece: ViewProgram.Piece, to wide: inout WideMoments) {
        let far = edgePlaces[piece.farEdge]
        let near = edgePlaces[piece.nearEdge]
        if isWhole { return addWideLive(piece.lane, far, near, to: &wide) }
        for stretch in stretches {
            let start = max(stretch.start, far)
            let end = min(stretch.end, near)
            if stretch.isSettled {
                addWideLive(piece.lane, start, end, to: &wide)
            } else {
                lanes[piece.lane].accumulate(
                    owner.start + start, owner.start + end, mask: Lane.present, into: &wide, subtracting: false)
            }
        }
    }

    private func addWideLive(_ lane: Int, _ start: Int, _ end: Int, to wide: inout WideMoments) {
        guard start < end else { return }
        for (place, subtracting) in [(end, false), (start, true)] {
            let blocks = place >> BlockTree.shift
            if blocks > 0 {
                lanes[lane].addStored((owner.start >> BlockTree.shift) + blocks - 1, to: &wide, subtracting: subtracting)
            }
            lanes[lane].accumulate(
                owner.start + (blocks << BlockTree.shift), owner.start + place, mask: Lane.present | Lane.removed, into: &wide,
                subtracting: subtracting)
        }
    }
}

extension WindowReader {
    // MARK: Order and distinctness

    /// Calls `body` for each visible stretch of a step's window, old to new; stops when it answers true.
    @inline(__always)
    private func forEachStretch(
        _ step: ViewProgram.Step, reversed: Bool = false,
        _ body: (_ lane: Int, _ start: Int, _ end: Int, _ isSettled: Bool) -> Bool
    ) {
        let pieces = step.second == nil ? 1 : 2
        for number in 0..<pieces {
            let isFirst = (number == 0) != (reversed && pieces == 2)
            guard let piece = isFirst ? step.first : step.second else { return }
            let far = edgePlaces[piece.farEdge]
            let near = edgePlaces[piece.nearEdge]
            if isWhole {
                if far < near, body(piece.lane, far, near, true) { return }
                continue
            }
            for index in 0..<stretches.count {
                let stretch = stretches[reversed ? stretches.count - 1 - index : index]
                let start = max(stretch.start, far)
                let end = min(stretch.end, near)
                if start < end, body(piece.lane, start, end, stretch.isSettled) { return }
            }
        }
    }

    private func mask(_ isSettled: Bool) -> UInt8 { isSettled ? Lane.present | Lane.removed : Lane.present }

    /// The word of the least or greatest value.
    private func extreme(_ step: ViewProgram.Step) -> UInt64? {
        let isMinimum = step.function == .min
        var best = isMinimum ? Int64.max : Int64.min
        var found = false
        forEachStretch(step) { number, start, end, isSettled in
            let lane = lanes[number]
            let mask = mask(isSettled)
            let tree = isMinimum ? lane.minima : lane.maxima
            let shift = BlockTree.shift
            var place = start
            while place < end {
                var level = 0
                if isSettled {
                    while level < BlockTree.levelCount {
                        let size = 1 << (shift * (level + 1))
                        guard place & (size - 1) == 0, place + size <= end else { break }
                        level += 1
                    }
                }
                if level > 0 {
                    let key = tree[level][(owner.start + place) >> (shift * level)]
                    // An empty node holds the neutral key; whether it is one is told by the counts below.
                    best = isMinimum ? min(best, key) : max(best, key)
                    place += 1 << (shift * level)
                } else {
                    let slot = owner.start + place
                    if lane.flags[slot] & mask == Lane.present {
                        let key = lane.orderKey(slot)
                        best = isMinimum ? min(best, key) : max(best, key)
                        found = true
                    }
                    place += 1
                }
            }
            if !found, best == (isMinimum ? Int64.max : Int64.min) {
                found = isSettled && liveCount(number, start, end) > 0
            } else {
                found = true
            }
            return false
        }
        guard found else { return nil }
        let isNumber = lanes[step.first.lane].kind == .number
        return UInt64(bitPattern: isNumber ? Lane.totalOrder(best) : best)
    }

    private func liveCount(_ lane: Int, _ start: Int, _ end: Int) -> Int {
        liveCount(lane, before: end) - liveCount(lane, before: start)
    }

    private func liveCount(_ lane: Int, before place: Int) -> Int {
        let blocks = place >> BlockTree.shift
        var count = blocks == 0 ? 0 : Int(lanes[lane].counts[(owner.start >> BlockTree.shift) + blocks - 1])
        for slot in (owner.start + (blocks << BlockTree.shift))..<(owner.start + place)
        where lanes[lane].flags[slot] & (Lane.present | Lane.removed) == Lane.present { count += 1 }
        return count
    }

    /// The word of the first or last value.
    private func end(_ step: ViewProgram.Step) -> UInt64? {
        var result: UInt64?
        let isFirst = step.function == .first
        forEachStretch(step, reversed: !isFirst) { number, start, end, isSettled in
            let lane = lanes[number]
            let mask = mask(isSettled)
            let place = isFirst ? firstPresent(lane, number, start, end, mask) : lastPresent(lane, number, start, end, mask)
            guard let place else { return false }
            let slot = owner.start + place
            result = lane.kind == .bool ? UInt64(lane.flags[slot] & Lane.isTrue) >> 1 : lane.words[slot]
            return true
        }
        return result
    }

    private func firstPresent(_ lane: Lane, _ number: Int, _ start: Int, _ end: Int, _ mask: UInt8) -> Int? {
        var place = start
        while place < end {
            if lane.flags[owner.start + place] & mask == Lane.present { return place }
            place += 1
            guard mask & Lane.removed != 0, place & (BlockTree.fanout - 1) == 0, place < end else { continue }
            // Leap over blocks that hold nothing: the running counts are sorted.
            let base = owner.start >> BlockTree.shift
            let before = lane.counts[base + (place >> BlockTree.shift) - 1]
            var low = place >> BlockTree.shift
            var high = end >> BlockTree.shift
            while low < high {
                let middle = (low + high) >> 1
                if lane.counts[base + middle] > before { high = middle } else { low = middle + 1 }
            }
            place = low << BlockTree.shift
        }
        return nil
    }

    private func lastPresent(_ lane: Lane, _ number: Int, _ start: Int, _ end: Int, _ mask: UInt8) -> Int? {
        var place = end
        while place > start {
            if lane.flags[owner.start + place - 1] & mask == Lane.present { return place - 1 }
            place -= 1
            guard mask & Lane.removed != 0, place & (BlockTree.fanout - 1) == 0, place > start else { continue }
            // The first block after which the running count is what it is here.
            let base = owner.start >> BlockTree.shift
            let block = place >> BlockTree.shift
            let here = lane.counts[base + block - 1]
            var low = 0
            var high = block - 1
            while low < high {
                let middle = (low + high) >> 1
                if lane.counts[base + middle] >= here { high = middle } else { low = middle + 1 }
            }
            place = (low + 1) << BlockTree.shift
        }
        return nil
    }

    private mutating func distinctCount(_ step: ViewProgram.Step) -> Int {
        var counter = distinct ?? DistinctCounter()
        counter.clear()
        forEachStretch(step) { number, start, end, isSettled in
            let lane = lanes[number]
            let mask = mask(isSettled)
            for slot in (owner.start + start)..<(owner.start + end) where lane.flags[slot] & mask == Lane.present {
                counter.insert(lane.equalityWord(slot))
            }
            return false
        }
        distinct = counter
        return counter.count
    }
}
