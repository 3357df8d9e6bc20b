import MartletAccess
import MartletBytes
import MartletPlatform

extension APIRoutes {
    /// Secrets: what is set can be replaced and removed, and never read.
    var secrets: [Route] {
        [
            Route(
                "secrets.list", .get, "/api/v1/secrets", "The secrets that there are, by name, without their values.",
                access: .needs(.secretsManage, on: .thing(.secret)), audit: .refusalsOnly, output: Self.page(of: Self.secretShape),
                handler: .asynchronous { [platform] call in
                    .list(try platform.secretList(scope: call.requireScope()).map(Self.json))
                }),
            Route(
                "secrets.set", .put, "/api/v1/secrets/{secret}", "Makes a secret, or puts another value in its place.",
                access: .needs(.secretsManage, on: .thing(.secret)), body: .collected(limit: limits.requestBytes),
                audit: .recordedByOperation, input: .object([.init("value", .string)]), output: Self.secretShape,
                handler: .asynchronous { [platform] call in
                    let value = Secret(try call.json()["value"]?.string ?? "")
                    return .json(
                        Self.json(
                            try platform.setSecret(call.parameter(0), to: value, requestID: call.requestID, scope: call.requireScope())))
                }),
            Route(
                "secrets.remove", .delete, "/api/v1/secrets/{secret}", "Removes a secret; tasks that start later are not given it.",
                access: .needs(.secretsManage, on: .thing(.secret)), audit: .recordedByOperation, output: Self.secretShape,
                handler: .asynchronous { [platform] call in
                    .json(
                        Self.json(
                            try platform.removeSecret(call.parameter(0), requestID: call.requestID, scope: call.requireScope())))
                }),
        ]
    }

    private static func json(_ secret: SecretTable.Entry) -> JSONValue {
        [
            "secret": .string(secret.name), "version": .int64(secret.version), "time": .string("\(secret.time)"),
            "set_by": .string(secret.setBy),
        ]
    }

    private static let secretShape = Shape.object([
        .init("secret", .string), .init("version", .integer), .init("time", .timestamp), .init("set_by", .string),
    ])
}
