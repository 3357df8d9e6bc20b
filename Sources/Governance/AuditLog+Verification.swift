internal import MartletStorage

/// What a check of the whole audit log found.
public struct AuditVerification: Hashable, Sendable {
    /// One thing that is not as it was written, and where.
    public enum Finding: Hashable, Sendable {
        /// The entry's content or hash, or the hash before it, was changed.
        case changedEntry(Int64)
        /// Entries that were there are gone.
        case missingEntries(ClosedRange<Int64>)
        /// The chain holds, but is not the one that was signed: it was computed anew, from an entry after `after` on.
        case rewritten(after: Int64, through: Int64)
        /// A checkpoint was changed, or not signed by this vault.
        case badCheckpoint(Int64)
        /// No checkpoint is where one was made: between these entries.
        case missingCheckpoint(after: Int64, through: Int64)
    }

    /// Entries looked at.
    public var entries: Int
    /// Checkpoints looked at.
    public var checkpoints: Int
    /// The newest entry that a signature vouches for; changes after it to the whole rest cannot be seen.
    public var signedThrough: Int64
    /// At most as many as were asked for, in the order of the log.
    public var findings: [Finding]

    public var isIntact: Bool { findings.isEmpty }
}

extension AuditVerification: CustomStringConvertible {
    public var description: String {
        guard let first = findings.first else {
            return "\(entries) entries are as they were written, signed through entry \(signedThrough)"
        }
        return "\(first)" + (findings.count > 1 ? ", and \(findings.count - 1) more findings" : "")
    }
}

extension AuditVerification.Finding: CustomStringConvertible {
    public var description: String {
        switch self {
        case .changedEntry(let sequence): "entry \(sequence) was changed"
        case .missingEntries(let range):
            range.count == 1
                ? "entry \(range.lowerBound) is missing"
                : "entries \(range.lowerBound) to \(range.upperBound) are missing"
        case .rewritten(let after, let through):
            "entries after \(after), up to \(through), are not those that were signed"
        case .badCheckpoint(let sequence): "the checkpoint at entry \(sequence) was not signed by this vault"
        case .missingCheckpoint(let after, let through):
            "a checkpoint after entry \(after), up to \(through), is missing"
        }
    }
}

extension AuditLog {
    /// Checks every entry and checkpoint: edits, deletions, reorderings and cut tails are found and located, up to
    /// the last checkpoint.
    ///
    /// - Parameters:
    ///   - kept: checkpoints that were kept outside; with them even a log cut together with its own checkpoints is found.
    ///     Those that this vault did not sign say nothing and are left aside.
    ///   - findingLimit: findings after which the check stops.
    ///   - pageSize: rows in memory at once.
    /// - Complexity: O(entries); reads one consistent state.
    public func verify(kept: [AuditCheckpoint] = [], findingLimit: Int = 100, pageSize: Int = 1_000)
        throws(GovernanceError)
        -> AuditVerification
    {
        precondition(findingLimit > 0 && pageSize > 0)
        do {
            return try database.read { reader throws in
                try verify(reader, kept: kept, findingLimit: findingLimit, pageSize: pageSize)
            }
        } catch {
            throw .unavailable(error)
        }
    }

