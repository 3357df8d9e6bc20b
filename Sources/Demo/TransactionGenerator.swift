public import MartletFrames
import MartletWorld

/// Makes card transactions in the manner of the Fraud Detection Handbook: customers pay at terminals near them, and
/// three kinds of fraud hide among the payments.
///
/// 1. An amount over 220.
/// 2. A compromised terminal: everything paid there for 28 days is fraud; two more fall every day.
/// 3. Stolen card details: for 14 days a third of a customer's payments are five times as large and fraud; three more
///    customers every day.
///
/// Deterministic: equal settings give equal transactions, on every machine.
///
/// Source: Y.-A. Le Borgne et al., *Reproducible Machine Learning for Credit Card Fraud Detection*, 2021, chapter 3.
public struct TransactionGenerator: Sendable {
    public struct Settings: Sendable {
        public var seed: UInt64 = 7
        public var customers = 1_500
        public var terminals = 3_000
        public var days = 100
        /// The moment at which history ends; the last day is cut off there.
        public var end: Timestamp
        /// How long after a payment it is known whether it was fraud; later payments have no label.
        public var labelDelay = Timestamp.Span.days(7)
        public var compromisedTerminalsPerDay = 2
        public var stolenCardsPerDay = 3

        public init(end: Timestamp) {
            self.end = end
        }
    }

    /// One payment.
    public struct Transaction: Sendable {
        public var id: Int
        public var time: Timestamp
        public var customer: Int
        public var terminal: Int
        /// In hundredths.
        public var cents: Int
        public var isFraud: Bool
    }

    private struct Customer {
        var meanAmount: Double
        var paymentsPerDay: Double
        var terminals: [Int]
    }

    /// The payments in time order, from the first day to `settings.end`.
    public static func transactions(_ settings: Settings) -> [Transaction] {
        var random = SplitMix64(seed: settings.seed)
        let customers = makeCustomers(settings, &random)
        let firstDay = settings.end - .days(Int64(settings.days))
        var payments: [Transaction] = []
        for day in 0..<settings.days {
            for (number, customer) in customers.enumerated() where !customer.terminals.isEmpty {
                for _ in 0..<poisson(customer.paymentsPerDay, &random) {
                    // Most payments are made around noon; a time outside the day is no payment.
                    let second = 43_200 + 20_000 * gaussian(&random)
                    guard second > 0, second < 86_400 else { continue }
                    var amount = customer.meanAmount * (1 + gaussian(&random) / 2)
                    if amount < 0 { amount = Double.random(in: 0..<(2 * customer.meanAmount), using: &random) }
                    let time = firstDay + .days(Int64(day)) + .seconds(Int64(second))
                    let terminal = customer.terminals[Int.random(in: 0..<customer.terminals.count, using: &random)]
                    payments.append(Transaction(
                        id: 0, time: time, customer: number, terminal: terminal,
                        cents: Int((amount * 100).rounded()), isFraud: false))
                }
            }
        }
        payments.sort { ($0.time, $0.customer, $0.terminal, $0.cents) < ($1.time, $1.customer, $1.terminal, $1.cents) }
        for index in payments.indices { payments[index].id = index }
        addFraud(to: &payments, settings, firstDay: firstDay, &random)
        return payments
    }

    private static func makeCustomers(_ settings: Settings, _ random: inout SplitMix64) -> [Customer] {
        let places = (0..<settings.terminals).map { _ in
            (Double.random(in: 0..<100, using: &random), Double.random(in: 0..<100, using: &random))
        }
        return (0..<settings.customers).map { _ in
            let x = Double.random(in: 0..<100, using: &random)
            let y = Double.random(in: 0..<100, using: &random)
            let near = places.indices.filter { index in
                let (dx, dy) = (places[index].0 - x, places[index].1 - y)
                return dx * dx + dy * dy < 25
            }
            return Customer(
                meanAmount: Double.random(in: 5..<100, using: &random),
                paymentsPerDay: Double.random(in: 0..<4, using: &random), terminals: near)
        }
    }

    private static func addFraud(
        to payments: inout [Transaction], _ settings: Settings, firstDay: Timestamp, _ random: inout SplitMix64
    ) {
        let day = { (moment: Timestamp) in Int((moment.microseconds - firstDay.microseconds) / 86_400_000_000) }
        for index in payments.indices where payments[index].cents > 22_000 { payments[index].isFraud = true }

        // The last day until which each terminal is compromised, and each customer's card details are abused.
        var fallen: [Int: [Int]] = [:]
        var stolen: [Int: [Int]] = [:]
        for today in 0..<settings.days {
            for _ in 0..<settings.compromisedTerminalsPerDay {
                fallen[Int.random(in: 0..<settings.terminals, using: &random), default: []].append(today)
            }
            for _ in 0..<settings.stolenCardsPerDay {
                stolen[Int.random(in: 0..<settings.customers, using: &random), default: []].append(today)
            }
        }
        for index in payments.indices {
            let today = day(payments[index].time)
            if fallen[payments[index].terminal, default: []].contains(where: { (0..<28).contains(today - $0) }) {
                payments[index].isFraud = true
            }
            if stolen[payments[index].customer, default: []].contains(where: { (0..<14).contains(today - $0) }),
                Int.random(in: 0..<3, using: &random) == 0
            {
                payments[index].cents *= 5
                payments[index].isFraud = true
            }
        }
    }

    /// Knuth's method: fine for the small means here.
    private static func poisson(_ mean: Double, _ random: inout SplitMix64) -> Int {
        var count = -1
        var sum = 0.0
        while sum < mean {
            sum += exponential(&random)
            count += 1
        }
        return max(0, count)
    }

    /// The sum of twelve uniform numbers less six: near enough to normal, and the same bits everywhere.
    private static func gaussian(_ random: inout SplitMix64) -> Double {
        (0..<12).reduce(-6.0) { sum, _ in sum + Double.random(in: 0..<1, using: &random) }
    }

    /// Von Neumann's comparison method: exponential with mean 1 from uniform numbers alone, so no logarithm's last bit
    /// differs between machines.
    private static func exponential(_ random: inout SplitMix64) -> Double {
        var whole = 0.0
        while true {
            let first = Double.random(in: 0..<1, using: &random)
            var last = first
            var length = 1
            while true {
                let next = Double.random(in: 0..<1, using: &random)
                if next > last { break }
                last = next
                length += 1
            }
            if length % 2 == 1 { return whole + first }
            whole += 1
        }
    }
}

extension TransactionGenerator.Transaction {
    /// The header of ``csvLine(labelKnownAt:delay:)``'s columns.
    public static let csvHeader = "tx_id,tx_time,customer_id,terminal_id,amount,is_fraud\n"

    /// The payment as a line of CSV; the label is empty if it is not yet known at `now`.
    public func csvLine(labelKnownAt now: Timestamp, delay: Timestamp.Span) -> String {
        let label = time + delay <= now ? (isFraud ? "true" : "false") : ""
        return "t\(id),\(time),c\(customer),m\(terminal),\(amountText),\(label)\n"
    }

    /// The amount with two decimals.
    public var amountText: String {
        let rest = cents % 100
        return "\(cents / 100).\(rest < 10 ? "0" : "")\(rest)"
    }
}
