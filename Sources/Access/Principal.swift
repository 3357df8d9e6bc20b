/// Who asks: a person, a token's holder, or the program itself.
public struct Principal: Hashable, Sendable {
    public enum Kind: String, Sendable {
        case user, token, system
    }

    public var kind: Kind
    /// Unique within its kind; what the audit log holds.
    public var id: String
    /// For people to read.
    public var name: String
    public var grants: [Grant]

    public init(kind: Kind, id: String, name: String, grants: [Grant]) {
        self.kind = kind
        self.id = id
        self.name = name
        self.grants = grants
    }

    /// The operating system's user who owns the project's folder, whose commands come through the owner-only socket.
    public static func owner(named name: String) -> Principal {
        Principal(kind: .user, id: name, name: name, grants: [Grant(.admin)])
    }

    /// A part of the program that acts by itself, with the permissions that its duty needs and no more.
    public static func system(_ duty: String, permissions: Set<Permission>) -> Principal {
        Principal(kind: .system, id: duty, name: duty, grants: [Grant(.admin, only: permissions)])
    }
}

extension Principal: CustomStringConvertible {
    /// As the audit log names it: `token:7f3a…`.
    public var description: String { "\(kind.rawValue):\(id)" }
}

/// A role that a principal holds somewhere, perhaps narrowed or widened by name.
public struct Grant: Hashable, Sendable {
    /// Where a grant holds.
    public enum Place: Hashable, Sendable {
        /// All projects and the server itself.
        case everywhere
        case project(String)
    }

    public var role: Role
    public var place: Place
    /// If given, nothing else of the role is held.
    public var only: Set<Permission>?
    /// Held beyond the role, such as `events.readPersonal`.
    public var including: Set<Permission>

    public init(
        _ role: Role, in place: Place = .everywhere, only: Set<Permission>? = nil, including: Set<Permission> = []
    ) {
        self.role = role
        self.place = place
        self.only = only
        self.including = including
    }

    public var permissions: Set<Permission> {
        role.permissions.intersection(only ?? role.permissions).union(including)
    }

    func holds(_ permission: Permission, on resource: Resource) -> Bool {
        let isThere =
            switch place {
            case .everywhere: true
            case .project(let name): resource.project == name
            }
        guard isThere else { return false }
        if including.contains(permission) { return true }
        return role.permissions.contains(permission) && only.map { $0.contains(permission) } ?? true
    }
}

/// What is acted upon: the server, a project, or a named thing in one.
public struct Resource: Hashable, Sendable {
    public enum Kind: String, Sendable {
        case server, project, stream, featureView, dataset, model, endpoint, prediction, pipeline, secret
    }

    public let kind: Kind
    /// Nil for the server.
    public let project: String?
    /// Nil for the server, a project, and all things of a kind.
    public let name: String?

    private init(kind: Kind, project: String?, name: String?) {
        self.kind = kind
        self.project = project
        self.name = name
    }

    public static let server = Resource(kind: .server, project: nil, name: nil)
    public static func project(_ project: String) -> Resource { Resource(kind: .project, project: project, name: nil) }
    /// One thing of a project, or with no name all of its kind.
    public static func thing(_ kind: Kind, _ name: String?, in project: String) -> Resource {
        precondition(kind != .server && kind != .project)
        return Resource(kind: kind, project: project, name: name)
    }

    /// Whether a scope for this resource is one for the other.
    func covers(_ other: Resource) -> Bool {
        switch kind {
        case .server: true
        case .project: project == other.project
        default: kind == other.kind && project == other.project && (name == nil || name == other.name)
        }
    }
}

extension Resource: CustomStringConvertible {
    /// As the audit log names it: `stream:rides/trips`.
    public var description: String {
        kind.rawValue + (project.map { ":" + $0 } ?? "") + (name.map { "/" + $0 } ?? "")
    }
}
