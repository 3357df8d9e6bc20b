public import MartletStorage

/// Signs packages with the key that a vault keeps and does not give out.
public struct VaultSigner: PackageSigner {
    private let vault: Vault
    public let publicKey: PackagePublicKey

    public init(_ vault: Vault) throws(PackageError) {
        self.vault = vault
        publicKey = try PackagePublicKey(bytes: vault.publicKey)
    }

    public func signature(ofManifest manifest: [UInt8]) throws(PackageError) -> [UInt8] {
        do {
            // The vault puts the use's label before the bytes, as `ModelPackage.signedBytes(_:)` does.
            return try vault.signature(of: manifest, for: .modelPackage)
        } catch {
            throw PackageError(.signatureInvalid, "the vault could not sign the manifest")
        }
    }
}
