import MartletAccess
import MartletBytes
import MartletDemo
import MartletFrames
import MartletGovernance
import MartletPlatform
import MartletRegistry
import MartletServing
import MartletSimulation
import Testing

@Suite("Rollouts")
struct RolloutTests {
    private static let objective = #""outcome ? -20.0 * (1.0 - output) : -5.0 * output""#

    private func state(_ platform: Platform, _ fixture: PlatformFixture) throws -> String? {
        try platform.rolloutList(endpoint: "fraud", before: nil, limit: 1, scope: fixture.scope(.modelsRead, .endpoint)).first?.state.rawValue
    }

    @Test("a challenger that is worse is withdrawn by its outcomes; one that is better goes through its steps and answers everything")
    func canary() async throws {
        var traffic = try await LiveTraffic(
            LiveTraffic.files(
                rollout: "{ strategy: canary, steps: [30%, 50%], unit: customer_id, objective: \(Self.objective), minimum: { units: 30, time: 1d }, longest: 60d }"),
            history: 40, days: 100)
        let fixture = traffic.fixture
        // The first has nothing to be compared with.
        #expect(try await traffic.train(rounds: 20).rollout == nil)
        // One tree that has hardly learned.
        let bad = try #require(try await traffic.train(rounds: 1).rollout)
        #expect(bad.champion == 1 && bad.challenger == 2 && bad.state == .running)
        #expect(try await traffic.run(days: 40) { platform in try state(platform, fixture) != "running" })
        let withdrawn = try traffic.rollout()
        #expect(withdrawn["state"]?.string == "withdrawn")
        #expect(withdrawn["events"]?.array?.last?["evidence"]?["difference"]?["high"]?.double ?? 1 < 0)

        // Sticky: a unit saw one version at each step, and shares are as declared.
        var sides: [Int: Set<String>] = [:]
        for (payment, answer) in traffic.answers { sides[payment.customer, default: []].insert(answer["variant"]?.string ?? "") }
        #expect(sides.values.contains(["challenger"]) && sides.values.contains(["champion"]))
        for (_, answer) in traffic.answers {
            #expect(answer["version"]?.int64 == (answer["variant"] == "challenger" ? 2 : 1))
        }

        // The weak one is the champion now, so that the good one can show that it is better.
        let weak = try await fixture.platform.promote(
            "fraud", version: 2, atOnce: true, reason: nil, requestID: nil, scope: fixture.scope(.modelsPromote, .model, "fraud"))
        #expect(weak.rollout == nil)
        #expect(try await traffic.train(rounds: 30).rollout?.challenger == 3)
        #expect(try await traffic.run(days: 50) { platform in try state(platform, fixture) != "running" })
        let promoted = try traffic.rollout()
        #expect(promoted["state"]?.string == "promoted")
        let kinds = promoted["events"]?.array?.compactMap { $0["kind"]?.string }
        #expect(kinds == ["started", "advanced", "promoted"])
        let releases = try fixture.platform.releaseList(limit: 1, scope: fixture.scope(.definitionsRead))
        #expect(releases[0].version(of: "fraud", alias: "champion") == 3)
        #expect(releases[0].actor == "user:test")
        let answer = try await fixture.predict("fraud", ["inputs": ["customer_id": "c1", "terminal_id": "m1", "amount": 5.0, "tx_id": "x"]])
        #expect(answer["version"]?.int64 == 3 && answer["variant"] == "champion")
        // What the challenger answered is computed again by it, bit for bit.
        for (_, answer) in traffic.answers.filter({ $0.answer["variant"] == "challenger" }).suffix(3) {
            #expect(try await fixture.replay(answer["prediction_id"]?.string ?? "")["equal"]?.bool == true)
        }
        // One commit takes it back.
        let back = try await fixture.platform.rollback(reason: nil, requestID: nil, scope: fixture.scope(.modelsPromote))
        #expect(back.version(of: "fraud", alias: "champion") == 2)
        #expect(try fixture.platform.verifyAudit(scope: fixture.scope(.auditRead, .server)).isIntact)
        try await fixture.platform.close()
    }

