import MartletFrames
import MartletPlatform
import MartletWorld
import Testing

@Suite("Ids")
struct UUIDv7Tests {
    private struct Fixed: RandomSource {
        var word: UInt64
        func next() -> UInt64 { word }
        func bytes(_ count: Int) -> [UInt8] { [UInt8](repeating: UInt8(truncatingIfNeeded: word), count: count) }
    }

    @Test("an id is written as RFC 9562 has it, and read back")
    func text() throws {
        let time = Timestamp(microseconds: 0x017F_22E2_79B0 * 1_000)
        let id = UUIDv7.make(at: time, random: Fixed(word: 0x0123_4567_89AB_CCC3))
        #expect("\(id)" == "017f22e2-79b0-7cc3-8048-d159e26af330")
        #expect(UUIDv7("\(id)") == id)
        for wrong in ["", "017F22E2-79B0-7CC3-8048-D159E26AF330", "017f22e2-79b0-4cc3-8048-d159e26af330", "017f22e279b07cc38048d159e26af330"] {
            #expect(UUIDv7(wrong) == nil)
        }
    }

    @Test("ids made together ascend from the one that was drawn, also where every random bit is set", arguments: [0, 7, UInt64.max])
    func together(_ word: UInt64) {
        let ids = UUIDv7.make(1_000, at: Timestamp(microseconds: 1_700_000_000_000_000), random: Fixed(word: word))
        #expect(ids.count == 1_000)
        for (id, next) in zip(ids, ids.dropFirst()) { #expect("\(id)" < "\(next)") }
        for id in ids { #expect(UUIDv7("\(id)") == id) }
    }

    @Test("an id made after another ascends within a millisecond, and is drawn anew in the next", arguments: [0, 7, UInt64.max - 7])
    func oneAfterAnother(_ word: UInt64) {
        let time = Timestamp(microseconds: 1_700_000_000_000_000)
        let random = Fixed(word: word)
        var last: UUIDv7?
        for _ in 0..<1_000 {
            let next = UUIDv7.make(at: time, after: last, random: random)
            if let last { #expect("\(last)" < "\(next)") }
            #expect(UUIDv7("\(next)") == next)
            #expect(next.high >> 12 & 15 == 7 && next.low >> 62 == 2)
            last = next
        }
        // After the very last of a millisecond there is none: another is drawn.
        let end = UUIDv7.make(at: time, random: Fixed(word: .max))
        #expect(UUIDv7.make(at: time, after: end, random: random) == UUIDv7.make(at: time, random: random))
        let later = UUIDv7.make(at: time + Timestamp.Span(microseconds: 1_000), after: last, random: random)
        #expect(later == UUIDv7.make(at: time + Timestamp.Span(microseconds: 1_000), random: random))
        #expect(UUIDv7.make(at: time, after: later, random: random) == UUIDv7.make(at: time, random: random))
    }
}
