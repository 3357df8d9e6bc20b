import MartletFrames
import MartletModels
import Testing

@Suite("Typed features become Floats")
struct FeatureEncoderTests {
    let columns: [(name: String, column: Column)] = [
        ("flag", Column([.bool(true), .bool(false), .missing], type: .bool)),
        ("count", Column([.int64(3), .missing, .int64(16_777_217)], type: .int64)),
        ("amount", Column([.float64(1e300), .float64(.nan), .float64(0.1)], type: .float64)),
        ("colour", Column([.string("red"), .string("blue"), .missing], type: .string)),
    ]

    @Test("numbers, missing values and categories")
    func encode() throws {
        let encoder = try FeatureEncoder.learning(from: columns)
        let matrix = try encoder.encode(columns.map(\.column))
        let expected: [Float] = [
            1, 3, .greatestFiniteMagnitude, 1,
            0, .nan, .nan, 0,
            .nan, 16_777_216, 0.1, .nan,
        ]
        #expect(matrix.values.map(\.bitPattern) == expected.map(\.bitPattern))
        #expect(encoder.inputs[3].categories == ["blue", "red"])
    }

    @Test("an unseen category is missing; beyond the limit the rare ones and the unseen share an index")
    func unseen() throws {
        let seen = Column(["b", "a", "b", "c", "a", "b"].map { .string($0) }, type: .string)
        let asked = Column(["a", "b", "c", "z", ""].map { .string($0) }, type: .string)
        let whole = try FeatureEncoder.learning(from: [("x", seen)])
        let values = try whole.encode([asked]).values
        #expect(values[..<3] == [0, 1, 2] && values[3].isNaN && values[4].isNaN)
        let limited = try FeatureEncoder.learning(from: [("x", seen)], categoryLimit: 2)
        #expect(limited.inputs[0].categories == ["a", "b"] && limited.inputs[0].hasOther)
        #expect(try limited.encode([asked]).values == [0, 1, 2, 2, 2])
    }

    @Test("its JSON is canonical and reads back equal")
    func json() throws {
        let odd = Column([.string("\"\\\u{1}\n\u{1F600}é"), .string("")], type: .string)
        let encoder = try FeatureEncoder.learning(from: columns.dropLast() + [("odd \"name\"", odd)], categoryLimit: 1)
        let again = try FeatureEncoder(json: encoder.json)
        #expect(again == encoder && again.json == encoder.json)
        #expect(String(decoding: try FeatureEncoder([.init(name: "x", type: .string, categories: ["a"])]).json, as: UTF8.self)
            == #"{"format":1,"inputs":[{"categories":["a"],"name":"x","type":"string"}]}"#)
    }

    @Test(
        "what is not an encoder is refused",
        arguments: [
            #"{"inputs":[]}"#, #"{"format":2,"inputs":[]}"#, #"{"format":1,"inputs":[{"name":"x"}]}"#,
            #"{"format":1,"inputs":[{"name":"x","type":"blob"}]}"#, #"{"format":1,"inputs":[{"name":"x","type":"timestamp"}]}"#,
            #"{"format":1,"inputs":[{"name":"x","type":"string","categories":["b","a"]}]}"#,
            #"{"format":1,"inputs":[{"name":"x","type":"string","categories":["a","a"]}]}"#,
            #"{"format":1,"inputs":[{"name":"x","type":"bool","categories":["a"]}]}"#,
            #"{"format":1,"inputs":[{"name":"x","type":"bool"},{"name":"x","type":"bool"}]}"#,
            #"{"format":1,"inputs":[],"more":1}"#, "", "[]", #"{"format":1e0,"inputs":[]}"#, #"{"format":01,"inputs":[]}"#,
        ])
    func refused(json: String) {
        #expect(throws: ModelError.self) { try FeatureEncoder(json: Array(json.utf8)) }
    }

    @Test("columns of other types, numbers or lengths are refused")
    func mismatch() throws {
        let encoder = try FeatureEncoder([.init(name: "x", type: .int64), .init(name: "y", type: .bool)])
        let x = Column([.int64(1)], type: .int64), y = Column([.bool(true)], type: .bool)
        #expect(try encoder.encode([x, y]).values == [1, 1])
        for columns in [[x], [y, x], [x, Column([.bool(true), .bool(true)], type: .bool)]] {
            #expect { try encoder.encode(columns) } throws: { ($0 as? ModelError)?.code == .schemaMismatch }
        }
    }
}
