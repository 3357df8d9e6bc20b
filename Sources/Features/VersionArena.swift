internal import MartletExpressions
internal import MartletFrames

/// The versions of all events a view has folded, by entity, in order of event time.
///
/// Every entity owns a region of slots whose size is a power of two and which is aligned to it, in columns shared by all
/// entities; a full region moves to one of twice the size. So folding an event allocates nothing of its own, an entity's
/// events lie side by side, and a tree over its blocks needs no pointers. Within an entity versions are sorted by
/// (event time, unique key, payload, position).
///
/// Marked `@unchecked Sendable` because it is changed only through ``ViewState``, which first makes sure that it holds
/// the only reference; readers never write. For the same reason its fields go without checks of exclusive access, which
/// took a quarter of folding's time.
final class VersionArena: @unchecked Sendable {
    struct Entity {
        var start = 0
        var count = 0
        var capacity = 0
        var removedCount = 0
        /// The greatest (known time − event time) of a change.
        var lagMax = Int64.min
        var knownMax = Int64.min
        var positionMax = Int64.min
    }

    /// A removal whose version is in none of the records folded here: it waits for a merge.
    struct PendingRemoval {
        var entity: Int
        var eventTime: Int64
        var superseded: Int64
        var position: Int64
        var knownTime: Int64
        var uniqueKey: Fingerprint
    }

    let program: ViewProgram
    @exclusivity(unchecked) var keys = KeyTable()
    @exclusivity(unchecked) var entities = Slab<Entity>(capacity: 16)
    let lanes: UnsafeMutableBufferPointer<Lane>
    /// The program's steps, where reading them counts no references.
    let steps: UnsafeMutableBufferPointer<ViewProgram.Step>
    /// The texts of a lane's words, at the index of its group; empty but for lanes of text.
    @exclusivity(unchecked) var texts: [KeyTable]
    @exclusivity(unchecked) var uniqueKeys = UniqueKeyIndex()
    @exclusivity(unchecked) var pendingRemovals: [PendingRemoval] = []

    // One element a slot.
    @exclusivity(unchecked) var times = Slab<Int64>()
    @exclusivity(unchecked) var fingerprints = Slab<Fingerprint>()
    @exclusivity(unchecked) var payloads = Slab<Fingerprint>()
    @exclusivity(unchecked) var positions = Slab<Int64>()
    @exclusivity(unchecked) var knownTimes = Slab<Int64>()
    /// `Int64.max` while not removed; no memory until the first removal.
    @exclusivity(unchecked) var removedPositions = Slab<Int64>()
    @exclusivity(unchecked) var removedKnownTimes = Slab<Int64>()
    @exclusivity(unchecked) var tracksRemovals = false
    // One element a node: the greatest position and known time of a change to a version below it.
    @exclusivity(unchecked) var lastPositions = BlockTree()
    @exclusivity(unchecked) var lastKnownTimes = BlockTree()

    @exclusivity(unchecked) private(set) var slotCapacity = 0
    @exclusivity(unchecked) private var slotTop = 0
    /// Starts of free regions, by the logarithm of their size; one that has since become part of a larger free region
    /// is told by its mark.
    @exclusivity(unchecked) private var freeRegions: [[Int]] = Array(repeating: [], count: 48)
    /// One bit a size that may have free regions.
    @exclusivity(unchecked) private var freeLevels: UInt64 = 0
    /// One element a least region: one more than the logarithm of the size of the free region that starts there, or 0.
    @exclusivity(unchecked) private var freeMarks = Slab<UInt8>()

    @exclusivity(unchecked) private(set) var entityCount = 0
    @exclusivity(unchecked) var versionCount = 0
    @exclusivity(unchecked) var removedCount = 0
    @exclusivity(unchecked) var evaluationFailures = 0
    /// Versions moved, and versions summarised: what folding costs beyond writing each version once.
    @exclusivity(unchecked) private(set) var stepCount = 0

    /// `freeMarks` counts in these.
    static let regionMin = 4
    /// Versions of one entity; running counts are 32 bits wide.
    static let versionsMax = 1 << 30

    init(plan: ViewPlan) {
        program = ViewProgram(plan)
        lanes = .allocate(capacity: program.lanes.count)
        steps = .allocate(capacity: program.steps.count)
        _ = steps.initialize(from: program.steps)
        for (index, definition) in program.lanes.enumerated() {
            lanes.initializeElement(at: index, to: Lane(type: definition.argument?.type, needs: program.needs[index]))
        }
        texts = lanes.map { _ in KeyTable() }
    }

