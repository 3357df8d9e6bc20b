package import MartletAccess
import MartletGovernance
package import MartletRegistry
import MartletStorage
import MartletWorld

extension Platform {
    /// Registers that a training begins; one that a crash cuts short is marked as failed at the next start.
    package func begin(_ run: Run) throws {
        try database.write { try runs.add(run, $0) }
    }

    /// Makes a trained model the next version of its name: its package sealed, every file durable, then one commit that
    /// names them, ends the run and has its audit entry.
    ///
    /// A crash before the commit leaves files that nothing names and no version; one after it leaves all of it.
    ///
    /// - Parameter run: the run that trained it, which is registered already.
    /// - Throws: a store's own error; then no version was made, unless the answer of the commit itself was lost.
    package func register(
        _ manifest: ModelManifest, files: [String: [UInt8]], trainedBy run: Run, requestID: String?, scope: Scope
    ) throws -> ModelVersion {
        try scope.require(.modelsTrain, on: resource(.model, manifest.model))
        let package = try ModelPackage.seal(manifest, files: files, with: VaultSigner(vault))
        var stored: [String: String] = [:]
        for (name, bytes) in package.files.sorted(by: { $0.key < $1.key }) { stored[name] = try blobs.put(bytes).description }
        return try database.write { [stored] transaction in
            let version = try versions.add(
                model: manifest.model, package: package.version, files: stored, created: world.clock.now(), run: run.id, transaction)
            var finished = run
            finished.version = version.number
            try runs.finish(finished, transaction)
            try audit.append(
                AuditRecord(
                    "model.register", under: scope, requestID: requestID,
                    details: ["version": .number(Int64(version.number)), "package": .text(package.version), "run": .text(run.id)]),
                in: transaction)
            return version
        }
    }
}
