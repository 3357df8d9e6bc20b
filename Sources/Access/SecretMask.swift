import MartletBytes

/// Finds secrets in bytes that pass by, as they are and in base 64, and puts `***` in their place.
///
/// Every byte of every occurrence is masked, also where occurrences overlap. A secret of fewer than ``shortest`` bytes is not looked
/// for: it would be found everywhere. In base 64 a secret is found alone, with and without padding, in both alphabets, and
/// within other text, whichever of the three ways it falls; there a character that other bytes share with it may remain.
///
/// The secrets are compiled once to a machine (Aho and Corasick, 1975); memory is about 21 bytes a byte of what is looked for,
/// and time linear in what passes by, whatever it is.
public struct SecretMask: Sendable {
    /// The fewest bytes of a secret that is looked for.
    public static let shortest = 4
    static let stars = Array("***".utf8)

    /// A node of the tree of all patterns; the root is 0, where no child and no suffix leads to.
    private struct Node {
        var byte: UInt8
        var firstChild: Int32 = 0
        var sibling: Int32 = 0
        /// The node of the longest proper suffix that is in the tree.
        var suffix: Int32 = 0
        /// How long it is; once all is linked, of a leaf that of its longest suffix that is none.
        var depth: Int32
        /// The longest pattern that ends here; 0 for none.
        var found: Int32 = 0
    }

    private var nodes = [Node(byte: 0, depth: 0)]
    /// The children of the root by their byte, where most bytes are looked up.
    private var starts = [Int32](repeating: 0, count: 256)

    public init(_ secrets: [Secret]) {
        for secret in secrets {
            let bytes = secret.utf8
            guard bytes.count >= Self.shortest else { continue }
            for pattern in Self.forms(of: bytes) { add(pattern) }
        }
        linkSuffixes()
    }

    /// Whether there is nothing to look for.
    public var isEmpty: Bool { nodes.count == 1 }

    /// The bytes with every occurrence masked.
    public func masked(_ bytes: [UInt8]) -> [UInt8] {
        if isEmpty { return bytes }
        var stream = SecretMaskStream(self)
        return stream.take(bytes) + stream.finish()
    }

    public func masked(_ text: String) -> String {
        isEmpty ? text : String(decoding: masked(Array(text.utf8)), as: UTF8.self)
    }

    /// Whether a secret occurs in the bytes.
    public func finds(in bytes: [UInt8]) -> Bool {
        var state: Int32 = 0
        return finds(in: bytes, from: &state)
    }

    /// Whether a secret ends in the bytes, which follow those that were looked at with the same state; it begins at 0.
    public func finds(in bytes: [UInt8], from state: inout Int32) -> Bool {
        for byte in bytes {
            state = next(state, byte)
            if nodes[Int(state)].found > 0 { return true }
        }
        return false
    }

    // MARK: - The machine

    func next(_ state: Int32, _ byte: UInt8) -> Int32 {
        var state = state
        while state != 0 {
            let child = child(of: state, byte)
            if child != 0 { return child }
            state = nodes[Int(state)].suffix
        }
        return starts[Int(byte)]
    }

    /// How many of the bytes last seen may be the beginning of a secret that goes on.
    func depth(_ state: Int32) -> Int { Int(nodes[Int(state)].depth) }

    /// How many of the bytes last seen are a secret; 0 if none ends here.
    func found(_ state: Int32) -> Int { Int(nodes[Int(state)].found) }

    private func child(of node: Int32, _ byte: UInt8) -> Int32 {
        var child = node == 0 ? starts[Int(byte)] : nodes[Int(node)].firstChild
        while child != 0, nodes[Int(child)].byte != byte { child = nodes[Int(child)].sibling }
        return child
    }

    private mutating func add(_ pattern: [UInt8]) {
        var node: Int32 = 0
        for byte in pattern {
            var child = child(of: node, byte)
            if child == 0 {
                child = Int32(nodes.count)
                var new = Node(byte: byte, depth: nodes[Int(node)].depth + 1)
                if node == 0 {
                    starts[Int(byte)] = child
                } else {
                    new.sibling = nodes[Int(node)].firstChild
                    nodes[Int(node)].firstChild = child
                }
                nodes.append(new)
            }
            node = child
        }
        nodes[Int(node)].found = Int32(pattern.count)
    }

