import MartletDemo
import MartletFrames
import Testing

@Suite("Transaction generator")
struct TransactionGeneratorTests {
    static let settings: TransactionGenerator.Settings = {
        var settings = TransactionGenerator.Settings(end: Timestamp(microseconds: 1_700_000_000_000_000))
        settings.customers = 300
        settings.terminals = 600
        settings.days = 60
        return settings
    }()

    @Test("equal settings give equal transactions, and another seed others")
    func deterministic() {
        let first = TransactionGenerator.transactions(Self.settings)
        let second = TransactionGenerator.transactions(Self.settings)
        #expect(first.map { $0.csvLine(labelKnownAt: Self.settings.end, delay: .zero) } == second.map { $0.csvLine(labelKnownAt: Self.settings.end, delay: .zero) })
        var other = Self.settings
        other.seed += 1
        #expect(TransactionGenerator.transactions(other).map(\.cents) != first.map(\.cents))
    }

    @Test("payments are in time order, inside the days, and about two a customer and day")
    func shape() throws {
        let payments = TransactionGenerator.transactions(Self.settings)
        #expect(zip(payments, payments.dropFirst()).allSatisfy { $0.time <= $1.time })
        #expect(try #require(payments.last).time <= Self.settings.end)
        #expect(try #require(payments.first).time >= Self.settings.end - .days(60))
        #expect((24_000...45_000).contains(payments.count), "\(payments.count)")
    }

    @Test("every amount over 220 before theft is fraud, and a few percent are fraud in all")
    func fraud() {
        let payments = TransactionGenerator.transactions(Self.settings)
        let share = Double(payments.count { $0.isFraud }) / Double(payments.count)
        #expect((0.005...0.2).contains(share), "\(share)")
        #expect(payments.filter { $0.cents > 22_000 }.allSatisfy { $0.isFraud })
    }

    @Test("a label that is not yet known is empty")
    func lateLabels() throws {
        let payment = try #require(TransactionGenerator.transactions(Self.settings).last)
        #expect(payment.csvLine(labelKnownAt: Self.settings.end, delay: .days(7)).hasSuffix(",\n"))
    }
}
