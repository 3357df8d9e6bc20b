import Crypto
import MartletBytes
public import MartletFrames

/// The fingerprints by which the log knows rows: of their unique keys and of their payloads.
///
/// A fingerprint is the first 16 bytes of the SHA-256 of a purpose, the stream's name and the row's canonical bytes.
public struct RowFingerprints: Sendable {
    private let keyRows: CanonicalRows?
    private let keyIndices: [Int]
    private let payloadRows: CanonicalRows
    private let payloadIndices: [Int]
    private let keyPrefix: [UInt8]
    private let payloadPrefix: [UInt8]

    /// - Parameters:
    ///   - unique: the fields that together identify an event; empty if none do.
    ///   - arrivalField: the field that is filled at arrival; no part of the payload, so that the same row sent
    ///     again is the same.
    public init(stream: String, schema: Schema, unique: [String], arrivalField: String? = nil) {
        keyIndices = unique.compactMap { schema.index(of: $0) }
        keyRows = keyIndices.isEmpty ? nil : CanonicalRows(Schema(keyIndices.map { schema.fields[$0] }))
        payloadIndices = schema.fields.indices.filter { schema.fields[$0].name != arrivalField }
        payloadRows = CanonicalRows(Schema(payloadIndices.map { schema.fields[$0] }))
        keyPrefix = Self.prefix("key", stream)
        payloadPrefix = Self.prefix("payload", stream)
    }

    private static func prefix(_ purpose: String, _ stream: String) -> [UInt8] {
        var writer = ByteWriter()
        writer.write(purpose)
        writer.write(stream)
        return writer.bytes
    }

    /// The fingerprint of each row's unique key; `.none` where the stream has none, or where a part of it is missing.
    public func keys(of rows: Frame) -> [Fingerprint] {
        guard let keyRows else { return [Fingerprint](repeating: .none, count: rows.rowCount) }
        let columns = keyIndices.map { rows.columns[$0] }
        let keyFrame = Frame(Schema(keyIndices.map { rows.schema.fields[$0] }), columns, rowCount: rows.rowCount)
        var fingerprints = Self.fingerprints(keyRows, keyFrame, after: keyPrefix)
        for column in columns where column.missingCount > 0 {
            for row in 0..<rows.rowCount where column.isMissing(row) { fingerprints[row] = .none }
        }
        return fingerprints
    }

    /// The fingerprint of each row's payload.
    public func payloads(of rows: Frame) -> [Fingerprint] {
        let payload = Frame(
            Schema(payloadIndices.map { rows.schema.fields[$0] }), payloadIndices.map { rows.columns[$0] },
            rowCount: rows.rowCount)
        return Self.fingerprints(payloadRows, payload, after: payloadPrefix)
    }

    private static func fingerprints(_ rows: CanonicalRows, _ frame: Frame, after prefix: [UInt8]) -> [Fingerprint] {
        var fingerprints: [Fingerprint] = []
        fingerprints.reserveCapacity(frame.rowCount)
        rows.forEach(of: frame, after: prefix) { _, bytes in fingerprints.append(Fingerprint(sha256Of: bytes)) }
        return fingerprints
    }
}

extension Fingerprint {
    /// The first 16 bytes of the bytes' SHA-256.
    public init(sha256Of bytes: [UInt8]) {
        self = bytes.withUnsafeBytes { Fingerprint(sha256Of: $0) }
    }

    /// The first 16 bytes of the bytes' SHA-256.
    init(sha256Of bytes: UnsafeRawBufferPointer) {
        var hasher = SHA256()
        hasher.update(bufferPointer: bytes)
        let (high, low) = hasher.finalize().withUnsafeBytes { digest in
            (
                UInt64(bigEndian: digest.loadUnaligned(fromByteOffset: 0, as: UInt64.self)),
                UInt64(bigEndian: digest.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
            )
        }
        self.init(high: high, low: low)
    }
}
