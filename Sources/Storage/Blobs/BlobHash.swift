internal import Crypto

/// Makes the hash of bytes that come piece by piece.
public struct BlobHasher: Sendable {
    private var digest = SHA256()

    public init() {}

    public mutating func add(_ piece: [UInt8]) { digest.update(data: piece) }

    /// Of all that was added so far.
    public var hash: BlobHash { BlobHash(digest.finalize()) }
}

/// The SHA-256 of a blob's bytes: its only name.
public struct BlobHash: Hashable, Sendable {
    /// Big-endian words, so that they compare as the bytes do.
    private let words: (UInt64, UInt64, UInt64, UInt64)

    /// How many bytes a hash has.
    public static let size = 32

    /// The hash of some bytes.
    public init(of bytes: [UInt8]) {
        self.init(SHA256.hash(data: bytes))
    }

    /// The hash of bytes that come piece by piece; nil from the closure ends them.
    public init(ofPieces next: () throws -> [UInt8]?) rethrows {
        var hash = SHA256()
        while let piece = try next() { hash.update(data: piece) }
        self.init(hash.finalize())
    }

    /// Takes a hash's 32 bytes; nil for any other number of them.
    public init?(bytes: some Collection<UInt8>) {
        guard bytes.count == Self.size else { return nil }
        self.init(bytes)
    }

    /// Reads 64 lower-case hexadecimal digits; nil for anything else.
    public init?(_ text: some StringProtocol) {
        guard text.utf8.count == 2 * Self.size else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.size)
        var high: UInt8?
        for digit in text.utf8 {
            let value: UInt8
            switch digit {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = digit - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): value = digit - UInt8(ascii: "a") + 10
            default: return nil
            }
            if let first = high {
                bytes.append(first << 4 | value)
                high = nil
            } else {
                high = value
            }
        }
        self.init(bytes)
    }

    init(_ digest: some Sequence<UInt8>) {
        var words: [UInt64] = [0, 0, 0, 0]
        for (index, byte) in digest.enumerated().prefix(Self.size) {
            words[index / 8] = words[index / 8] << 8 | UInt64(byte)
        }
        self.words = (words[0], words[1], words[2], words[3])
    }

    public var bytes: [UInt8] {
        [words.0, words.1, words.2, words.3].flatMap { word in
            stride(from: 56, through: 0, by: -8).map { UInt8(truncatingIfNeeded: word >> UInt64($0)) }
        }
    }

    public static func == (left: Self, right: Self) -> Bool {
        left.words == right.words
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(words.0)
        hasher.combine(words.1)
        hasher.combine(words.2)
        hasher.combine(words.3)
    }
}

extension BlobHash: Comparable {
    public static func < (left: Self, right: Self) -> Bool {
        left.words < right.words
    }
}

extension BlobHash: CustomStringConvertible {
    /// 64 lower-case hexadecimal digits.
    public var description: String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}

extension BlobHash: DatabaseCodable {
    public var databaseValue: DatabaseValue { .bytes(bytes) }
    public init?(databaseValue: DatabaseValue) {
        guard case .bytes(let bytes) = databaseValue else { return nil }
        self.init(bytes: bytes)
    }
}
