import Foundation
import MartletAccess
import MartletBytes
import MartletDefinitions
import MartletGovernance
import MartletPipelines
import MartletPlatform
import MartletWorld
import Testing

@Suite("Secrets of tasks")
struct TaskSecretTests {
    let pipelines = PipelineTests()

    private func set(_ name: String, _ value: String, on fixture: PlatformFixture) throws {
        _ = try fixture.platform.setSecret(
            name, to: Secret(value), requestID: nil, scope: fixture.scope(.secretsManage, .secret, name))
    }

    private func reason(_ run: JSONValue, _ task: String) -> String {
        run["tasks"]?.array?.first { $0["task"]?.string == task }?["instances"]?.array?.first?["reason"]?.string ?? ""
    }

    private func principal(_ role: Role, including: Set<Permission> = [], on fixture: PlatformFixture) throws -> Principal {
        let issued = try fixture.platform.createToken(
            name: role.rawValue, role: role, including: including, expires: nil, requestID: nil, scope: fixture.scope(.tokensManage, .server))
        return try #require(try fixture.platform.tokens.principal(tokenID: issued.token.id))
    }

    @Test("a program has its secrets, and what it prints of them is masked: in pieces, on both outputs, in base 64, at its end")
    func masking() async throws {
        let fixture = try await pipelines.started("""
            pipeline: p
            tasks:
              whole: { run: [sh, -c, 'test "$DB_PASSWORD" = "hunter2!" && echo "it is $DB_PASSWORD."'], secrets: { DB_PASSWORD: warehouse } }
              pieces:
                run:
                  - sh
                  - -c
                  - 'printf "%s" "<$${P%????}"; sleep 0.1; printf "%s" "other" >&2; sleep 0.1; printf "%s\\n" "$${P#????}>"; printf "%s" "$${P%?}"'
                secrets: { P: warehouse }
              base64: { run: [sh, -c, 'printf "user:%s" "$P" | base64; printf "%s" "$P" | base64'], secrets: { P: warehouse } }
              token: { run: [sh, -c, 'echo "$${#MARTLET_TOKEN} $MARTLET_TOKEN"'] }
              cut: { run: [sh, -c, 'printf "12345%s" "$P"'], secrets: { P: warehouse }, limits: { output: 9B } }
            """)
        try set("warehouse", "hunter2!", on: fixture)
        let done = try await pipelines.run("p", on: fixture)
        #expect(done["state"]?.string == "succeeded", "\(done)")
        #expect(try pipelines.log(done, "whole", on: fixture) == "it is ***.\n")
        // The beginning of a secret that was not printed to its end is shown.
        #expect(try pipelines.log(done, "pieces", on: fixture) == "<other***>\nhunter2")
        #expect(try pipelines.log(done, "base64", on: fixture)?.contains(Data("hunter2!".utf8).base64EncodedString().dropLast(2)) == false)
        #expect(try pipelines.log(done, "base64", on: fixture)?.split(separator: "\n").last == "***")
        #expect(try pipelines.log(done, "token", on: fixture) == "65 ***\n")
        #expect(try pipelines.log(done, "cut", on: fixture)?.hasPrefix("12345***\n") == true)
        try await fixture.platform.close()
    }