    private init(copying other: VersionArena) {
        program = other.program
        keys = other.keys.duplicate()
        entities = other.entities.duplicate()
        lanes = .allocate(capacity: other.lanes.count)
        steps = .allocate(capacity: other.steps.count)
        _ = steps.initialize(from: other.steps)
        for index in other.lanes.indices { lanes.initializeElement(at: index, to: other.lanes[index].duplicate()) }
        texts = other.texts.map { $0.duplicate() }
        uniqueKeys = other.uniqueKeys.duplicate()
        pendingRemovals = other.pendingRemovals
        times = other.times.duplicate()
        fingerprints = other.fingerprints.duplicate()
        payloads = other.payloads.duplicate()
        positions = other.positions.duplicate()
        knownTimes = other.knownTimes.duplicate()
        removedPositions = other.removedPositions.duplicate()
        removedKnownTimes = other.removedKnownTimes.duplicate()
        tracksRemovals = other.tracksRemovals
        lastPositions = other.lastPositions.duplicate()
        lastKnownTimes = other.lastKnownTimes.duplicate()
        slotCapacity = other.slotCapacity
        slotTop = other.slotTop
        freeRegions = other.freeRegions
        freeLevels = other.freeLevels
        freeMarks = other.freeMarks.duplicate()
        entityCount = other.entityCount
        versionCount = other.versionCount
        removedCount = other.removedCount
        evaluationFailures = other.evaluationFailures
        stepCount = other.stepCount
    }

    func copy() -> VersionArena { VersionArena(copying: self) }

    deinit {
        keys.deallocate()
        entities.deallocate()
        lanes.forEach { $0.deallocate() }
        lanes.deallocate()
        steps.deallocate()
        texts.forEach { $0.deallocate() }
        uniqueKeys.deallocate()
        times.deallocate()
        fingerprints.deallocate()
        payloads.deallocate()
        positions.deallocate()
        knownTimes.deallocate()
        removedPositions.deallocate()
        removedKnownTimes.deallocate()
        lastPositions.deallocate()
        lastKnownTimes.deallocate()
        freeMarks.deallocate()
    }

    var byteCount: Int {
        keys.byteCount + entities.byteCount + lanes.reduce(0) { $0 + $1.byteCount } + texts.reduce(0) { $0 + $1.byteCount }
            + uniqueKeys.byteCount + times.byteCount + fingerprints.byteCount + payloads.byteCount + positions.byteCount
            + knownTimes.byteCount + removedPositions.byteCount + removedKnownTimes.byteCount + lastPositions.byteCount
            + lastKnownTimes.byteCount + freeMarks.byteCount
    }

    /// The number of an entity, given now if it is new.
    func internEntity(_ key: UnsafeRawBufferPointer) -> Int {
        let number = keys.intern(key)
        if number >= entities.capacity { entities.grow(to: 2 * entities.capacity, keeping: number) }
        if number >= entityCount { adoptEntity(number) }
        return number
    }

    /// Starts an entity whose key was just numbered.
    func adoptEntity(_ number: Int) {
        entities[number] = Entity()
        entityCount = number + 1
    }

    // MARK: Regions

    /// Makes room for as many versions of an entity, moving it if need be.
    func reserve(_ entity: Int, _ count: Int) {
        let old = entities[entity]
        guard count > old.capacity else { return }
        precondition(count <= Self.versionsMax, "an entity holds at most \(Self.versionsMax) versions")
        var capacity = max(old.capacity, Self.regionMin)
        while capacity < count { capacity *= 2 }
        let start = takeRegion(capacity)
        if old.count > 0 { copyRegion(from: old.start, to: start, count: old.count) }
        if old.capacity > 0 { freeRegion(old.start, level: old.capacity.trailingZeroBitCount) }
        entities[entity].start = start
        entities[entity].capacity = capacity
    }

    /// Begins as many entities, each with room for its versions; nothing was folded before.
    ///
    /// Larger regions come first, so that all stand side by side, and memory is taken once.
    func reserve(_ counts: [Int]) {
        entities.grow(to: counts.count, keeping: 0)
        func capacity(_ count: Int) -> Int {
            count == 0 ? 0 : max(1 << (Int.bitWidth - (count - 1).leadingZeroBitCount), Self.regionMin)
        }
        growSlots(to: slotTop + counts.reduce(0) { $0 + capacity($1) })
        for entity in counts.indices { adoptEntity(entity) }
        for entity in counts.indices.sorted(by: { (capacity(counts[$0]), $1) > (capacity(counts[$1]), $0) }) {
            reserve(entity, counts[entity])
            entities[entity].count = counts[entity]
        }
    }

