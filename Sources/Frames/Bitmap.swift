/// A packed sequence of bits, low bit of the first byte first, as in Arrow.
public struct Bitmap: Hashable, Sendable {
    public private(set) var words: [UInt64]
    public private(set) var count: Int

    public init() {
        words = []
        count = 0
    }

    public init(repeating bit: Bool, count: Int) {
        self.count = count
        words = [UInt64](repeating: bit ? ~0 : 0, count: (count + 63) / 64)
        clearPadding()
    }

    public init(_ bits: some Sequence<Bool>) {
        self.init()
        for bit in bits { append(bit) }
    }

    /// Takes packed words as they are; bits past `count` are cleared.
    public init(words: [UInt64], count: Int) {
        precondition(words.count == (count + 63) / 64)
        self.words = words
        self.count = count
        clearPadding()
    }

    @inlinable public subscript(index: Int) -> Bool {
        get { words[index >> 6] >> UInt64(index & 63) & 1 == 1 }
        set { set(index, newValue) }
    }

    @usableFromInline mutating func set(_ index: Int, _ bit: Bool) {
        precondition(index < count)
        let mask: UInt64 = 1 << UInt64(index & 63)
        if bit { words[index >> 6] |= mask } else { words[index >> 6] &= ~mask }
    }

    public mutating func append(_ bit: Bool) {
        if count & 63 == 0 { words.append(0) }
        if bit { words[count >> 6] |= 1 << UInt64(count & 63) }
        count += 1
    }

    /// Appends all bits of another bitmap, a word at a time.
    public mutating func append(contentsOf other: Bitmap) {
        let shift = UInt64(count & 63)
        if shift == 0 {
            words.append(contentsOf: other.words)
        } else {
            // Padding is zero on both sides, so the parts of a word can be joined by or.
            let room = 64 - count & 63
            for (index, word) in other.words.enumerated() {
                words[words.count - 1] |= word << shift
                if other.count - index * 64 > room { words.append(word >> (64 - shift)) }
            }
        }
        count += other.count
    }

    public mutating func reserveCapacity(_ bits: Int) {
        words.reserveCapacity((bits + 63) / 64)
    }

    public mutating func removeAll(keepingCapacity: Bool = false) {
        words.removeAll(keepingCapacity: keepingCapacity)
        count = 0
    }

    /// How many bits are set.
    public var setCount: Int {
        words.reduce(0) { $0 + $1.nonzeroBitCount }
    }

    private mutating func clearPadding() {
        if count & 63 != 0 { words[words.count - 1] &= (1 << UInt64(count & 63)) - 1 }
    }
}
