import MartletBytes
public import MartletFrames
public import MartletStorage

/// Puts pseudonyms in place of the identifiers of persons, and back.
///
/// A pseudonym keeps the field's type: of a text it is `~` and 11 letters, of a whole number another whole number. So
/// everything behind this border (log, features, predictions, datasets) works on pseudonyms without knowing it.
public struct Pseudonyms: Sendable {
    private let vault: Vault
    private let project: String

    public init(vault: Vault, project: String) {
        self.vault = vault
        self.project = project
    }

    /// The rows with pseudonyms in the fields that identify persons.
    ///
    /// - Parameter creating: whether identifiers seen for the first time get a pseudonym, durable before this returns;
    ///   otherwise they become missing, since nothing is known of such a person.
    public func replacing(in rows: Frame, fields: [ContractField], creating: Bool) throws(VaultError) -> Frame {
        let subjects = fields.filter(\.isSubject)
        guard !subjects.isEmpty else { return rows }
        var columns = rows.columns
        for field in subjects {
            guard let index = rows.schema.index(of: field.name) else { continue }
            let column = columns[index]
            let found = try vault.pseudonyms(for: Self.texts(column), in: space(field.name), creating: creating)
            columns[index] = Self.column(of: column.type, (0..<column.count).map { column.isMissing($0) ? nil : found[$0] })
        }
        // A person of whom nothing is known may stand in a required field: the row is only asked about, never stored.
        let schema = creating ? rows.schema : Schema(rows.schema.fields.map { Field($0.name, $0.type, isOptional: true) })
        return Frame(schema, columns, rowCount: rows.rowCount)
    }

    /// The identifier behind a value of a field that identifies persons; the value itself if none is known.
    public func revealing(_ value: Value, field: String) -> Value {
        switch value {
        case .string(let text):
            guard let pseudonym = Self.pseudonym(text), let found = vault.identifier(of: pseudonym, in: space(field)) else { return value }
            return .string(String(decoding: found, as: UTF8.self))
        case .int64(let number):
            guard let found = vault.identifier(of: UInt64(bitPattern: number), in: space(field)),
                let identifier = Int64(String(decoding: found, as: UTF8.self))
            else { return value }
            return .int64(identifier)
        default: return value
        }
    }

    /// Fields of one name mean the same persons in every stream of a project, so that streams can be joined.
    private func space(_ field: String) -> PseudonymSpace {
        PseudonymSpace(project: project, name: field)
    }

    private static func texts(_ column: Column) -> StringStorage {
        switch column.storage {
        case .string(let strings): return strings
        case .int64(let numbers):
            var strings = StringStorage()
            for number in numbers { strings.append(String(number)) }
            return strings
        default: preconditionFailure("a field of type \(column.type) identifies persons")
        }
    }

    private static let alphabet = Array("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_".utf8)

    /// Pseudonyms as values of a field's type, missing where there is none.
    private static func column(of type: ValueType, _ pseudonyms: [UInt64?]) -> Column {
        let validity = pseudonyms.contains(nil) ? Bitmap(pseudonyms.map { $0 != nil }) : nil
        guard type == .string else {
            return Column(.int64(pseudonyms.map { Int64(bitPattern: $0 ?? 0) }), validity: validity)
        }
        var texts = StringStorage()
        texts.reserveCapacity(rows: pseudonyms.count, bytes: pseudonyms.count * 12)
        withUnsafeTemporaryAllocation(byteCount: 12, alignment: 1) { letters in
            for pseudonym in pseudonyms {
                if let pseudonym { write(pseudonym, to: letters) }
                texts.append(utf8: UnsafeRawBufferPointer(rebasing: letters[..<(pseudonym == nil ? 0 : 12)]))
            }
        }
        return Column(.string(texts), validity: validity)
    }

    /// `~` and eleven letters of six bits, high bits first.
    private static func write(_ pseudonym: UInt64, to letters: UnsafeMutableRawBufferPointer) {
        letters[0] = UInt8(ascii: "~")
        alphabet.withUnsafeBufferPointer { alphabet in
            for index in 0..<11 { letters[index + 1] = alphabet[Int(pseudonym >> UInt64(60 - 6 * index) & 63)] }
        }
    }

    static func pseudonym(_ text: String) -> UInt64? {
        let letters = text.utf8
        guard letters.count == 12, letters.first == UInt8(ascii: "~") else { return nil }
        var value: UInt64 = 0
        for letter in letters.dropFirst() {
            guard let digit = alphabet.firstIndex(of: letter) else { return nil }
            guard value >> 58 == 0 else { return nil }
            value = value << 6 | UInt64(digit)
        }
        return value
    }
}