    private func verify(_ reader: any DatabaseReader, kept: [AuditCheckpoint], findingLimit: Int, pageSize: Int) throws
        -> AuditVerification
    {
        let publicKey = vault.publicKey
        var result = AuditVerification(entries: 0, checkpoints: 0, signedThrough: 0, findings: [])
        var last: Int64 = 0
        var hash = AuditEntry.genesis
        // Since the last checkpoint that fits, whether each hash followed from the one before.
        var holds = true
        var lastCheckpoint: Int64 = 0
        var kept = kept.filter { $0.isSigned(by: publicKey) }.sorted { $0.sequence < $1.sequence }[...]
        var checkpoints = CheckpointPages(reader: reader, pageSize: pageSize)
        var next = try checkpoints.next()

        func full() -> Bool { result.findings.count >= findingLimit }
        func note(_ finding: AuditVerification.Finding) {
            if !full(), !result.findings.contains(finding) { result.findings.append(finding) }
        }

        /// Each checkpoint names the one before it.
        func follow(_ checkpoint: AuditCheckpoint) {
            result.checkpoints += 1
            if checkpoint.previous != lastCheckpoint, checkpoint.isSigned(by: publicKey) {
                note(.missingCheckpoint(after: min(lastCheckpoint, checkpoint.previous), through: checkpoint.previous))
            }
            lastCheckpoint = checkpoint.sequence
        }

        /// Compares what stands at an entry with what was signed there.
        func compare(_ checkpoint: AuditCheckpoint) {
            guard checkpoint.isSigned(by: publicKey) else {
                note(.badCheckpoint(checkpoint.sequence))
                return
            }
            if checkpoint.hash == hash {
                result.signedThrough = max(result.signedThrough, checkpoint.sequence)
            } else if holds {
                // One rewriting spoils every later checkpoint, and is one finding.
                if case .rewritten(result.signedThrough, _)? = result.findings.last { result.findings.removeLast() }
                note(.rewritten(after: result.signedThrough, through: checkpoint.sequence))
            }
            holds = true
        }

        while !full() {
            let rows = try reader.rows(
                "SELECT * FROM audit_entries WHERE sequence > \(last) ORDER BY sequence LIMIT \(pageSize)",
                limit: pageSize)
            for row in rows where !full() {
                guard let sequence = try? row.value("sequence", as: Int64.self) else {
                    // Such rows sort after all others.
                    note(.changedEntry(last + 1))
                    continue
                }
                var follows = true
                if sequence != last + 1 {
                    note(.missingEntries((last + 1)...(sequence - 1)))
                    follows = false
                }
                // What stands in a gap cannot be compared; its checkpoints speak of entries that are missing already.
                while let checkpoint = next, checkpoint.sequence < sequence {
                    follow(checkpoint)
                    next = try checkpoints.next()
                }
                while let checkpoint = kept.first, checkpoint.sequence < sequence { kept.removeFirst() }

                let entry = try? Self.entry(row)
                let stored: [UInt8]? = try? row.value("hash")
                if let entry, follows {
                    let expected = AuditEntry.hash(
                        sequence: sequence, time: entry.time, record: entry.record, after: hash)
                    follows = expected == entry.hash
                    if !follows { note(.changedEntry(sequence)) }
                } else if entry == nil {
                    note(.changedEntry(sequence))
                    follows = false
                }
                if !follows { holds = false }
                hash = stored ?? []
                last = sequence
                result.entries += 1
                // Those kept outside first: after a fork the log has signed checkpoints of its own.
                while let checkpoint = kept.first, checkpoint.sequence == sequence {
                    compare(checkpoint)
                    kept.removeFirst()
                }
                if let checkpoint = next, checkpoint.sequence == sequence {
                    follow(checkpoint)
                    compare(checkpoint)
                    next = try checkpoints.next()
                } else if sequence - lastCheckpoint >= Int64(limits.checkpointInterval), next == nil {
                    note(.missingCheckpoint(after: lastCheckpoint, through: sequence))
                    lastCheckpoint = sequence
                }
            }
            if rows.count < pageSize || rows.allSatisfy({ (try? $0.value("sequence", as: Int64.self)) == nil }) {
                break
            }
        }

        var signedEnd = kept.last?.sequence ?? 0
        while let checkpoint = next, !full() {
            follow(checkpoint)
            if checkpoint.isSigned(by: publicKey) {
                signedEnd = max(signedEnd, checkpoint.sequence)
            } else {
                note(.badCheckpoint(checkpoint.sequence))
            }
            next = try checkpoints.next()
        }
        if signedEnd > last { note(.missingEntries((last + 1)...signedEnd)) }
        return result
    }
}

/// The checkpoints in order, a page at a time.
private struct CheckpointPages {
    let reader: any DatabaseReader
    let pageSize: Int
    private var page: ArraySlice<AuditCheckpoint> = []
    private var last: Int64 = -1
    private var isAtEnd = false

    init(reader: any DatabaseReader, pageSize: Int) {
        self.reader = reader
        self.pageSize = pageSize
    }

    mutating func next() throws -> AuditCheckpoint? {
        if page.isEmpty, !isAtEnd {
            let rows = try reader.rows(
                "SELECT * FROM audit_checkpoints WHERE sequence > \(last) ORDER BY sequence LIMIT \(pageSize)",
                limit: pageSize)
            page = try rows.map { row in
                let sequence: Int64 = try row.value("sequence")
                return (try? AuditCheckpoint(row: row)) ?? AuditCheckpoint(unreadableAt: sequence)
            }[...]
            last = page.last?.sequence ?? last
            isAtEnd = rows.count < pageSize
        }
        return page.popFirst()
    }
}
