import Foundation
import Testing

@Suite("Persons are pseudonyms in every byte that is written")
struct ByteScanTests {
    @Test("no file and nothing printed holds an identifier: while it serves, after kill -9, and after a close", .timeLimit(.minutes(3)))
    func byteScan() async throws {
        let command = try CommandUnderTest()
        let report = try await onThread {
            let project = try ByteScanProject(command)
            try project.prepare()
            var found: [String: [String]] = [:]
            let first = try project.start()
            let stored = try project.send(to: first)
            found["served"] = try project.findings().found
            try project.end(first, byKill: true)
            let killed = try project.findings()
            found["killed"] = killed.found
            let second = try project.start()
            try project.end(second, byKill: false)
            let closed = try project.findings()
            found["closed"] = closed.found
            return (found: found, stored: stored, files: killed.files + closed.files)
        }
        for (moment, found) in report.found.sorted(by: { $0.key < $1.key }) {
            #expect(found.isEmpty, "\(moment)")
        }
        // Something was there to be found.
        #expect(report.stored == (events: 1, deadLetters: 7, predictions: 4, outcomes: 2))
        for kind in ["martlet.sqlite-wal", ".segment", ".state", "vault/pseudonyms.log", "tell.0.1.log"] {
            #expect(report.files.contains { $0.hasSuffix(kind) }, "no file '\(kind)' was scanned")
        }
    }

    @Test("the scan finds what it looks for", arguments: [0, 42, 99])
    func canary(_ number: Int) {
        let account = ByteScan.account(number)
        for bytes in [
            Data(ByteScan.name(number).utf8), Data(Data(ByteScan.secret.utf8).base64EncodedString().utf8), Data("\(account)".utf8), withUnsafeBytes(of: account.littleEndian) { Data($0) },
            withUnsafeBytes(of: account.bigEndian) { Data($0) },
        ] { #expect(!ByteScan.findings(in: Data([7, 8, 9]) + bytes + Data([1, 2])).isEmpty) }
        #expect(ByteScan.findings(in: Data((0..<200).map { UInt8($0) })).isEmpty)
    }
}
