public import MartletAccess
import MartletPipelines
import MartletStorage
import MartletWorld
import Synchronization

/// The secrets that an attempt is given.
struct TaskSecrets: Sendable {
    /// By what they are for: the variable of an environment, the name of a header.
    var values: [String: Secret] = [:]
    /// Of each secret by its name.
    var versions: [String: Int64] = [:]

    /// The most bytes of all of them together, so that they fit into an environment.
    static let totalBytes = 1 << 18
}

extension Platform {
    /// The secrets of an attempt as they are now, each asked of the guard.
    ///
    /// - Parameter names: the secrets' names, by what they are for: a variable of an environment, a header.
    func secrets(_ names: [String: String], _ context: TaskContext) throws -> TaskSecrets {
        guard !names.isEmpty else { return TaskSecrets() }
        let found = try database.read { reader in
            var found: [String: (value: Secret, version: Int64)] = [:]
            for name in Set(names.values) {
                _ = try context.scope(to: .secretsUse, on: resource(.secret, name))
                guard let secret = try secrets.value(of: name, reader) else {
                    throw TaskFailure(
                        reason: "no secret is named '\(name)': an administrator sets it with 'martlet secret set \(name)'")
                }
                found[name] = secret
            }
            return found
        }
        let size = names.values.reduce(0) { $0 + (found[$1]?.value.utf8.count ?? 0) }
        guard size <= TaskSecrets.totalBytes else {
            throw TaskFailure(reason: "its secrets have \(size) bytes together; a program is given at most \(TaskSecrets.totalBytes)")
        }
        return TaskSecrets(
            values: names.compactMapValues { found[$0]?.value }, versions: found.mapValues(\.version))
    }

    /// Who a task's program acts as, with what its run may do now; nil for a token of no attempt that is under way.
    public func principal(presentingTaskToken token: Secret) throws(AccessError) -> Principal? {
        guard let actor = taskTokens.holder(presenting: token) else { return nil }
        do { return try principal(of: actor) } catch let error as AccessError { throw error } catch { return nil }
    }
}

/// What a program prints on its two outputs, with secrets masked in each of them by itself.
final class MaskedOutput: Sendable {
    private let streams: Mutex<[ProgramOutput: SecretMaskStream]>

    init(_ mask: SecretMask) {
        streams = Mutex(Dictionary(uniqueKeysWithValues: ProgramOutput.allCases.map { ($0, SecretMaskStream(mask)) }))
    }

    func take(_ bytes: [UInt8], from output: ProgramOutput) -> [UInt8] {
        streams.withLock { $0[output]?.take(bytes) ?? [] }
    }

    /// What was held back.
    ///
    /// - Parameter isCut: whether the program printed more than was kept.
    func finish(isCut: Bool) -> [UInt8] {
        streams.withLock { streams in ProgramOutput.allCases.flatMap { streams[$0]?.finish(isCut: isCut) ?? [] } }
    }
}

extension AttemptOutcome {
    /// The same, its reason without secrets.
    func masked(by mask: SecretMask) -> AttemptOutcome {
        switch self {
        case .failed(let reason, let isRetryable): .failed(reason: mask.masked(reason), isRetryable: isRetryable)
        case .skipped(let reason): .skipped(reason: mask.masked(reason))
        case .succeeded, .cached: self
        }
    }
}
