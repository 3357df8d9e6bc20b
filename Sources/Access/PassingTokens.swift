public import MartletStorage
public import MartletWorld
internal import Synchronization

/// Tokens that are in force while a piece of work is under way, and known to this process alone.
///
/// They are held in memory, by their hash, and nowhere else: with the process they are gone.
public final class PassingTokens<Holder: Sendable>: Sendable {
    private let hasher: TokenHasher
    private let random: any RandomSource
    /// Holders by the hash of their token.
    private let holders = Mutex<[[UInt8]: Holder]>([:])

    public init(hasher: TokenHasher, random: any RandomSource) {
        self.hasher = hasher
        self.random = random
    }

    /// How many are in force.
    public var count: Int { holders.withLock { $0.count } }

    /// A new token for a holder, in force until it is revoked.
    public func issue(to holder: Holder) -> Secret {
        let token = Secret(TokenText.make(TokenText.passingPrefix, random: random))
        let hash = hasher.hash(token.utf8)
        holders.withLock { $0[hash] = holder }
        return token
    }

    public func revoke(_ token: Secret) {
        let hash = hasher.hash(token.utf8)
        holders.withLock { $0[hash] = nil }
    }

    /// Who holds a token; nil for a text that is none, or one no longer in force.
    public func holder(presenting presented: Secret) -> Holder? {
        guard TokenText.isWellFormed(presented, prefix: TokenText.passingPrefix) else { return nil }
        // Hashes under a pepper are compared, whose timing says nothing of the token.
        let hash = hasher.hash(presented.utf8)
        return holders.withLock { $0[hash] }
    }
}
