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
/// indexed in inner loops; bounds are checked in debug builds. The C library's allocator is called for its `realloc`,
/// which Swift's own has not: a state that grows would otherwise spend a third of its time on copies and page faults.
struct Slab<Element> {
    private(set) var base: UnsafeMutablePointer<Element>
    private(set) var capacity: Int

    init(capacity: Int = 0) {
        guard let memory = malloc(max(capacity, 1) * MemoryLayout<Element>.stride) else {
            preconditionFailure("no memory for \(capacity) elements")
        }
        base = memory.bindMemory(to: Element.self, capacity: max(capacity, 1))
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
    /// Large memory is moved by its pages, not its bytes, and what was never written takes none.
    mutating func grow(to newCapacity: Int, keeping used: Int) {
        guard newCapacity > capacity else { return }
        assert(used <= capacity)
        guard let larger = realloc(base, newCapacity * MemoryLayout<Element>.stride) else {
            preconditionFailure("no memory for \(newCapacity) elements")
        }
        base = larger.assumingMemoryBound(to: Element.self)
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
        free(base)
    }

    var byteCount: Int { capacity * MemoryLayout<Element>.stride }
}
