public import MartletBytes
internal import MartletExpressions
internal import MartletFrames

extension ViewState {
    /// The version of the format that ``encode(into:)`` writes.
    public static let snapshotFormat: UInt64 = 1

    /// Writes the state, so that it can be loaded instead of folding the log again.
    ///
    /// What the versions hold is written column by column; running sums and indices are made anew at loading.
    /// The bytes carry a format version but no checksum: what stores them adds one.
    ///
    /// - Complexity: O(versions).
    public func encode(into writer: inout ByteWriter) {
        writer.write(varint: Self.snapshotFormat)
        for text in snapshotIdentity { writer.write(text.value) }
        arena.encode(into: &writer)
    }

    /// Loads a state that ``encode(into:)`` wrote.
    ///
    /// - Throws: ``FeatureStateError`` with code `unsupportedVersion`, `otherView` or `malformed`. Nothing is allocated
    ///   for a length that the bytes left could not hold.
    /// - Complexity: O(versions).
    public init(decoding reader: inout ByteReader, plan: ViewPlan) throws(FeatureStateError) {
        self.init(plan: plan)
        do {
            let format = try reader.readVarint()
            guard format == Self.snapshotFormat else { throw FeatureStateError.unsupportedVersion(plan.name, format) }
            for text in snapshotIdentity where try reader.readString() != text.value {
                throw FeatureStateError.otherView(plan.name, text.name)
            }
            try arena.decode(&reader)
        } catch let error as FeatureStateError {
            throw error
        } catch {
            throw .malformed(plan.name, "\(error)")
        }
    }

    /// What of a plan decides what its versions hold; windows may change without folding anew.
    private var snapshotIdentity: [(name: String, value: String)] {
        let lanes = arena.program.lanes.map { lane in
            let fill = lane.fill.map { " with \($0.field) = \($0.value.type.map(\.rawValue) ?? "") \($0.value)" }
            return (lane.argument.map { "\($0.type) \($0.canonicalText)" } ?? "events") + (fill ?? "")
        }
        return [
            ("source", plan.source), ("event time", plan.eventTime),
            ("entity key", plan.entityKeys.map { "\($0.type) \($0.name)" }.joined(separator: "\n")),
            ("filter", plan.filter?.canonicalText ?? ""), ("list of arguments", lanes.joined(separator: "\n")),
        ]
    }
}

extension KeyTable {
    fileprivate func encode(into writer: inout ByteWriter) {
        writer.write(varint: UInt64(count))
        for number in 0..<count { writer.write(varint: UInt64(key(number).count)) }
        for number in 0..<count { writer.write(contentsOf: key(number)) }
    }

    fileprivate mutating func decode(_ reader: inout ByteReader) throws(ByteError) {
        let start = reader.offset
        let count = try reader.readCount()
        var lengths: [Int] = []
        lengths.reserveCapacity(count)
        for _ in 0..<count { lengths.append(try reader.readCount(minimumSize: 1)) }
        for length in lengths {
            let bytes = try reader.readBytes(length)
            let known = self.count
            guard bytes.withUnsafeBytes({ intern($0) }) == known else { throw .malformed(at: start, what: "a key that repeats") }
        }
    }
}

extension VersionArena {
    fileprivate func encode(into writer: inout ByteWriter) {
        keys.encode(into: &writer)
        for entity in 0..<entityCount { writer.write(varint: UInt64(entities[entity].count)) }
        encode(times, into: &writer)
        encode(fingerprints, into: &writer)
        encode(payloads, into: &writer)
        encode(positions, into: &writer)
        encode(knownTimes, into: &writer)
        writer.write(tracksRemovals ? 1 as UInt8 : 0)
        if tracksRemovals {
            encode(removedPositions, into: &writer)
            encode(removedKnownTimes, into: &writer)
        }
        for (index, lane) in lanes.enumerated() {
            encode(lane.flags, into: &writer)
            if lane.hasWords { encode(lane.words, into: &writer) }
            if lane.kind == .text, program.groups[index] == index { texts[index].encode(into: &writer) }
        }
        writer.write(varint: UInt64(evaluationFailures))
        writer.write(varint: UInt64(pendingRemovals.count))
        for removal in pendingRemovals {
            writer.write(varint: UInt64(removal.entity))
            for number in [removal.eventTime, removal.superseded, removal.position, removal.knownTime] { writer.write(fixed: number) }
            writer.write(fixed: removal.uniqueKey.high)
            writer.write(fixed: removal.uniqueKey.low)
        }
    }

