public import MartletAccess
public import MartletBytes
import MartletFrames
import MartletGovernance
import MartletPipelines
import MartletPlan
import MartletRegistry
import MartletStorage
import MartletWorld

extension Platform {
    /// Starts a run of a pipeline for whoever signs the request with a secret that a trigger of the pipeline names.
    ///
    /// The run has the rights of who applied the pipeline, as scheduled ones have. A delivery that comes again gives the run that it
    /// made. The body, if it is a JSON object, may hold `parameters`; those that the pipeline does not declare are passed over.
    ///
    /// - Parameters:
    ///   - signature: nil for a request without one.
    ///   - source: where the request came from; it bounds failures.
    /// - Throws: an ``AccessError`` that is the same for a wrong signature, a stale one, none, and a pipeline that has no such trigger.
    public func startByWebhook(
        _ name: String, _ signature: WebhookSignature?, body: [UInt8], from source: String, requestID: String?
    ) async throws -> JSONValue {
        let definition = inForce.project?.pipeline(name)
        let found = try webhookSecrets(of: definition)
        // A pipeline that is not there takes as long to refuse.
        let isValid = signature?.isValid(under: found.isEmpty ? [Secret(name)] : found.map(\.value), at: world.clock.now()) ?? false
        guard let definition, let signature, isValid, !found.isEmpty, let release = inForce.release else {
            throw tokens.refusal(ofSignatureFrom: source)
        }
        let actor = try pipelineActor(of: release)
        let principal: Principal
        do { principal = try self.principal(of: actor) } catch let failure as TaskFailure {
            throw PlatformError(.conflict, failure.reason, hint: "let somebody apply the project who may do what its pipelines do")
        }
        for secret in found { _ = try Guard().scope(for: principal, to: .secretsUse, on: resource(.secret, secret.name)) }
        let scope = try Guard().scope(for: principal, to: .pipelinesRun, on: resource(.pipeline, name))
        var key: String?
        if let delivery = signature.delivery {
            guard delivery.utf8.count <= 150 else { throw PlatformError(.invalid, "the delivery's id has more than 150 bytes") }
            key = "webhook:" + delivery
        }
        var parameters = JSONObject()
        if let json = try? JSONValue(parsing: body, lengthLimit: max(1, body.count)), let given = json["parameters"]?.object {
            for member in given.members where definition.parameters.contains(where: { $0.name == member.key }) {
                parameters[member.key] = member.value
            }
        }
        return try await runPipeline(
            name, parameters: .object(parameters), interval: nil, key: key, note: nil, cause: .event, requestID: requestID, scope: scope)
    }

    /// The secrets with which requests for a pipeline may be signed, as far as they are set.
    private func webhookSecrets(of definition: PipelineDefinition?) throws -> [(name: String, value: Secret)] {
        var names: Set<String> = []
        for case .webhook(let name) in definition?.triggers ?? [] { names.insert(name) }
        guard !names.isEmpty else { return [] }
        return try database.read { reader in
            try names.sorted().compactMap { name in try secrets.value(of: name, reader).map { (name, $0.value) } }
        }
    }
}
