import MartletAccess
import MartletBytes
import MartletFrames
import MartletMonitoring
import MartletPipelines
import MartletPlan
import MartletRegistry
import MartletStorage
import MartletWorld
import Synchronization

extension Platform {
    /// Does what was decided and stored; what fails is tried again, or reported, by the machine's own rules.
    ///
    /// Messages go out beside one another, so that a server that is slow holds up a bounded number of others; actions follow one another.
    func carryOutAlarmEffects() async {
        await withTaskGroup(of: Void.self) { group in
            var underWay = 0
            for effect in alarms.takeEffects() {
                switch effect {
                case .notify(let notification):
                    if underWay >= limits.alarmMessages { await group.next() } else { underWay += 1 }
                    group.addTask {
                        let outcome = await self.deliver(notification)
                        try? self.alarms.turn { machine, now, turn in machine.report(notification, outcome, at: now, &turn) }
                    }
                case .act(let order):
                    let outcome = await carryOut(order)
                    try? alarms.turn { machine, now, turn in machine.report(order, outcome, at: now, &turn) }
                }
            }
        }
    }

    // MARK: - Messages

    private func deliver(_ notification: AlarmNotification) async -> DeliveryOutcome {
        guard let receiver = alarms.look({ $0.plan.receivers[notification.receiver] }) else { return .refused("the receiver is gone") }
        let place = externalAddress.withLock { $0 }
        switch receiver.way {
        case .webhook(let address): return await post(WebhookBody(externalURL: place).encoded(notification), to: address)
        case .email(let recipients): return await mail(notification, to: recipients, linkingTo: place)
        case .command(let arguments): return await run(AlarmCommand(notification, arguments: arguments, externalURL: place))
        }
    }

    private func post(_ body: [UInt8], to address: WebAddress) async -> DeliveryOutcome {
        do {
            var request = HTTPRequest(.post, address, body: body, rule: egressRule)
            request.answerLimit = 0
            request.timeout = limits.alarmMessageTime
            if let header = HTTPHeader("content-type", "application/json") { request.headers = [header] }
            let status = try await world.http.send(request).status
            if (200..<300).contains(status) { return .delivered }
            return (400..<500).contains(status) && status != 408 && status != 429 ? .refused("it answered \(status)") : .failed("it answered \(status)")
        } catch { return .failed("\(error)") }
    }

    private func mail(_ notification: AlarmNotification, to recipients: [MailAddress], linkingTo place: String) async -> DeliveryOutcome {
        guard let settings = inForce.project?.project.mail else { return .refused("the project no longer names a server of mails") }
        do {
            var server = settings.server(password: try settings.login.map { try password($0.secret).revealed }, rule: egressRule)
            server.timeout = limits.alarmMessageTime
            let message = AlarmMail(from: settings.from, externalURL: place).message(notification, to: recipients)
            let receipt = try await world.mail.send(message, through: server)
            guard let refusal = receipt.refused.first else { return .delivered }
            let reason = "\(refusal.recipient) is not taken: \(refusal.reply)"
            return refusal.isTemporary ? .failed(reason) : .refused(reason)
        } catch let error as MailError { return error.outcome } catch { return .refused("\(error)") }
    }

    /// The password of the project's mails, if whoever applied the project may use it.
    private func password(_ name: String) throws -> Secret {
        _ = try Guard().scope(for: reactingPrincipal().principal, to: .secretsUse, on: resource(.secret, name))
        guard let secret = try database.read({ try secrets.value(of: name, $0) }) else {
            throw TaskFailure(reason: "no secret is named '\(name)': an administrator sets it with 'martlet secret set \(name)'")
        }
        return secret.value
    }

    /// Who stands behind what alarms lead to: whoever applied the definitions in force, with what they may do now.
    func reactingPrincipal() throws -> (actor: RunActor, principal: Principal) {
        guard let release = inForce.release else { throw PlatformError.notApplied }
        let actor = try pipelineActor(of: release)
        return (actor, try principal(of: actor))
    }

