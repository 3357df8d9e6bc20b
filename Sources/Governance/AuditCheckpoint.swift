internal import MartletBytes
public import MartletFrames
internal import MartletStorage

/// A signed statement that the audit log had an entry with that hash as its newest.
///
/// Sent out of the server, it proves later whether the log up to there is still the same.
public struct AuditCheckpoint: Hashable, Sendable {
    /// The entry that was the newest.
    public var sequence: Int64
    public var hash: [UInt8]
    public var time: Timestamp
    /// The checkpoint before; 0 for the first.
    public var previous: Int64
    /// Ed25519 by the vault's signing key.
    public var signature: [UInt8]

    /// Signs with the vault's key.
    init(sequence: Int64, hash: [UInt8], time: Timestamp, previous: Int64, vault: Vault) throws(VaultError) {
        self.sequence = sequence
        self.hash = hash
        self.time = time
        self.previous = previous
        signature = []
        signature = try vault.signature(of: signedBytes, for: .auditCheckpoint)
    }

    init(row: DatabaseRow) throws(DatabaseError) {
        sequence = try row.value("sequence")
        hash = try row.value("hash")
        time = try row.value("time")
        previous = try row.value("previous")
        signature = try row.value("signature")
    }

    /// Stands for a stored checkpoint that cannot be read: nobody's signature fits it.
    init(unreadableAt sequence: Int64) {
        self.sequence = sequence
        hash = []
        time = Timestamp(microseconds: 0)
        previous = 0
        signature = []
    }

    /// Whether the holder of that key signed exactly this.
    public func isSigned(by publicKey: [UInt8]) -> Bool {
        Vault.isValid(signature: signature, of: signedBytes, for: .auditCheckpoint, publicKey: publicKey)
    }

    private var signedBytes: [UInt8] {
        var writer = ByteWriter()
        writer.write(fixed: sequence)
        writer.write(lengthPrefixed: hash)
        writer.write(fixed: time.microseconds)
        writer.write(fixed: previous)
        return writer.bytes
    }
}
