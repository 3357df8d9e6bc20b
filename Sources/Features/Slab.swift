#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#else
internal import Darwin
#endif

/// Raw memory of one plain type, grown and freed by its owner.
///
/// The type is plain: copied by its bits, nothing to release. What was not written is not initialised. Used instead of arrays where many columns grow together and are
/// indexed in inner loops; bounds are checked in debug builds. Large memory grows in place; see ``SlabMemory``.
struct Slab<Element> {
    private(set) var base: UnsafeMutablePointer<Element>
    private(set) var capacity: Int

    init(capacity: Int = 0) {
        base = SlabMemory.take(max(capacity, 1) * MemoryLayout<Element>.stride)
            .bindMemory(to: Element.self, capacity: max(capacity, 1))
        self.capacity = capacity
    }

    @inline(__always) subscript(index: Int) -> Element {
        get {
            assert(index >= 0 && index < capacity)
            return base[index]
        }
        nonmutating set {
            assert(index >= 0 && index < capacity)
            base[index] = newValue
        }
    }

    /// Moves to larger memory; at least the first `used` elements are kept. Does nothing if the capacity suffices.
    ///
    /// What was never written takes no memory.
    mutating func grow(to newCapacity: Int, keeping used: Int) {
        guard newCapacity > capacity else { return }
        assert(used <= capacity)
        let stride = MemoryLayout<Element>.stride
        base = SlabMemory.grow(base, from: max(capacity, 1) * stride, to: newCapacity * stride, keeping: used * stride)
            .assumingMemoryBound(to: Element.self)
        capacity = newCapacity
    }

    /// Moves elements inside the slab; the ranges may overlap.
    @inline(__always) func move(from source: Int, to target: Int, count: Int) {
        assert(source >= 0 && target >= 0 && source + count <= capacity && target + count <= capacity)
        (base + target).update(from: base + source, count: count)
    }

    func fill(_ value: Element, from start: Int, to end: Int) {
        assert(start >= 0 && end <= capacity)
        (base + start).initialize(repeating: value, count: max(end - start, 0))
    }

    func duplicate() -> Self {
        let copy = Self(capacity: capacity)
        copy.base.initialize(from: base, count: capacity)
        return copy
    }

    func deallocate() {
        SlabMemory.give(base, max(capacity, 1) * MemoryLayout<Element>.stride)
    }

    var byteCount: Int { capacity * MemoryLayout<Element>.stride }
}

/// Memory for slabs, by bytes.
///
/// Small memory is the C library's, whose `realloc` Swift's own allocator has not. Large memory is mapped with addresses
/// to spare, so that it grows in place, in pages of 2 MB where the system has them: a state is written and read at
/// a place of each of its entities in turn, and with small pages a third of the time went to faults and to finding pages.
/// A size alone tells which of the two it is.
enum SlabMemory {
    /// From here on memory is mapped.
    private static let mappedMin = 4 << 20

    static func take(_ byteCount: Int) -> UnsafeMutableRawPointer {
        if byteCount >= mappedMin { return map(byteCount) }
        guard let memory = malloc(byteCount) else { preconditionFailure("no memory for \(byteCount) bytes") }
        return memory
    }

    static func grow(
        _ memory: UnsafeMutableRawPointer, from old: Int, to new: Int, keeping used: Int
    ) -> UnsafeMutableRawPointer {
        if new < mappedMin {
            guard let larger = realloc(memory, new) else { preconditionFailure("no memory for \(new) bytes") }
            return larger
        }
        if old >= mappedMin, reserve(for: old) == reserve(for: new) { return memory }
        let larger = map(new)
        larger.copyMemory(from: memory, byteCount: used)
        give(memory, old)
        return larger
    }

    static func give(_ memory: UnsafeMutableRawPointer, _ byteCount: Int) {
        if byteCount >= mappedMin { munmap(memory, reserve(for: byteCount)) } else { free(memory) }
    }

    /// The bytes of addresses that are mapped for memory of a size: 16 MB, and four times as much each step.
    private static func reserve(for byteCount: Int) -> Int {
        var bytes = 16 << 20
        while bytes < byteCount { bytes *= 4 }
        return bytes
    }

    private static func map(_ byteCount: Int) -> UnsafeMutableRawPointer {
        let bytes = reserve(for: byteCount)
        #if os(Linux)
        let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
        #else
        let flags = MAP_PRIVATE | MAP_ANON | MAP_NORESERVE
        #endif
        guard let memory = mmap(nil, bytes, PROT_READ | PROT_WRITE, flags, -1, 0), memory != MAP_FAILED else {
            preconditionFailure("no memory for \(byteCount) bytes")
        }
        advise(UnsafeMutableRawBufferPointer(start: memory, count: bytes))
        return memory
    }

    /// Asks for large pages below memory that is about to be written; a system without them leaves it aside.
    static func advise(_ memory: UnsafeMutableRawBufferPointer) {
        #if os(Linux)
        guard memory.count >= mappedMin, let base = memory.baseAddress else { return }
        let before = -Int(bitPattern: base) & 4_095
        madvise(base + before, (memory.count - before) & -4_096, MADV_HUGEPAGE)
        #endif
    }
}
