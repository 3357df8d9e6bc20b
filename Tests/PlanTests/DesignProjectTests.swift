import MartletDefinitions
import MartletExpressions
import MartletFeatureStore
import MartletFeatures
import MartletFrames
import MartletIngestion
import MartletPlan
import MartletServing
import MartletTraining
import Testing

@Suite("The design's project")
struct DesignProjectTests {
    let project: CheckedProject

    init() throws {
        project = try ProjectPlan.check(Projects.source(Projects.design))
    }

    @Test("gives the stream's contract")
    func stream() throws {
        let stream = try #require(project.stream("transactions"))
        #expect(stream.contract.eventTime == "tx_time")
        #expect(stream.contract.unique == ["tx_id"])
        #expect(
            stream.contract.fields.map(\.name) == [
                "tx_id", "tx_time", "customer_id", "terminal_id", "amount", "is_fraud",
            ])
        #expect(stream["customer_id"]?.isSubject == true)
        #expect(
            stream["is_fraud"] == ContractField("is_fraud", .bool, isOptional: true, knownAfter: .days(7)))
        #expect(stream.contract.ahead == .minutes(5))
        #expect(stream.timeZone.name == "Europe/Brussels")
    }

    @Test("names and types aggregated features, and shifts windows that read a late field")
    func views() throws {
        let customer = try #require(project.view("customer"))
        #expect(
            customer.features.map(\.name) == [
                "count_1d", "count_7d", "count_30d", "mean_amount_1d", "mean_amount_7d", "mean_amount_30d",
                "max_amount_1d",
                "max_amount_7d", "max_amount_30d", "stddev_amount_1d", "stddev_amount_7d",
                "stddev_amount_30d",
            ])
        #expect(customer.entity?.name == "customer")
        guard case .aggregate(let plan, _) = try #require(project.view("terminal")).body else {
            Issue.record("terminal does not aggregate")
            return
        }
        #expect(plan.aggregations.map(\.name) == ["risk_1d", "risk_7d", "risk_30d"])
        #expect(plan.aggregations.allSatisfy { $0.offset == .days(7) && $0.function == .mean })
        #expect(plan.aggregations.map(\.length) == [.days(1), .days(7), .days(30)])
    }

    @Test("derives features of the row and of other views")
    func derive() throws {
        guard case .derive(let plan) = try #require(project.view("request")).body else {
            Issue.record("request does not derive")
            return
        }
        #expect(plan.features.map(\.name) == ["amount", "is_night", "amount_ratio"])
        #expect(plan.readsFeatures.map(\.description) == ["customer.mean_amount_30d"])
        #expect(
            plan.features[2].inputs == [
                .field("amount"), .feature(.init(view: "customer", feature: "mean_amount_30d")),
            ])
        #expect(plan.features.map(\.type) == [.float64, .bool, .float64])
    }

    @Test("freezes the model's features and parts its rows by time, in the stream's zone")
    func model() throws {
        let model = try #require(project.model("fraud"))
        #expect(model.features.count == 18)
        #expect(
            model.features.prefix(3).map(\.name) == [
                "request.amount", "request.amount_ratio", "request.is_night",
            ])
        #expect(model.features.last?.name == "terminal.risk_30d")
        #expect(model.labelKnownAfter == .days(7))
        #expect(model.seed == 7)
        #expect(model.trainer.parameters["max_depth"] == .int64(6))
        #expect(model.trainer.parameters["lambda"] == .float64(1))
        #expect(model.metrics.map(\.name) == ["average_precision", "roc_auc", "precision_at_100"])
        #expect(model.metrics[2].per == [.day, .field("customer_id")])
        #expect(model.gates.map(\.readsChampion) == [true])
        guard case .stated(let train, let test) = model.split else {
            Issue.record("the split is not by time")
            return
        }
        // Midnight in Brussels is 22:00 UTC of the day before, in summer.
        #expect(train.from.map { "\($0)" } == "2018-05-07T22:00:00Z")
        #expect(test.from.map { "\($0)" } == "2018-07-31T22:00:00Z")
        #expect(test.to.map { "\($0)" } == "2018-08-24T22:00:00Z")
    }

    @Test("routes the endpoint to the model's champion")
    func endpoint() throws {
        let endpoint = try #require(project.endpoint("fraud"))
        #expect(endpoint.model == .init(model: "fraud", version: .alias("champion")))
        #expect(endpoint.fallbackScore == 0)
        #expect(endpoint.record == .beforeAnswer)
    }

    @Test("shows itself, and everything as new, at the first plan")
    func text() {
        let text = ProjectPlan.text(project, applied: .empty)
        #expect(
            text == """
                stream transactions: 6 fields, time tx_time, unique tx_id, is_fraud known after 7d
                feature_view customer: 12 features of customer over transactions
                feature_view request: 3 features of the row of transactions
                feature_view terminal: 3 features of terminal over transactions, windows end 7d before the row
                model fraud: binary, is_fraud from transactions, 18 features, xgboost
                endpoint fraud: fraud@champion, record before_answer
                pipeline daily: 3 tasks, 0 0 * * *

                + endpoint fraud
                + feature_view customer
                + feature_view request
                + feature_view terminal
                + model fraud
                + pipeline daily
                + project fraud
                + stream transactions
                8 to add, 0 to change, 0 to remove, 0 unchanged
                """)
    }
}