    @Test("a secret that is not there fails the attempt, once, and says how to set it; one that is set then is given")
    func missing() async throws {
        let fixture = try await pipelines.started("""
            pipeline: p
            tasks: { a: { run: ["true"], secrets: { X: warehouse }, retries: 3, retry_delay: 10ms } }
            """)
        let done = try await pipelines.run("p", on: fixture)
        #expect(done["state"]?.string == "failed")
        #expect(reason(done, "a") == "no secret is named 'warehouse': an administrator sets it with 'martlet secret set warehouse'")
        #expect(done["tasks"]?.array?.first?["instances"]?.array?.first?["attempt"]?.int64 == 1)
        try set("warehouse", "hunter2!", on: fixture)
        #expect(try await pipelines.run("p", on: fixture)["state"]?.string == "succeeded")
        _ = try fixture.platform.removeSecret("warehouse", requestID: nil, scope: fixture.scope(.secretsManage, .secret, "warehouse"))
        #expect(try await pipelines.run("p", on: fixture)["state"]?.string == "failed")
        let audit = try fixture.platform.auditEntries(.init(), before: nil, limit: 100, scope: fixture.scope(.auditRead, .server))
        #expect(Array(audit.map(\.record).filter { $0.action.hasPrefix("secrets.") }.map { "\($0.actor) \($0.action) \($0.resource)" }) == [
            "user:test secrets.remove secret:works/warehouse", "user:test secrets.set secret:works/warehouse",
        ])
        #expect(!audit.contains { "\($0)".contains("hunter2") })
        try await fixture.platform.close()
    }

    @Test("a result that holds a secret is not kept: as it is, with escapes, as a name, in a file; nor is it told in the reason")
    func results() async throws {
        func task(_ body: String) -> String {
            "{ run: [sh, -c, '\(body)'], outputs: { s: string, f: file }, secrets: { P: warehouse }, allow_failure: true }"
        }
        let fixture = try await pipelines.started("""
            pipeline: p
            tasks:
              plain: \(task(#"printf "{\"s\": \"is %s\", \"f\": \"file\"}" "$P" > "$MARTLET_RESULT""#))
              escaped: \(task(#"printf "{\"s\": \"%s%s\", \"f\": \"file\"}" "$${P%?}" "\\u0021" > "$MARTLET_RESULT""#))
              name: \(task(#"printf "{\"%s\": 1}" "$P" > "$MARTLET_RESULT""#))
              escapedName: \(task(#"printf "{\"%s%s\": 1}" "$${P%?}" "\\u0021" > "$MARTLET_RESULT""#))
              inFile: \(task(#"printf "a %s b" "$P" > held; printf "{\"s\": \"\", \"f\": \"held\"}" > "$MARTLET_RESULT""#))
              broken: \(task(#"printf "%s" "$P" > "$MARTLET_RESULT""#))
              fine: \(task(#"printf "{\"s\": \"hunter\", \"f\": \"file\"}" > "$MARTLET_RESULT""#))
            """, files: ["file": "nothing of it"])
        try set("warehouse", "hunter2!", on: fixture)
        let done = try await pipelines.run("p", on: fixture)
        #expect(pipelines.states(done) == [
            "plain": "failed", "escaped": "failed", "name": "failed", "escapedName": "failed", "inFile": "failed", "broken": "failed", "fine": "succeeded",
        ])
        for task in ["plain", "escaped", "name", "escapedName", "broken"] {
            #expect(reason(done, task) == "its result holds a secret that it was given; results are stored and shown, so it is not kept", "\(task)")
        }
        #expect(reason(done, "inFile").contains("the file 'held' of its result holds a secret"))
        #expect(!"\(done)".contains("hunter2"))
        try await fixture.platform.close()
    }

    @Test("why an attempt failed is told and logged with secrets masked: a program that is not there, a file that is not, a retry")
    func reasons() async throws {
        let encoded = Data("hunter2!".utf8).base64EncodedString()
        let fixture = try await pipelines.started("""
            pipeline: p
            parameters: { name: { type: string, default: "hunter2!" }, path: { type: string, default: "../hunter2!" } }
            tasks:
              program: { run: [./hunter2!], secrets: { P: warehouse }, allow_failure: true }
              computed: { run: ["./to ${parameters.name}"], secrets: { P: warehouse }, allow_failure: true }
              encoded: { run: [./\(encoded)], secrets: { P: warehouse }, allow_failure: true }
              input: { run: ["true"], inputs: ["a ${parameters.name}"], cache: 1d, secrets: { P: warehouse }, retries: 1, retry_delay: 10ms, allow_failure: true }
              leaving: { run: ["true"], inputs: ["${parameters.path}"], secrets: { P: warehouse }, allow_failure: true }
              other: { run: [./hunter2!], allow_failure: true }
            """)
        try set("warehouse", "hunter2!", on: fixture)
        let done = try await pipelines.run("p", on: fixture)
        #expect(done["state"]?.string == "succeeded", "\(done)")
        let tasks = ["program": "./***", "computed": "./to ***", "encoded": "./***", "input": "'a ***'", "leaving": "'../***'"]
        for (task, shown) in tasks {
            let said = [reason(done, task), try pipelines.log(done, task, on: fixture) ?? ""]
            for text in said { #expect(text.contains(shown) && !text.contains("hunter2") && !text.contains(encoded.dropLast(2)), "\(task): \(text)") }
        }
        // Whoever is not given the secret does not know it.
        #expect(reason(done, "other").contains("./hunter2!"))
        let history = try fixture.platform.pipelineHistory(run: nil, after: 0, limit: 1_000, scope: fixture.scope(.pipelinesRead, .pipeline)).items
        let records = history.flatMap { $0["records"]?.array ?? [] }.filter { $0["task"]?.string != "other" }
        let retried = try #require(records.first { $0["event"]?.string == "retrying" })
        #expect(retried["reason"]?.string?.contains("'a ***'") == true)
        #expect(records.count { $0["event"]?.string == "ended" } == tasks.count && !records.contains { "\($0)".contains("hunter2") }, "\(records)")
        try await fixture.platform.close()
    }

    @Test("secrets that are more than an environment holds fail the attempt with a sentence")
    func size() async throws {
        let names = (0..<5).map { "S\($0): s\($0)" }.joined(separator: ", ")
        let fixture = try await pipelines.started("pipeline: p\ntasks: { a: { run: [\"true\"], secrets: { \(names) } } }\n")
        for number in 0..<5 { try set("s\(number)", String(repeating: "x", count: 60_000), on: fixture) }
        let done = try await pipelines.run("p", on: fixture)
        #expect(reason(done, "a") == "its secrets have 300000 bytes together; a program is given at most 262144")
        try await fixture.platform.close()
    }

    @Test("a run is given a secret only if who asked for it may use it; what a schedule runs, if who applies it may")
    func rights() async throws {
        let fixture = try await pipelines.started("pipeline: p\ntasks: { a: { run: [touch, made], secrets: { X: warehouse } } }\n")
        try set("warehouse", "hunter2!", on: fixture)
        let scientist = try principal(.scientist, including: [.execute], on: fixture)
        let scope = try Guard().scope(for: scientist, to: .pipelinesRun, on: .thing(.pipeline, "p", in: fixture.platform.project))
        let run = try await fixture.platform.runPipeline(
            "p", parameters: nil, interval: nil, key: nil, note: nil, requestID: nil, scope: scope)
        let done = try await pipelines.end(of: try #require(run["run"]?.string), on: fixture)
        #expect(done["state"]?.string == "failed" && reason(done, "a").contains("may not use 'secrets.use' on this secret"))
        #expect(!FileManager.default.fileExists(atPath: fixture.folder + "/made"))

        try fixture.write("pipeline: p\nschedule: \"@daily\"\ntasks:\n  a: { run: [\"true\"], secrets: { X: warehouse } }\n", to: "pipelines/all.yaml")
        let engineer = try principal(.engineer, including: [.execute], on: fixture)
        do {
            _ = try fixture.platform.plan(scope: Guard().scope(for: engineer, to: .definitionsPlan, on: .project(fixture.platform.project)))
            Issue.record("it was taken")
        } catch let errors as DefinitionErrors {
            #expect(errors.errors.map { "\($0.place.map { "\($0)" } ?? "")" } == ["pipelines/all.yaml:4:3"])
            #expect(errors.errors.first?.message.contains("secrets.use") == true)
        }
        try await fixture.platform.close()
    }

    @Test("a result is taken again as long as the secret is the same")
    func cache() async throws {
        let fixture = try await pipelines.started("""
            pipeline: p
            tasks: { a: { run: [sh, -c, 'echo x >> runs'], secrets: { X: warehouse }, cache: 1d } }
            """)
        func isCached() async throws -> Bool? {
            try await pipelines.run("p", on: fixture)["tasks"]?.array?.first?["instances"]?.array?.first?["cached"]?.bool
        }
        try set("warehouse", "hunter2!", on: fixture)
        #expect(try await isCached() == false)
        #expect(try await isCached() == true)
        try set("warehouse", "hunter3!", on: fixture)
        #expect(try await isCached() == false)
        _ = try fixture.platform.removeSecret("warehouse", requestID: nil, scope: fixture.scope(.secretsManage, .secret, "warehouse"))
        try set("warehouse", "hunter4!", on: fixture)
        #expect(try await isCached() == false)
        #expect(try await isCached() == true)
        try await fixture.platform.close()
    }

    @Test("a task's token is the run's actor with what it may do now, and is dead when the attempt ends")
    func token() async throws {
        let fixture = try await pipelines.started("""
            pipeline: p
            tasks: { a: { run: [sh, -c, 'printf %s "$MARTLET_TOKEN" > new; mv new token; while ! test -e go; do sleep 0.02; done'] } }
            """)
        let platform = fixture.platform
        let issued = try platform.createToken(
            name: "worker", role: .scientist, including: [.execute], expires: nil, requestID: nil, scope: fixture.scope(.tokensManage, .server))
        let scientist = try #require(try platform.tokens.principal(tokenID: issued.token.id))
        let scope = try Guard().scope(for: scientist, to: .pipelinesRun, on: .thing(.pipeline, "p", in: platform.project))
        let run = try await platform.runPipeline("p", parameters: nil, interval: nil, key: nil, note: nil, requestID: nil, scope: scope)
        let id = try #require(run["run"]?.string)
        func given() throws -> Secret { Secret(try String(contentsOfFile: fixture.folder + "/token", encoding: .utf8)) }
        _ = try await pipelines.state(of: id, on: fixture) { _ in FileManager.default.fileExists(atPath: fixture.folder + "/token") }
        let token = try given()
        #expect(try platform.principal(presentingTaskToken: token) == scientist)
        #expect(throws: AccessError.self) { try platform.tokens.principal(presenting: token, from: "here") }
        _ = try platform.revokeToken(issued.token.id, requestID: nil, scope: fixture.scope(.tokensManage, .server))
        #expect(try platform.principal(presentingTaskToken: token) == nil)
        try fixture.write("", to: "go")
        _ = try await pipelines.end(of: id, on: fixture)

        // The owner's run, whose rights last, has a token that does not.
        for file in ["go", "token"] { try FileManager.default.removeItem(atPath: fixture.folder + "/" + file) }
        let own = try await platform.runPipeline(
            "p", parameters: nil, interval: nil, key: nil, note: nil, requestID: nil, scope: fixture.scope(.pipelinesRun, .pipeline, "p"))
        let ownID = try #require(own["run"]?.string)
        _ = try await pipelines.state(of: ownID, on: fixture) { _ in FileManager.default.fileExists(atPath: fixture.folder + "/token") }
        #expect(try platform.principal(presentingTaskToken: given()) == .owner(named: "test"))
        try fixture.write("", to: "go")
        #expect(try await pipelines.end(of: ownID, on: fixture)["state"]?.string == "succeeded")
        #expect(try platform.principal(presentingTaskToken: given()) == nil)
        try await platform.close()
    }
}
