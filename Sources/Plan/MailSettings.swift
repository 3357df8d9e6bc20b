import MartletDefinitions
import MartletPipelines
public import MartletWorld

/// The server that mails about alarms are handed to: the key `mail` of `martlet.yaml`.
public struct MailSettings: Hashable, Sendable {
    /// Who hands them over.
    public struct Login: Hashable, Sendable {
        public var user: String
        /// The name of the secret that holds the password.
        public var secret: String
    }

    public var host: String
    public var port: Int
    public var security: MailServer.Security
    public var from: MailAddress
    /// Nil for nobody by name.
    public var login: Login?

    var canonical: CanonicalValue {
        .map([
            "host": .text(host), "port": .integer(Int64(port)), "security": .text(security.rawValue), "from": .text("\(from)"),
            "user": .optional(login?.user), "password": .optional(login?.secret),
        ])
    }

    /// The server as it is spoken to.
    ///
    /// - Parameter password: of the login; its name is the settings', its value the vault's.
    public func server(password: String?, rule: EgressRule) -> MailServer {
        MailServer(
            host: host, port: port, security: security, login: login.flatMap { login in password.map { MailLogin(user: login.user, password: $0) } },
            rule: rule)
    }

    // MARK: - Reading

    static let keys = KeyTable(
        "the mail of a project",
        keys: [
            .required(
                "server", "address",
                """
                `smtp://HOST:PORT` (port 587 if none is given), or `smtps://HOST:PORT` (465), where TLS begins with the first byte. Public addresses can \
                be reached, and those that `egress` allows.
                """),
            .required("from", "mail address", "Who the mails are from."),
            .optional(
                "security", "`starttls`, `starttls_if_offered` or `none`", standard: "`starttls`",
                "How an `smtp:` server is spoken to: with `starttls`, one that does not offer TLS is left."),
            .optional("user", "text", "Who hands them over, with `password`; nobody by name if left out."),
            .optional("password", "name of a secret", "Its value is set with `martlet secret set`."),
        ])

    /// What an address without TLS from the first byte may say.
    private enum Plain: String, CaseIterable {
        case startTLS = "starttls"
        case startTLSIfOffered = "starttls_if_offered"
        case clear = "none"
    }

    static func read(_ node: LocatedNode, of project: String, _ errors: ErrorCollector) -> MailSettings? {
        let title = "the mail of \(project)"
        let before = errors.count
        guard var map = MapReader(node, keys, title: title, errors: errors) else { return nil }
        let server = map.requiredText("server")
        let from = map.requiredText("from").flatMap { address($0, title, errors) }
        let plain = map.choice("security", Plain.self)
        let user = map.text("user")
        let secret = map.text("password")
        map.finish()
        guard let server, let place = self.place(server, title, errors) else { return nil }
        if place.isSecure, let plain {
            errors.add(
                .conflict, at: plain.place, "\(title) says how TLS begins, and at an 'smtps:' server it begins with the first byte",
                hint: "remove 'security'")
        }
        let security: MailServer.Security =
            switch plain?.value {
            case _ where place.isSecure: .tls
            case nil, .startTLS: .startTLS
            case .startTLSIfOffered: .startTLSIfOffered
            case .clear: .none
            }
        var login: Login?
        if let user, let secret {
            if user.value.isEmpty || user.value.utf8.count > 256 || user.value.utf8.contains(0) {
                errors.add(.wrongValue, at: user.place, "the key 'user' of \(title) is no name of at most 256 bytes", expected: "a name")
            }
            if security == .none {
                errors.add(
                    .conflict, at: secret.place, "\(title) would send a password in the clear", hint: "remove 'security: none', or 'user' and 'password'")
            }
            login = SecretName.check(secret, errors).map { Login(user: user.value, secret: $0) }
        } else if let alone = user ?? secret {
            errors.add(
                .conflict, at: alone.place, "\(title) has 'user' or 'password' alone", expected: "both or neither",
                hint: "'password' names a secret: set it with 'martlet secret set NAME'")
        }
        guard errors.count == before, let from else { return nil }
        return MailSettings(host: place.host, port: place.port, security: security, from: from, login: login)
    }

    private static func place(
        _ text: Located<String>, _ title: String, _ errors: ErrorCollector
    ) -> (host: String, port: Int, isSecure: Bool)? {
        func wrong(_ reason: String) {
            errors.add(
                .wrongValue, at: text.place, "the key 'server' of \(title) cannot be '\(text.value.shortened(to: 60))': it \(reason)",
                found: text.value.shortened(to: 60), expected: "the address of a server", hint: "as in smtp://mail.example.org:587")
        }
        let isSecure = text.value.hasPrefix("smtps://")
        guard isSecure || text.value.hasPrefix("smtp://") else {
            wrong("does not begin with smtp:// or smtps://")
            return nil
        }
        let rest = text.value.dropFirst(isSecure ? 8 : 7)
        do throws(WebAddressError) {
            // The same rules hold for a host and its port, whatever is spoken there.
            let address = try WebAddress("http://" + rest)
            guard address.target == "/", !rest.contains("#"), !rest.contains("?") else {
                wrong("has more than a host and a port")
                return nil
            }
            let namesPort = address.port != WebAddress.Scheme.http.port || rest.hasSuffix(":80") || rest.hasSuffix(":80/")
            return (address.host, namesPort ? address.port : isSecure ? 465 : 587, isSecure)
        } catch {
            wrong("\(error)")
            return nil
        }
    }

    private static func address(_ text: Located<String>, _ title: String, _ errors: ErrorCollector) -> MailAddress? {
        do throws(MailAddressError) {
            return try MailAddress(text.value)
        } catch {
            errors.add(
                .wrongValue, at: text.place, "the key 'from' of \(title) cannot be '\(text.value.shortened(to: 60))': it \(error)",
                found: text.value.shortened(to: 60), expected: "a mail address", hint: "as in martlet@example.org")
            return nil
        }
    }
}
