/// The port to the store of large immutable bytes, each named by the SHA-256 of its content.
///
/// A put is durable when it returns, so a database commit may name the hash at once. Bytes that changed on the way
/// back are refused, never served. Calls block, so shells run them on threads of their own.
///
/// The embedded store is ``FileBlobStore``. A connector conforms to this protocol and runs the same contract kit.
public protocol BlobStore: Sendable {
    /// Stores bytes; those that are there already are kept once, and mended if they were damaged.
    func put(_ bytes: [UInt8]) throws(BlobError) -> BlobHash

    /// Stores bytes that come in pieces, in the memory of one piece.
    ///
    /// - Parameter next: the next piece, nil at the end. If it throws, nothing is stored and its error is passed on.
    func put(pieces next: () throws -> [UInt8]?) throws -> BlobHash

    /// The bytes of a blob, checked against its hash.
    ///
    /// - Parameter limit: the most bytes that the caller can take.
    /// - Throws: `notFound`; `changed` if the stored bytes are not those that were put; `tooLarge`.
    func read(_ hash: BlobHash, limit: Int) throws(BlobError) -> [UInt8]

    /// Whether a blob is there; its bytes are not checked.
    func contains(_ hash: BlobHash) throws(BlobError) -> Bool

    /// Removes a blob; one that is not there is no error. Only for what nothing names any longer.
    func remove(_ hash: BlobHash) throws(BlobError)

    /// Hashes in ascending order.
    ///
    /// - Parameters:
    ///   - after: the last hash of the page before; nil for the first page.
    ///   - limit: the length of a page.
    func list(after: BlobHash?, limit: Int) throws(BlobError) -> [BlobHash]
}
