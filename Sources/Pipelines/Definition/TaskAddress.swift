package import MartletDefinitions
import MartletExpressions
import MartletFrames
public import MartletWorld

/// An address of the web, perhaps with computed parts.
///
/// ```yaml
/// url: "https://api.example/days/${interval.start}?by=${item}"    # what is computed is percent-encoded
/// url: "${item}"                                                  # alone, it is the address as a whole
/// ```
///
/// A computed part within a text cannot leave its place: `../`, `&` and `@` in it are letters like any other.
public struct TaskAddress: Hashable, Sendable {
    public let text: TaskText

    public init(_ text: TaskText) {
        self.text = text
    }

    public func render(in scope: TaskScope) throws(TaskScopeError) -> WebAddress {
        var written = ""
        for piece in text.pieces {
            switch piece {
            case .literal(let part): written += part
            case .expression(let expression):
                let value = "\(try expression.value(in: scope))"
                written += text.pieces.count == 1 ? value : TaskAddress.encoded(value)
            }
        }
        do {
            return try WebAddress(written)
        } catch {
            // Its query may hold what no log should.
            throw TaskScopeError(.unusable, "the address '\(written.prefix { $0 != "?" }.description.shortened(to: 100))' \(error)")
        }
    }

    /// What keeps what is written from being an address, whatever is computed; nil if nothing does.
    var problem: String? {
        if text.pieces.count == 1, text.literal == nil { return nil }
        let sample = text.pieces.map { if case .literal(let text) = $0 { text } else { "1" } }.joined()
        do throws(WebAddressError) {
            let address = try WebAddress(sample)
            guard let fixed = InternetAddress(address.host), let refusal = EgressRule().refusal(of: fixed), !refusal.canBeAllowed else { return nil }
            return "is \(refusal.what), which is never connected to"
        } catch {
            return "\(error)"
        }
    }

    /// Letters, digits, `-`, `.`, `_` and `~` as they are, every other byte as `%` and two digits.
    static func encoded(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var bytes: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case 0x41...0x5A, 0x61...0x7A, 0x30...0x39, 0x2D, 0x2E, 0x5F, 0x7E: bytes.append(byte)
            default: bytes += [0x25, digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension TaskReader {
    /// An address of the web.
    package func address(_ node: LocatedNode, _ subject: String) -> TaskAddress? {
        guard let text = text(node, subject, mayBeEmpty: false) else { return nil }
        let address = TaskAddress(text)
        guard let problem = address.problem else { return address }
        errors.add(
            .wrongValue, at: node.place, "\(subject) cannot be \(node.summary): it \(problem)", found: node.summary,
            expected: "an address of the web", hint: "write it as https://host/path; ${…} in it is percent-encoded")
        return nil
    }
}
