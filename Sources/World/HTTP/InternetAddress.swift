import Glibc

/// The address of a machine: of version 4 or 6, without a port.
///
/// One of version 4 that is written as one of version 6 (`::ffff:10.0.0.1`, or behind the well-known prefix of translators,
/// `64:ff9b::10.0.0.1`) is the one of version 4, so that no rule is passed by another spelling.
public struct InternetAddress: Hashable, Sendable {
    /// 4 or 16, in network order.
    public let bytes: [UInt8]

    /// Nil unless there are 4 or 16.
    public init?(bytes: [UInt8]) {
        switch bytes.count {
        case 4: self.bytes = bytes
        case 16:
            let isEmbedded = Self.embeddings.contains { bytes.starts(with: $0) }
            self.bytes = isEmbedded ? Array(bytes.suffix(4)) : bytes
        default: return nil
        }
    }

    /// Reads `192.0.2.1` or `2001:db8::1`, and no looser form such as `127.1`; nil for anything else.
    public init?(_ text: String) {
        var four = in_addr()
        if inet_pton(AF_INET, text, &four) == 1 {
            self.init(bytes: withUnsafeBytes(of: four) { Array($0) })
            return
        }
        var six = in6_addr()
        guard inet_pton(AF_INET6, text, &six) == 1 else { return nil }
        self.init(bytes: withUnsafeBytes(of: six) { Array($0) })
    }

    /// `::ffff:0:0/96` and `64:ff9b::/96`.
    private static let embeddings: [[UInt8]] = [
        Array(repeating: 0, count: 10) + [0xFF, 0xFF], [0x00, 0x64, 0xFF, 0x9B] + Array(repeating: 0, count: 8),
    ]
}

extension InternetAddress: CustomStringConvertible {
    public var description: String {
        guard bytes.count == 16 else { return bytes.map { "\($0)" }.joined(separator: ".") }
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        _ = bytes.withUnsafeBytes { inet_ntop(AF_INET6, $0.baseAddress, &text, socklen_t(text.count)) }
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

/// The addresses that agree in their first bits: `10.0.0.0/8`, `::1`.
public struct AddressRange: Hashable, Sendable {
    public let first: InternetAddress
    public let prefixLength: Int

    /// Reads an address, or one with the number of bits that count; nil for anything else, also if bits are set that do not count.
    public init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = InternetAddress(String(parts[0])) else { return nil }
        let bits = address.bytes.count * 8
        var length = bits
        if parts.count == 2 {
            guard !parts[1].isEmpty, parts[1].utf8.count <= 3, parts[1].utf8.allSatisfy({ (48...57).contains($0) }),
                let number = Int(parts[1]), number <= bits
            else { return nil }
            length = number
        }
        first = address
        prefixLength = length
        for bit in length..<bits where address.bytes[bit / 8] & (0x80 >> UInt8(bit % 8)) != 0 { return nil }
    }

    public func contains(_ address: InternetAddress) -> Bool {
        guard address.bytes.count == first.bytes.count else { return false }
        let whole = prefixLength / 8
        guard address.bytes.prefix(whole) == first.bytes.prefix(whole) else { return false }
        let rest = prefixLength % 8
        return rest == 0 || (address.bytes[whole] ^ first.bytes[whole]) >> UInt8(8 - rest) == 0
    }
}

extension AddressRange: CustomStringConvertible {
    public var description: String {
        prefixLength == first.bytes.count * 8 ? "\(first)" : "\(first)/\(prefixLength)"
    }
}