    /// Level by level, since a suffix is shorter.
    private mutating func linkSuffixes() {
        var queue = starts.filter { $0 != 0 }
        var index = 0
        while index < queue.count {
            let node = queue[index]
            index += 1
            if nodes[Int(node)].firstChild == 0 { nodes[Int(node)].depth = nodes[Int(nodes[Int(node)].suffix)].depth }
            var child = nodes[Int(node)].firstChild
            while child != 0 {
                let suffix = next(nodes[Int(node)].suffix, nodes[Int(child)].byte)
                nodes[Int(child)].suffix = suffix
                if nodes[Int(child)].found == 0 { nodes[Int(child)].found = nodes[Int(suffix)].found }
                queue.append(child)
                child = nodes[Int(child)].sibling
            }
        }
    }

    // MARK: - What is looked for

    /// A long secret is looked for in base 64 as a whole only.
    private static let longestWithin = 1_024

    private static func forms(of bytes: [UInt8]) -> [[UInt8]] {
        let encoded = Base64Text.encode(bytes)
        let bare = Array(encoded.prefix { $0 != 0x3D })
        var forms = [bytes, encoded, bare]
        if bytes.count <= longestWithin {
            for shift in 0..<3 {
                // The characters that the secret alone decides, after `shift` other bytes.
                let bits = 8 * bytes.count
                let skipped = (6 - 8 * shift % 6) % 6
                let count = (bits - skipped) / 6
                let text = Base64Text.encode([UInt8](repeating: 0, count: shift) + bytes)
                let start = (8 * shift + 5) / 6
                if count >= shortest { forms.append(Array(text[start..<(start + count)])) }
            }
        }
        let webForms = forms.dropFirst().map { form -> [UInt8] in
            form.map { $0 == 0x2B ? 0x2D : $0 == 0x2F ? 0x5F : $0 }
        }
        return forms + webForms
    }
}

/// Masks secrets in bytes that come in pieces, wherever they are cut.
///
/// Bytes that may be the beginning of a secret are held back until it is known: at most as many as the longest form of a secret has,
/// less one.
public struct SecretMaskStream: Sendable {
    private let mask: SecretMask
    private var state: Int32 = 0
    /// The last bytes, not yet handed on.
    private var held: [UInt8] = []
    /// How many were handed on before them.
    private var position = 0
    /// Stretches that are secret and not yet handed on, counted from the first byte of all: apart, and in order.
    private var marks: [Range<Int>] = []
    /// Whether the stars of a secret whose bytes go on were handed on already.
    private var isWithin = false

    public init(_ mask: SecretMask) {
        self.mask = mask
    }

    /// The bytes that are settled.
    ///
    /// - Complexity: O(bytes and held bytes).
    public mutating func take(_ bytes: [UInt8]) -> [UInt8] {
        if mask.isEmpty { return bytes }
        var end = position + held.count
        for byte in bytes {
            end += 1
            state = mask.next(state, byte)
            let found = mask.found(state)
            if found > 0 { note(end - found..<end) }
        }
        if held.isEmpty, marks.isEmpty, mask.depth(state) == 0 {
            position = end
            isWithin = false
            return bytes
        }
        held += bytes
        return release(upTo: end - mask.depth(state))
    }

    /// The bytes that were held back, once nothing follows.
    ///
    /// - Parameter isCut: whether more followed that is not known: then what may begin a secret is masked.
    public mutating func finish(isCut: Bool = false) -> [UInt8] {
        let end = position + held.count
        if isCut, mask.depth(state) > 0 { note(end - mask.depth(state)..<end) }
        state = 0
        return release(upTo: end)
    }

    /// Ends ascend; a stretch that reaches back into others takes them in.
    private mutating func note(_ stretch: Range<Int>) {
        var start = stretch.lowerBound
        while let last = marks.last, last.upperBound > start {
            start = min(start, last.lowerBound)
            marks.removeLast()
        }
        marks.append(start..<stretch.upperBound)
    }

    private mutating func release(upTo end: Int) -> [UInt8] {
        var settled: [UInt8] = []
        let first = position
        var done = 0
        while position < end {
            let mark = done < marks.count ? marks[done] : end..<end
            if mark.lowerBound <= position {
                if !isWithin { settled += SecretMask.stars }
                isWithin = mark.upperBound > end
                position = min(mark.upperBound, end)
                if !isWithin { done += 1 }
            } else {
                let next = min(mark.lowerBound, end)
                settled += held[(position - first)..<(next - first)]
                position = next
            }
        }
        held.removeFirst(end - first)
        marks.removeFirst(done)
        return settled
    }
}