    @Test("a rollout goes on after a restart: same units, same evidence")
    func restart() async throws {
        var traffic = try await LiveTraffic(
            LiveTraffic.files(rollout: "{ strategy: canary, share: 30%, unit: customer_id, minimum: { units: 30, time: 20d } }"), history: 40, days: 30)
        let fixture = traffic.fixture
        _ = try await traffic.train(rounds: 20)
        _ = try await traffic.train(rounds: 18)
        _ = try await traffic.run(days: 12)
        let before = try traffic.rollout()
        #expect(before["evidence"]?["challenger"]?["judged"]?.int64 ?? 0 > 30)
        try await fixture.restart()
        try await fixture.platform.checkRollouts()
        #expect(try traffic.rollout() == before)
        let customers = Dictionary(grouping: traffic.answers) { $0.payment.customer }.mapValues { Set($0.map { $0.answer["variant"]?.string ?? "" }) }
        _ = try await traffic.run(days: 2)
        for (payment, answer) in traffic.answers { #expect(customers[payment.customer].map { $0 == [answer["variant"]?.string ?? ""] } ?? true) }
        try await fixture.platform.close()
    }

    @Test("shadow and blue/green compute both versions for each decision, answer one, and compare what each was worth", arguments: ["shadow", "blue_green"])
    func beside(_ strategy: String) async throws {
        var traffic = try await LiveTraffic(
            LiveTraffic.files(
                rollout: "{ strategy: \(strategy), unit: customer_id, objective: \(Self.objective), minimum: { units: 30, time: 1d }, longest: 60d }"),
            history: 40, days: 40)
        let fixture = traffic.fixture
        _ = try await traffic.train(rounds: 20)
        _ = try await traffic.train(rounds: 1)
        #expect(try await traffic.run(days: 30) { platform in try state(platform, fixture) != "running" })
        let answering = strategy == "shadow" ? (version: 1, variant: "champion") : (version: 2, variant: "challenger")
        for (_, answer) in traffic.answers {
            #expect(answer["version"]?.int64 == Int64(answering.version) && answer["variant"]?.string == answering.variant)
        }
        let ended = try traffic.rollout()
        #expect(ended["state"]?.string == "withdrawn")
        let evidence = try #require(ended["events"]?.array?.last?["evidence"])
        #expect(evidence["champion"]?["judged"] == evidence["challenger"]?["judged"])
        #expect(evidence["sample_ratio"] == .null)
        // After blue/green the former champion answers again.
        let answer = try await fixture.predict("fraud", ["inputs": ["customer_id": "c1", "terminal_id": "m1", "amount": 5.0, "tx_id": "x"]])
        #expect(answer["version"]?.int64 == 1)
        try await fixture.platform.close()
    }

    @Test("a second person lets a version in where the endpoint asks for one; nobody goes around it")
    func approval() async throws {
        var traffic = try await LiveTraffic(
            LiveTraffic.files(
                rollout: "{ strategy: shadow, unit: customer_id, objective: \(Self.objective), minimum: { units: 30, time: 1d }, approval: required }"),
            history: 40, days: 40)
        let fixture = traffic.fixture
        _ = try await traffic.train(rounds: 1)
        await #expect(throws: PlatformError.self) { _ = try await traffic.train(rounds: 20, atOnce: true) }
        let promotion = try await fixture.platform.promote(
            "fraud", version: nil, reason: nil, requestID: nil, scope: fixture.scope(.modelsPromote, .model, "fraud"))
        #expect(promotion.rollout?.challenger == 2)
        #expect(try await traffic.run(days: 30) { platform in try state(platform, fixture) != "running" })
        #expect(try traffic.rollout()["state"]?.string == "waiting")
        let own = try fixture.scope(.modelsPromote, .endpoint, "fraud")
        await #expect(throws: PlatformError.self) {
            try await fixture.platform.promoteRollout("fraud", reason: nil, requestID: nil, scope: own)
        }
        let other = try Guard().scope(
            for: Principal(kind: .token, id: "second", name: "second", grants: [Grant(.operator)]), to: .modelsPromote,
            on: .thing(.endpoint, "fraud", in: fixture.platform.project))
        let release = try await fixture.platform.promoteRollout("fraud", reason: "looked at it", requestID: nil, scope: other)
        #expect(release.version(of: "fraud", alias: "champion") == 2 && release.actor == "token:second")
        #expect(try traffic.rollout()["state"]?.string == "promoted")
        try await fixture.platform.close()
    }

