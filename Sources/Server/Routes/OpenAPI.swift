import MartletAccess
import MartletBytes

/// Describes a table of routes as OpenAPI 3.1.
enum OpenAPI {
    static func document(_ table: RouteTable, version: String) -> JSONValue {
        var paths = JSONObject()
        for route in table.routes {
            var path = paths[route.pattern.text]?.object ?? JSONObject()
            path[route.method.rawValue.lowercased()] = operation(route)
            paths[route.pattern.text] = .object(path)
        }
        return [
            "openapi": "3.1.0",
            "info": ["title": "Martlet", "version": .string(version)],
            "components": [
                "securitySchemes": [
                    "bearer": ["type": "http", "scheme": "bearer"], "basic": ["type": "http", "scheme": "basic"],
                    "signature": ["type": "apiKey", "in": "header", "name": "webhook-signature"],
                ],
                "schemas": ["Problem": problem],
            ],
            "paths": .object(paths),
        ]
    }

    private static func operation(_ route: Route) -> JSONValue {
        var operation = JSONObject()
        operation["operationId"] = .string(route.name)
        operation["summary"] = .string(route.summary)
        let inPath: [JSONValue] = route.pattern.parameters.map {
            ["name": .string($0), "in": "path", "required": true, "schema": ["type": "string"]]
        }
        let inQuery: [JSONValue] = route.query.map {
            ["name": .string($0.name), "in": "query", "description": .string($0.summary), "schema": ["type": "string"]]
        }
        if !(inPath + inQuery).isEmpty { operation["parameters"] = .array(inPath + inQuery) }
        if let input = route.input {
            operation["requestBody"] = ["required": true, "content": content(input)]
        }
        var responses = JSONObject()
        var success: JSONObject = JSONObject()
        success["description"] = "done"
        if let output = route.output { success["content"] = content(output) }
        responses["200"] = .object(success)
        responses["default"] = [
            "description": "refused or failed",
            "content": ["application/json": ["schema": ["$ref": "#/components/schemas/Problem"]]],
        ]
        operation["responses"] = .object(responses)
        switch route.access {
        case .needs(let permission, _):
            operation["security"] = [["bearer": []], ["basic": []]]
            operation["x-permission"] = .string(permission.rawValue)
        case .signed(let permission, _):
            operation["security"] = [["signature": []]]
            operation["x-permission"] = .string(permission.rawValue)
        case .open: operation["security"] = []
        }
        return .object(operation)
    }

    private static func content(_ shape: Shape) -> JSONValue {
        switch shape {
        case .media(let type): .object(object([(type, [:])]))
        case .lines(let line): .object(object([("application/x-ndjson", ["schema": schema(line)])]))
        default: .object(object([("application/json", ["schema": schema(shape)])]))
        }
    }

    static func schema(_ shape: Shape) -> JSONValue {
        switch shape {
        case .string: ["type": "string"]
        case .choice(let values): ["type": "string", "enum": .array(values.map(JSONValue.string))]
        case .integer: ["type": "integer"]
        case .number: ["type": "number"]
        case .boolean: ["type": "boolean"]
        case .any: [:]
        case .timestamp: ["type": "string", "format": "date-time"]
        case .list(let element), .lines(let element): ["type": "array", "items": schema(element)]
        case .map(let value): ["type": "object", "additionalProperties": schema(value)]
        case .nullable(let shape): ["anyOf": [schema(shape), ["type": "null"]]]
        case .media: ["type": "string"]
        case .object(let members):
            [
                "type": "object",
                "properties": .object(object(members.map { ($0.name, schema($0.shape)) })),
                "required": .array(members.filter(\.isRequired).map { .string($0.name) }),
            ]
        }
    }

    private static let problem = schema(
        .object([
            .init("error", .object([
                .init("code", .string), .init("message", .string), .init("where", .string, isRequired: false),
                .init("hint", .string, isRequired: false), .init("details", .list(.any), isRequired: false),
            ]))
        ]))

    private static func object(_ members: [(String, JSONValue)]) -> JSONObject {
        var object = JSONObject()
        for (key, value) in members { object[key] = value }
        return object
    }
}