    private func takeRegion(_ size: Int) -> Int {
        let level = size.trailingZeroBitCount
        // A free region of the size, or the first part of the next larger one.
        while true {
            let larger = freeLevels >> UInt64(level)
            guard larger != 0 else { break }
            let found = level + larger.trailingZeroBitCount
            guard let start = freeRegions[found].popLast() else {
                freeLevels &= ~(1 << UInt64(found))
                continue
            }
            guard freeMarks[start >> 2] == UInt8(found + 1) else { continue }
            freeMarks[start >> 2] = 0
            for part in level..<found { markFree(start + (1 << part), level: part) }
            return start
        }
        // What lies between the top and the next aligned start stays usable, in smaller regions.
        while slotTop & (size - 1) != 0 {
            let gap = slotTop & -slotTop
            growSlots(to: slotTop + gap)
            slotTop += gap
            freeRegion(slotTop - gap, level: gap.trailingZeroBitCount)
        }
        growSlots(to: slotTop + size)
        defer { slotTop += size }
        return slotTop
    }

    /// Frees a region and joins it with its free other half, and so on: the regions that entities outgrew then hold
    /// those that they grow to.
    private func freeRegion(_ start: Int, level: Int) {
        var (start, level) = (start, level)
        while true {
            let size = 1 << level
            let other = start ^ size
            guard other + size <= slotTop, freeMarks[other >> 2] == UInt8(level + 1) else { break }
            freeMarks[other >> 2] = 0
            start = min(start, other)
            level += 1
        }
        markFree(start, level: level)
    }

    private func markFree(_ start: Int, level: Int) {
        freeMarks[start >> 2] = UInt8(level + 1)
        freeRegions[level].append(start)
        freeLevels |= 1 << UInt64(level)
    }

    private func growSlots(to needed: Int) {
        guard needed > slotCapacity else { return }
        let slots = (max(needed, slotCapacity + slotCapacity / 2, 128) + 127) & ~127
        let usedMarks = slotCapacity >> 2
        freeMarks.grow(to: slots >> 2, keeping: usedMarks)
        freeMarks.fill(0, from: usedMarks, to: slots >> 2)
        times.grow(to: slots, keeping: slotTop)
        fingerprints.grow(to: slots, keeping: slotTop)
        payloads.grow(to: slots, keeping: slotTop)
        positions.grow(to: slots, keeping: slotTop)
        knownTimes.grow(to: slots, keeping: slotTop)
        if tracksRemovals {
            removedPositions.grow(to: slots, keeping: slotTop)
            removedKnownTimes.grow(to: slots, keeping: slotTop)
        }
        lastPositions.grow(slots: slots, keeping: slotTop)
        lastKnownTimes.grow(slots: slots, keeping: slotTop)
        for index in lanes.indices { lanes[index].grow(slots: slots, keeping: slotTop) }
        slotCapacity = slots
    }

    /// Takes memory for when versions end; called at the first removal.
    func trackRemovals() {
        guard !tracksRemovals else { return }
        tracksRemovals = true
        removedPositions.grow(to: slotCapacity, keeping: 0)
        removedKnownTimes.grow(to: slotCapacity, keeping: 0)
        removedPositions.fill(.max, from: 0, to: slotTop)
        removedKnownTimes.fill(.max, from: 0, to: slotTop)
    }

    private func copyRegion(from source: Int, to target: Int, count: Int) {
        moveVersions(from: source, to: target, count: count)
        // Summaries of complete blocks; both regions are aligned, so whole nodes map to whole nodes.
        let shift = BlockTree.shift
        let blocks = count >> shift
        guard blocks > 0 else { return }
        let (from, to) = (source >> shift, target >> shift)
        for index in lanes.indices { lanes[index].moveSums(from: from, to: to, blocks: blocks) }
        for level in 1...BlockTree.levelCount {
            let nodes = count >> (shift * level)
            guard nodes > 0 else { break }
            let (from, to) = (source >> (shift * level), target >> (shift * level))
            lastPositions[level].move(from: from, to: to, count: nodes)
            lastKnownTimes[level].move(from: from, to: to, count: nodes)
            for index in lanes.indices where lanes[index].keepsExtremes {
                lanes[index].minima[level].move(from: from, to: to, count: nodes)
                lanes[index].maxima[level].move(from: from, to: to, count: nodes)
            }
        }
    }