    /// Starts a program that is told of alarms, as a task's is started, and waits for its end.
    private func run(_ command: AlarmCommand) async -> DeliveryOutcome {
        guard taskSettings.allowsPrograms else { return .refused("this server starts no programs: it was started with --no-exec") }
        guard let root = projectFiles.absolutePath(.root) else { return .refused("programs need a project on a disk") }
        do {
            let reacting = try reactingPrincipal()
            _ = try Guard().scope(for: reacting.principal, to: .execute, on: .project(project))
            let token = taskTokens.issue(to: reacting.actor)
            defer { taskTokens.revoke(token) }
            var environment = taskSettings.environment(project: root, mark: programsMark)
            environment["MARTLET_TOKEN"] = token.revealed
            environment["MARTLET_NOTIFICATION"] = command.key
            var arguments = command.arguments
            // The program itself, whatever the path says.
            if arguments[0] == "martlet", let own = taskSettings.program { arguments[0] = own }
            let limits = ProgramLimits(outputBytes: Self.commandOutputBytes, duration: limits.alarmCommandTime)
            let launch = ProgramLaunch(arguments, environment: environment, folder: root, input: command.input, limits: limits)
            let (exit, output) = try await alarmPrograms.run(launch, by: world.programs)
            if exit.isSuccess { return .delivered }
            let words = SecretMask([token]).masked(output).split(separator: 0x0A).last.map { ": " + String(decoding: $0.suffix(200), as: UTF8.self) } ?? ""
            return .failed(exit.sentence + words)
        } catch let error as ProgramError {
            return error.code == .exhausted ? .failed("\(error)") : .refused("\(error)")
        } catch { return .refused("\(error)") }
    }

    /// Bytes that a command may print; its last line is told where it fails.
    private static let commandOutputBytes = 16_384

    // MARK: - Actions

    private func carryOut(_ order: AlarmOrder) async -> OrderOutcome {
        guard let found = AlarmPlan.reaction(order.action, among: inForce.project?.monitors ?? []) else {
            return .failed("the reaction is no longer defined")
        }
        do {
            switch found.reaction.way {
            case .pipeline(let name, let parameters):
                let definition = try definition(name)
                let run = try await request(
                    Scheduler.Request(
                        name, cause: .alarm, actor: reactingPrincipal().actor, parameters: parameters, interval: newestInterval(of: definition),
                        requestKey: "alarm:\(order.key)", note: "alarm \(order.identity)"))
                return .done("run \(run) of pipeline '\(name)'")
            case .rollback:
                guard let endpoint = found.monitor.endpoint else { return .failed("the monitor watches no endpoint") }
                let scope = try Guard().scope(for: reactingPrincipal().principal, to: .modelsPromote, on: .project(project))
                let made = try await rollback(
                    versionOf: endpoint, reason: "alarm \(order.identity)", requestID: order.key, scope: scope)
                return .done("release \(made.number) restores release \(made.restores ?? 0)")
            case .mitigate(.fallback):
                guard let endpoint = found.monitor.endpoint else { return .failed("the monitor watches no endpoint") }
                let scope = try Guard().scope(for: reactingPrincipal().principal, to: .modelsPromote, on: resource(.endpoint, endpoint))
                return .done(try mitigate(.fallback, at: endpoint, for: order, scope: scope))
            case .mitigate(let change):
                guard let endpoint = found.monitor.endpoint else { return .failed("the monitor watches no endpoint") }
                let duty = try Guard().scope(
                    for: .system("monitors", permissions: [.alarmsAnswer]), to: .alarmsAnswer, on: resource(.endpoint, endpoint))
                return .done(try mitigate(change, at: endpoint, for: order, scope: duty))
            case .webhook, .email, .command: return .failed("a message is no action")
            }
        } catch { return .failed("\(error)") }
    }
}
