/// The one place that decides who may do what: a pure function of principal, permission and resource.
///
/// It looks nothing up, so its answer cannot tell whether a resource exists.
///
/// ```swift
/// let scope = try Guard().scope(for: principal, to: .modelsPromote, on: .thing(.model, "churn", in: "shop"))
/// try registry.promote("churn", version: 3, scope: scope)
/// ```
public struct Guard: Sendable {
    public init() {}

    /// Proof that the principal may do it.
    ///
    /// - Throws: `denied`.
    public func scope(for principal: Principal, to permission: Permission, on resource: Resource) throws(AccessError) -> Scope {
        guard principal.grants.contains(where: { $0.holds(permission, on: resource) }) else {
            throw .denied(permission, principal: principal, kind: resource.kind)
        }
        return Scope(principal: principal, permission: permission, resource: resource)
    }

    /// Decides again for a job that has waited, with what its submitter may do now.
    ///
    /// - Parameter principal: the submitter as authentication or the token store gives it at this moment.
    public func renewed(_ scope: Scope, for principal: Principal) throws(AccessError) -> Scope {
        precondition(principal.kind == scope.principal.kind && principal.id == scope.principal.id, "another principal's scope")
        return try self.scope(for: principal, to: scope.permission, on: scope.resource)
    }
}

/// Proof that the guard allowed one permission on one resource to one principal.
///
/// Operations that reach storage take a scope and call ``require(_:on:)``; only the guard can make one.
public struct Scope: Hashable, Sendable {
    public let principal: Principal
    public let permission: Permission
    public let resource: Resource

    // Private to this file: the guard above is the only caller.
    fileprivate init(principal: Principal, permission: Permission, resource: Resource) {
        self.principal = principal
        self.permission = permission
        self.resource = resource
    }

    /// Refuses a scope that was made for something else.
    public func require(_ permission: Permission, on resource: Resource) throws(AccessError) {
        guard permission == self.permission, self.resource.covers(resource) else {
            throw .denied(permission, principal: principal, kind: resource.kind)
        }
    }
}
