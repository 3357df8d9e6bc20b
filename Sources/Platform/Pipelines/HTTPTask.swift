import MartletAccess
import MartletBytes
import MartletExpressions
import MartletFrames
import MartletPipelines
import MartletPlan
import MartletWorld

extension HTTPWork: PlatformTask {
    func perform(_ context: TaskContext, on platform: Platform) async throws -> [String: TaskValue] {
        _ = try context.scope(to: .httpSend, on: .project(platform.project))
        let secrets = try platform.secrets(secretHeaders.mapValues(\.secret), context).values
        let mask = SecretMask(Array(secrets.values))
        do {
            return try await perform(context, on: platform, secrets, mask)
        } catch var failure as TaskFailure {
            // It may tell of the answer, which may hold what it was asked with.
            failure.reason = mask.masked(failure.reason)
            throw failure
        }
    }

    private func perform(
        _ context: TaskContext, on platform: Platform, _ secrets: [String: Secret], _ mask: SecretMask
    ) async throws -> [String: TaskValue] {
        var request = try request(in: context.scope, secrets: secrets, rule: platform.egressRule)
        request.timeout = context.start.task.timeout ?? Platform.requestTimeout
        let answer = try await platform.answer(to: request)
        let size = answer.isCut ? "more than \(answer.body.count) bytes, the rest is not kept" : "\(answer.body.count) bytes"
        context.log.write(mask.masked("\(request.method.rawValue) \(answer.address.withoutQuery): \(answer.status), \(size)\n"))
        context.log.write(mask.masked(answer.body))
        if let last = answer.body.last, last != UInt8(ascii: "\n") { context.log.write("\n") }
        guard isExpected(answer.status) else {
            let isRedirect = (300...399).contains(answer.status) && !follows
            throw TaskFailure(
                reason: "\(answer.address.withoutQuery) answers \(answer.status)" + (isRedirect ? "; with 'follow: true' redirects are followed" : ""),
                isRetryable: retryCodes.contains(answer.status))
        }
        return try results(of: answer, mask)
    }

    private func results(of answer: HTTPAnswer, _ mask: SecretMask) throws -> [String: TaskValue] {
        var values: [String: TaskValue] = ["status": .scalar(.int64(Int64(answer.status)))]
        guard !results.isEmpty else { return values }
        if answer.isCut { throw TaskFailure(reason: "the answer has more than the \(answerLimit) bytes that are kept of it: see 'answer_limit'") }
        let json: JSONValue
        do throws(JSONError) { json = try JSONValue(parsing: answer.body, lengthLimit: Int(answerLimit)) } catch {
            throw TaskFailure(reason: "the answer is not JSON: \(error)")
        }
        guard let object = json.object else { throw TaskFailure(reason: "the answer is \(json.kind) where an object is expected") }
        for output in results {
            guard let value = object[output.name], !value.isNull else { throw TaskFailure(reason: "the answer lacks '\(output.name)'") }
            if value.holdsSecret(mask) { throw TaskFailure.secretInResult }
            values[output.name] = try output.value(from: value, of: "the answer")
        }
        return values
    }
}

extension Platform {
    /// How long a request may take whose task states no time-out.
    static let requestTimeout = Timestamp.Span.minutes(10)
    /// How long a server that is waited for may take to answer.
    private static let questionTimeout = Timestamp.Span.seconds(10)

    /// Where servers may be asked, by the release in force.
    var egressRule: EgressRule { EgressRule(inner: inForce.project?.project.egress ?? []) }

    /// Asks a server for a task.
    ///
    /// - Throws: a ``TaskFailure``, worth another attempt if nobody answered.
    func answer(to request: HTTPRequest) async throws -> HTTPAnswer {
        do throws(HTTPRequestError) {
            return try await world.http.send(request)
        } catch {
            throw TaskFailure(reason: "\(error)", isRetryable: error.code == .unreachable || error.code == .timedOut || error.code == .unusable)
        }
    }

    /// Whether a server that is waited for answers with a success by now.
    ///
    /// - Throws: a ``TaskFailure`` if it never will, since it must not be asked.
    func isAnswering(_ address: WebAddress) async throws -> Bool {
        var request = HTTPRequest(.get, address, rule: egressRule)
        request.answerLimit = 0
        request.timeout = Self.questionTimeout
        do {
            return (200...299).contains(try await answer(to: request).status)
        } catch let failure as TaskFailure where failure.isRetryable {
            return false
        }
    }
}
