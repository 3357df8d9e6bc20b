import MartletAccess
import MartletBytes
import MartletDefinitions
import MartletExpressions
import MartletFeatureStore
import MartletFeatures
import MartletFrames
import MartletGovernance
import MartletIngestion
import MartletModels
import MartletPlan
import MartletRegistry
import MartletServing
import MartletStatistics
import MartletStorage
import MartletTraining
import MartletWorld

/// A stream in force, with all that is compiled once to admit its rows. Immutable; a class as ``ServedModel`` is.
final class StreamRuntime: Sendable {
    let definition: StreamDefinition
    let parser: ContractParser
    /// For rows that are only asked about, which may leave fields out.
    let askedParser: ContractParser
    /// For rows that only name events; their other fields are passed over.
    let keyParser: ContractParser
    /// Of rows of `keyParser`; none if the stream has no unique key.
    let keyFingerprints: RowFingerprints
    let fingerprints: RowFingerprints

    var name: String { definition.name }
    var contract: StreamContract { definition.contract }
    var schema: Schema { parser.schema }
    /// Whether a field identifies persons.
    var hasSubject: Bool { contract.fields.contains(where: \.isSubject) }

    init(_ definition: StreamDefinition) throws(IngestionError) {
        self.definition = definition
        let zone = definition.timeZone
        parser = try ContractParser(definition.contract, localTime: { zone.timestamp(of: $0) })
        askedParser = try ContractParser(definition.contract.asked, localTime: { zone.timestamp(of: $0) })
        keyParser = try ContractParser(definition.contract.ofKeys, localTime: { zone.timestamp(of: $0) }, ignoringUnknown: true)
        let contract = definition.contract
        keyFingerprints = RowFingerprints(stream: definition.name, schema: keyParser.schema, unique: contract.unique)
        fingerprints = RowFingerprints(
            stream: definition.name, schema: parser.schema, unique: contract.unique,
            arrivalField: contract.isTimedByArrival ? contract.eventTime : nil)
    }

    /// By what the log knows the events that recorded inputs would be; `.none` where a part of the key is missing, or where
    /// they were recorded when the stream had another key.
    func keys(ofInputs inputs: Frame) -> [Fingerprint] {
        let fields = keyParser.schema.fields
        let isWhole = contract.unique.allSatisfy { name in inputs[name]?.type == keyParser.schema.index(of: name).map { fields[$0].type } }
        guard isWhole, !contract.unique.isEmpty else { return [Fingerprint](repeating: .none, count: inputs.rowCount) }
        let named = Schema(fields.map { Field($0.name, $0.type, isOptional: true) })
        let columns = fields.map { field in
            contract.unique.contains(field.name)
                ? inputs[field.name] ?? Column(repeating: .missing, type: field.type, count: inputs.rowCount)
                : Column(repeating: .missing, type: field.type, count: inputs.rowCount)
        }
        return keyFingerprints.keys(of: Frame(named, columns, rowCount: inputs.rowCount))
    }

    /// Moves the rows that fail a declared check to the dead letters.
    func checked(_ rows: ContractRows) -> ContractRows {
        var rows = rows
        for (field, check) in definition.checks.sorted(by: { $0.key < $1.key }) {
            let inputs = check.references.compactMap { rows.frame[$0] }
            guard inputs.count == check.references.count, rows.frame.rowCount > 0 else { continue }
            let mask = check.evaluate(inputs, rowCount: rows.frame.rowCount).column
            let frame = rows.frame
            rows = rows.splitting(by: mask) { row in
                let value = frame[field].map { "\($0[row])" }
                return DeadLetter.Fault(
                    .outOfRange, field: field, value: value,
                    message: "field '\(field)' is \(value ?? "missing"), and '\(check.canonicalText)' does not hold")
            }
        }
        return rows
    }

    /// Events as the log takes them: with fingerprints and times.
    ///
    /// - Parameter rows: with pseudonyms in place of persons.
    func batch(ofEvents rows: Frame, isHistory: Bool) -> RecordBatch {
        let eventTimes = eventTimes(of: rows)
        let delay = contract.delay.microseconds
        return RecordBatch(
            stream: name, kind: .event, rows: rows, eventTimes: eventTimes,
            knownTimes: isHistory ? eventTimes.map { $0 + delay } : nil,
            uniqueKeys: fingerprints.keys(of: rows), payloads: fingerprints.payloads(of: rows))
    }

    /// The dead letters of the rows that the log refused.
    func conflicts(_ dispositions: [Disposition], in rows: ContractRows) -> [DeadLetter] {
        dispositions.indices.compactMap { row in
            switch dispositions[row] {
            case .accepted, .duplicate: return nil
            case .conflict, .unknownKey, .outdated:
                let fields = contract.unique.joined(separator: ", ")
                let fault = DeadLetter.Fault(
                    .duplicateKeyConflict, field: contract.unique.first,
                    message: "an event with this \(fields) is stored with another payload; send a correction to change it")
                return DeadLetter(place: rows.place(row), faults: [fault], raw: Array(rows.raw(row)))
            }
        }
    }

    /// The event time of each row, microseconds since 1970.
    func eventTimes(of rows: Frame) -> [Int64] {
        guard case .timestamp(let times)? = rows[contract.eventTime]?.storage else { return [] }
        return times
    }
}