    @Test("one is tried at a time; a release that changes what it is about ends it, another does not")
    func superseded() async throws {
        let traffic = try await LiveTraffic(LiveTraffic.files(rollout: "{ strategy: canary, unit: customer_id }"), history: 40, days: 1)
        let fixture = traffic.fixture
        _ = try await traffic.train(rounds: 20)
        let first = try #require(try await traffic.train(rounds: 18).rollout)
        await #expect(throws: PlatformError.self) { _ = try await traffic.train(rounds: 17) }
        #expect(try state(fixture.platform, fixture) == "running")
        let second = try await fixture.platform.promote(
            "fraud", version: 3, replacing: true, reason: nil, requestID: nil, scope: fixture.scope(.modelsPromote, .model, "fraud")).rollout
        #expect(second?.challenger == 3)
        let list = try fixture.platform.rolloutList(endpoint: nil, before: nil, limit: 10, scope: fixture.scope(.modelsRead, .endpoint))
        #expect(list.map(\.state) == [.running, .superseded] && list[1].id == first.id)

        // A change of something else lets it go on; of its own terms not.
        try fixture.write("feature_view: other\nsource: transactions\nderive: { cents: amount * 100.0 }\n", to: "features/other.yaml")
        try await fixture.apply()
        #expect(try state(fixture.platform, fixture) == "running")
        try fixture.write("endpoint: fraud\nmodel: fraud@champion\nrollout: { strategy: canary, share: 20%, unit: customer_id }\n", to: "endpoints/fraud.yaml")
        try await fixture.apply()
        #expect(try state(fixture.platform, fixture) == "superseded")
        try await fixture.platform.close()
    }

    @Test("a person can withdraw it, and nothing is tried then")
    func byHand() async throws {
        let traffic = try await LiveTraffic(LiveTraffic.files(rollout: "{ strategy: ab, unit: customer_id }"), history: 40, days: 1)
        let fixture = traffic.fixture
        _ = try await traffic.train(rounds: 20)
        _ = try await traffic.train(rounds: 18)
        let scope = try fixture.scope(.modelsPromote, .endpoint, "fraud")
        #expect(try await fixture.platform.withdrawRollout("fraud", reason: "no", requestID: nil, scope: scope).state == .withdrawn)
        await #expect(throws: PlatformError.self) {
            _ = try await fixture.platform.withdrawRollout("fraud", reason: nil, requestID: nil, scope: scope)
        }
        await #expect(throws: PlatformError.self) {
            _ = try await fixture.platform.promoteRollout("fraud", reason: nil, requestID: nil, scope: scope)
        }
        try await fixture.platform.close()
    }

    @Test("a decision about an event of long ago names the rollout that its version was tried in when it was made")
    func lineage() async throws {
        let traffic = try await LiveTraffic(
            LiveTraffic.files(rollout: "{ strategy: canary, share: 50%, unit: customer_id }\nrecord: before_answer"), history: 40, days: 1)
        let fixture = traffic.fixture
        let event = "\(traffic.clock.now() - .days(7))"
        var number = 0
        /// A decision that a variant made, traced back.
        func traced(_ variant: String) async throws -> JSONValue {
            while true {
                number += 1
                let inputs: JSONValue = [
                    "customer_id": .string("c\(number)"), "terminal_id": "m1", "amount": 5.0, "tx_id": .string("x\(number)"), "tx_time": .string(event),
                ]
                let answer = try await fixture.predict("fraud", ["inputs": inputs])
                guard answer["variant"]?.string == variant else { continue }
                let id = answer["prediction_id"]?.string ?? ""
                let lineage = try await fixture.platform.decisionLineage(id, scope: fixture.scope(.predictionsRead, .prediction, id))
                #expect(lineage["prediction"]?["time"]?.string == event)
                return lineage
            }
        }
        _ = try await traffic.train(rounds: 10)
        traffic.clock.advance(by: .hours(1))
        let first = try #require(try await traffic.train(rounds: 8).rollout)
        let challenged = try await traced("challenger")
        #expect(challenged["rollout"]?["rollout"]?.string == first.id && challenged["version"]?["version"]?.int64 == 2)
        #expect(try await traced("champion")["rollout"] == .null)
        // Tried again, a version has two.
        traffic.clock.advance(by: .hours(1))
        _ = try await fixture.platform.withdrawRollout("fraud", reason: nil, requestID: nil, scope: fixture.scope(.modelsPromote, .endpoint, "fraud"))
        let second = try #require(
            try await fixture.platform.promote("fraud", version: 2, reason: nil, requestID: nil, scope: fixture.scope(.modelsPromote, .model, "fraud")).rollout)
        let id = challenged["prediction"]?["prediction_id"]?.string ?? ""
        let again = try await fixture.platform.decisionLineage(id, scope: fixture.scope(.predictionsRead, .prediction, id))
        #expect(again["rollout"]?["rollout"]?.string == first.id)
        #expect(try await traced("challenger")["rollout"]?["rollout"]?.string == second.id)
        try await fixture.platform.close()
    }
}
