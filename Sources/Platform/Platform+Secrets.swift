public import MartletAccess
import MartletGovernance
import MartletStorage
import MartletWorld

extension Platform {
    /// Makes a secret, or puts another value in its place: from then on attempts that start are given it.
    ///
    /// - Parameter scope: `secrets.manage` on the secret.
    /// - Throws: an ``AccessError`` with `invalidSecret` for a name or a value that cannot be taken.
    public func setSecret(_ name: String, to value: Secret, requestID: String?, scope: Scope) throws -> SecretTable.Entry {
        try scope.require(.secretsManage, on: resource(.secret, name))
        return try database.write { transaction in
            let entry = try secrets.set(name, to: value, at: world.clock.now(), by: "\(scope.principal)", transaction)
            try audit.append(
                AuditRecord("secrets.set", under: scope, requestID: requestID, details: ["version": .number(entry.version)]), in: transaction)
            return entry
        }
    }

    /// The secrets that there are, by name, without their values.
    ///
    /// - Parameter scope: `secrets.manage` on all secrets.
    public func secretList(scope: Scope) throws -> [SecretTable.Entry] {
        try scope.require(.secretsManage, on: resource(.secret, nil))
        return try database.read { try secrets.list($0) }
    }

    /// Removes a secret; what was started with it keeps it.
    ///
    /// - Parameter scope: `secrets.manage` on the secret.
    /// - Throws: an ``AccessError`` with `noSecret` if there is none of this name.
    public func removeSecret(_ name: String, requestID: String?, scope: Scope) throws -> SecretTable.Entry {
        try scope.require(.secretsManage, on: resource(.secret, name))
        return try database.write { transaction in
            let entry = try secrets.remove(name, transaction)
            try audit.append(
                AuditRecord("secrets.remove", under: scope, requestID: requestID, details: ["version": .number(entry.version)]),
                in: transaction)
            return entry
        }
    }
}
