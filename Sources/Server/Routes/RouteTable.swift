/// All routes, found by method and path.
public struct RouteTable: Sendable {
    public let routes: [Route]
    private let root: Node

    /// A table that the server can serve.
    ///
    /// - Throws: what is wrong with it: two routes at one place, one name twice, a thing's route without a name in its path
    ///   … so that a server with an incomplete table does not start.
    public init(_ routes: [Route]) throws(RouteTableError) {
        var names: Set<String> = []
        var root = Node()
        for (index, route) in routes.enumerated() {
            guard names.insert(route.name).inserted else { throw RouteTableError(message: "two routes are named '\(route.name)'") }
            guard !route.summary.isEmpty else { throw RouteTableError(message: "route '\(route.name)' has no summary") }
            if case .collected(let limit) = route.body, limit <= 0 { throw RouteTableError(message: "route '\(route.name)' takes no body") }
            let takesBody = if case .none = route.body { false } else { true }
            guard takesBody || route.input == nil else {
                throw RouteTableError(message: "route '\(route.name)' describes a body that it does not take")
            }
            if !takesBody, route.method != .get, route.method != .delete, route.method != .post {
                throw RouteTableError(message: "route '\(route.name)' takes no body")
            }
            try root.insert(route.pattern.parts[...], route.method, index, name: route.name)
        }
        self.routes = routes
        self.root = root
    }

    enum Found {
        case route(Route, parameters: [String])
        /// The path exists, with other methods.
        case wrongMethod(allowed: [Request.Method])
        case nothing
    }

    /// - Complexity: O(segments).
    func find(_ method: Request.Method, _ segments: [String]) -> Found {
        var parameters: [String] = []
        guard let node = root.find(segments[...], &parameters), !node.routes.isEmpty else { return .nothing }
        // HEAD is answered as GET, without the body.
        if let index = node.routes[method] ?? (method == .head ? node.routes[.get] : nil) {
            return .route(routes[index], parameters: parameters)
        }
        return .wrongMethod(allowed: node.routes.keys.sorted { $0.rawValue < $1.rawValue })
    }

    private struct Node: Sendable {
        var literals: [String: Node] = [:]
        /// At most one: what a `{name}` matches.
        var parameter: [Node] = []
        var routes: [Request.Method: Int] = [:]

        mutating func insert(
            _ parts: ArraySlice<PathPattern.Part>, _ method: Request.Method, _ index: Int, name: String
        ) throws(RouteTableError) {
            guard let part = parts.first else {
                guard routes[method] == nil else { throw RouteTableError(message: "route '\(name)' stands where another does") }
                routes[method] = index
                return
            }
            switch part {
            case .literal(let text): try literals[text, default: Node()].insert(parts.dropFirst(), method, index, name: name)
            case .parameter:
                if parameter.isEmpty { parameter.append(Node()) }
                try parameter[0].insert(parts.dropFirst(), method, index, name: name)
            }
        }

        /// A literal part is preferred to a parameter.
        func find(_ segments: ArraySlice<String>, _ parameters: inout [String]) -> Node? {
            guard let segment = segments.first else { return self }
            if let node = literals[segment], let found = node.find(segments.dropFirst(), &parameters), !found.routes.isEmpty {
                return found
            }
            guard let node = parameter.first, !segment.isEmpty else { return nil }
            parameters.append(segment)
            if let found = node.find(segments.dropFirst(), &parameters) { return found }
            parameters.removeLast()
            return nil
        }
    }
}

/// Why a table of routes cannot be served: a mistake of ours.
public struct RouteTableError: Error, Hashable, Sendable {
    public var message: String
}