    /// A column of all versions, entity after entity, as it stands in memory: little-endian on every machine we run on.
    private func encode<Element>(_ column: Slab<Element>, into writer: inout ByteWriter) {
        for entity in 0..<entityCount where entities[entity].count > 0 {
            let owner = entities[entity]
            writer.write(contentsOf: UnsafeRawBufferPointer(
                start: column.base + owner.start, count: owner.count * MemoryLayout<Element>.stride))
        }
    }

    fileprivate func decode(_ reader: inout ByteReader) throws(ByteError) {
        try keys.decode(&reader)
        let start = reader.offset
        var counts: [Int] = []
        counts.reserveCapacity(keys.count)
        for _ in 0..<keys.count {
            // A version takes at least its times and fingerprints.
            let count = try reader.readCount(minimumSize: 56)
            guard versionCount + count <= reader.remaining / 56, count <= Self.versionsMax else {
                throw .malformed(at: start, what: "more versions than bytes")
            }
            versionCount += count
            counts.append(count)
        }
        reserve(counts)
        try decode(times, &reader)
        try decode(fingerprints, &reader)
        try decode(payloads, &reader)
        try decode(positions, &reader)
        try decode(knownTimes, &reader)
        switch try reader.readByte() {
        case 0: break
        case 1:
            trackRemovals()
            try decode(removedPositions, &reader)
            try decode(removedKnownTimes, &reader)
        default: throw .malformed(at: reader.offset - 1, what: "a switch that is neither 0 nor 1")
        }
        var exponents = [(low: Int, high: Int)](repeating: (.max, .min), count: lanes.count)
        for index in lanes.indices {
            try decode(lanes[index].flags, &reader)
            if lanes[index].hasWords { try decode(lanes[index].words, &reader) }
            if lanes[index].kind == .text, program.groups[index] == index { try texts[index].decode(&reader) }
            let range = try check(index, at: reader.offset)
            let group = program.groups[index]
            exponents[group] = (min(exponents[group].low, range.low), max(exponents[group].high, range.high))
        }
        // Sums are made of whole groups, so only now that every lane's values are here and their range is known.
        for index in lanes.indices where lanes[index].kind == .number && lanes[index].keepsSums && program.groups[index] == index {
            widenGroup(of: index, low: exponents[index].low, high: exponents[index].high)
        }
        evaluationFailures = Int(try reader.readVarint() & UInt64(Int64.max))
        let pending = try reader.readCount(minimumSize: 49)
        for _ in 0..<pending {
            let entity = try reader.readVarint()
            guard entity < UInt64(entityCount) else { throw .malformed(at: reader.offset, what: "a removal in no entity") }
            pendingRemovals.append(
                PendingRemoval(
                    entity: Int(entity), eventTime: try reader.readFixed(Int64.self), superseded: try reader.readFixed(Int64.self),
                    position: try reader.readFixed(Int64.self), knownTime: try reader.readFixed(Int64.self),
                    uniqueKey: Fingerprint(high: try reader.readFixed(UInt64.self), low: try reader.readFixed(UInt64.self))))
        }
        try finishDecoding(at: start)
    }