    /// Moves versions without their summaries.
    func moveVersions(from source: Int, to target: Int, count: Int) {
        guard count > 0, source != target else { return }
        stepCount &+= count
        times.move(from: source, to: target, count: count)
        fingerprints.move(from: source, to: target, count: count)
        payloads.move(from: source, to: target, count: count)
        positions.move(from: source, to: target, count: count)
        knownTimes.move(from: source, to: target, count: count)
        if tracksRemovals {
            removedPositions.move(from: source, to: target, count: count)
            removedKnownTimes.move(from: source, to: target, count: count)
        }
        for index in lanes.indices {
            lanes[index].flags.move(from: source, to: target, count: count)
            if lanes[index].hasWords { lanes[index].words.move(from: source, to: target, count: count) }
        }
    }

    // MARK: Summaries

    /// Makes the summaries of an entity anew, from the block of a version on.
    func rebuildSummaries(_ entity: Int, from version: Int) {
        let owner = entities[entity]
        let shift = BlockTree.shift
        let (firstBlock, endBlock) = (version >> shift, owner.count >> shift)
        guard firstBlock < endBlock else { return }
        stepCount &+= (endBlock - firstBlock) << shift
        for index in lanes.indices {
            lanes[index].rebuildSums(base: owner.start >> shift, first: firstBlock, end: endBlock)
            lanes[index].rebuildExtremes(from: owner.start + version, to: owner.start + owner.count)
        }
        for block in (owner.start >> shift) + firstBlock..<(owner.start >> shift) + endBlock {
            var position = Int64.min
            var known = Int64.min
            for slot in (block << shift)..<((block + 1) << shift) {
                position = max(position, positions[slot])
                known = max(known, knownTimes[slot])
            }
            if owner.removedCount > 0 {
                for slot in (block << shift)..<((block + 1) << shift) where removedPositions[slot] != .max {
                    position = max(position, removedPositions[slot])
                    known = max(known, removedKnownTimes[slot])
                }
            }
            lastPositions[1][block] = position
            lastKnownTimes[1][block] = known
        }
        var level = 2
        while level <= BlockTree.levelCount, owner.count >> (shift * level) > 0 {
            let bits = shift * level
            let first = (owner.start + version) >> bits
            let end = (owner.start + owner.count) >> bits
            for node in first..<max(end, first) {
                combine(lastPositions, level, node, max)
                combine(lastKnownTimes, level, node, max)
                for index in lanes.indices where lanes[index].keepsExtremes {
                    combine(lanes[index].minima, level, node, min)
                    combine(lanes[index].maxima, level, node, max)
                }
            }
            level += 1
        }
    }

    @inline(__always)
    private func combine(_ tree: BlockTree, _ level: Int, _ node: Int, _ choose: (Int64, Int64) -> Int64) {
        let below = tree[level - 1]
        var result = below[node * BlockTree.fanout]
        for child in 1..<BlockTree.fanout { result = choose(result, below[node * BlockTree.fanout + child]) }
        tree[level][node] = result
    }

    /// Makes all sums of a lane anew, after its format changed.
    func rebuildSums(lane index: Int) {
        lanes[index].resizeSums(slots: slotCapacity)
        for entity in 0..<entityCount {
            let owner = entities[entity]
            lanes[index].rebuildSums(
                base: owner.start >> BlockTree.shift, first: 0, end: owner.count >> BlockTree.shift)
        }
    }

    // MARK: Search

    /// The first of an entity's versions that is not before a time, sought from a guess outwards.
    @inline(__always)
    func firstVersion(notBefore time: Int64, start: Int, count: Int, near guess: Int) -> Int {
        Self.firstVersion(times, notBefore: time, start: start, count: count, near: guess)
    }

    @inline(__always)
    static func firstVersion(_ times: Slab<Int64>, notBefore time: Int64, start: Int, count: Int, near guess: Int) -> Int {
        var low: Int
        var high: Int
        if guess < count, times[start + guess] < time {
            low = guess + 1
            var step = 1
            high = low
            while high < count, times[start + high] < time {
                low = high + 1
                step *= 2
                high = min(low + step, count)
            }
        } else {
            high = min(guess, count)
            low = high
            var step = 1
            while low > 0, times[start + low - 1] >= time {
                high = low - 1
                low = max(high - step, 0)
                step *= 2
            }
        }
        while low < high {
            let middle = (low + high) >> 1
            if times[start + middle] < time { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