    private func decode<Element>(_ column: Slab<Element>, _ reader: inout ByteReader) throws(ByteError) {
        let size = MemoryLayout<Element>.stride
        let bytes = try reader.readBytes(versionCount * size)
        bytes.withUnsafeBytes { source in
            guard let base = source.baseAddress else { return }
            var offset = 0
            for entity in 0..<entityCount where entities[entity].count > 0 {
                let owner = entities[entity]
                UnsafeMutableRawPointer(column.base + owner.start)
                    .copyMemory(from: base + offset, byteCount: owner.count * size)
                offset += owner.count * size
            }
        }
    }

    /// Refuses flags, numbers and texts that no writer of ours writes; gives the exponents of the lowest and just above
    /// the highest bit of a lane's numbers.
    private func check(_ index: Int, at offset: Int) throws(ByteError) -> (low: Int, high: Int) {
        let lane = lanes[index]
        let texts = UInt64(texts[program.groups[index]].count)
        let allowed = lane.kind == .bool ? Lane.present | Lane.isTrue : Lane.present
        var isValid = true
        var isAlwaysPresent = true
        var low = Int.max
        var high = Int.min
        forEachSlot { slot in
            var flag = lane.flags[slot] & ~Lane.removed
            if flag & ~allowed != 0 { isValid = false }
            if flag & Lane.present == 0 {
                isAlwaysPresent = false
            } else {
                switch lane.kind {
                case .text: if lane.words[slot] >= texts { isValid = false }
                case .number:
                    if !Double(bitPattern: lane.words[slot]).isFinite { isValid = false }
                    let (significand, exponent) = significandAndExponent(lane.words[slot])
                    if significand != 0 {
                        low = min(low, exponent + significand.trailingZeroBitCount)
                        high = max(high, exponent + 64 - significand.leadingZeroBitCount)
                    }
                case .presence, .bool, .integer: break
                }
            }
            if tracksRemovals, removedPositions[slot] != .max { flag |= Lane.removed }
            lane.flags[slot] = flag
        }
        guard isValid else { throw .malformed(at: offset, what: "a value that its column cannot hold") }
        lanes[index].isAlwaysPresent = isAlwaysPresent
        return (low, high)
    }

    /// Checks the order of the versions and makes anew all that follows from them.
    private func finishDecoding(at offset: Int) throws(ByteError) {
        uniqueKeys.reset(for: versionCount)
        let mayRepeat = Slab<Bool>(capacity: slotCapacity)
        defer { mayRepeat.deallocate() }
        // In a loop of its own: every key waits for memory, and so the waits overlap.
        var index = uniqueKeys
        forEachSlot { mayRepeat[$0] = index.insert(fingerprints[$0]) }
        uniqueKeys = index
        for entity in 0..<entityCount {
            var owner = entities[entity]
            for slot in owner.start..<(owner.start + owner.count) {
                let follows = slot > owner.start
                if follows, !isOrdered(slot - 1, slot) { throw .malformed(at: offset, what: "versions out of order") }
                owner.note(position: positions[slot], knownTime: knownTimes[slot], eventTime: times[slot])
                if tracksRemovals, removedPositions[slot] != .max {
                    owner.removedCount += 1
                    removedCount += 1
                    owner.note(position: removedPositions[slot], knownTime: removedKnownTimes[slot], eventTime: times[slot])
                }
                guard mayRepeat[slot] else { continue }
                let isTwin = follows && times[slot - 1] == times[slot] && fingerprints[slot - 1] == fingerprints[slot]
                if !isTwin { uniqueKeys.noteMove(fingerprints[slot]) }
            }
            entities[entity] = owner
            rebuildSummaries(entity, from: 0)
        }
    }

    private func isOrdered(_ left: Int, _ right: Int) -> Bool {
        if times[left] != times[right] { return times[left] < times[right] }
        if fingerprints[left] != fingerprints[right] { return fingerprints[left] < fingerprints[right] }
        if payloads[left] != payloads[right] { return payloads[left] < payloads[right] }
        return positions[left] <= positions[right]
    }
}
