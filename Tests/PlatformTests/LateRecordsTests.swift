import Testing

@testable import MartletPlatform

@Suite("Records behind their answers")
struct LateRecordsTests {
    private let millisecond: UInt64 = 1_000_000

    @Test("no more is answered early while the oldest waits longer than the bound, and then again")
    func time() {
        let late = LateRecords(limit: 100, boundMilliseconds: 50)
        #expect(late.enter(3, now: 0))
        #expect(late.enter(5, now: 40 * millisecond))
        #expect(late.enter(1, now: 50 * millisecond))
        #expect(!late.enter(1, now: 50 * millisecond + 1))
        late.leave(3)
        // The oldest is now the one of 40 ms.
        #expect(late.enter(1, now: 90 * millisecond))
        #expect(!late.enter(1, now: 91 * millisecond))
        late.leave(5)
        late.leave(1)
        late.leave(1)
        #expect(late.enter(1, now: 1_000 * millisecond))
    }

    @Test("no more than the limit waits, but any number may where none does")
    func count() {
        let late = LateRecords(limit: 10, boundMilliseconds: 50)
        #expect(late.enter(25, now: 0))
        #expect(!late.enter(1, now: 0))
        late.leave(25)
        #expect(late.enter(10, now: 0))
        #expect(!late.enter(1, now: 0))
        late.leave(10)
        #expect(late.enter(1, now: 0))
    }

    @Test("records that come to the log in another order leave in theirs")
    func order() {
        let late = LateRecords(limit: 100, boundMilliseconds: 50)
        #expect(late.enter(3, now: 0))
        #expect(late.enter(5, now: 1))
        late.leave(5)
        #expect(!late.enter(1, now: 51 * millisecond))
        late.leave(3)
        #expect(late.enter(1, now: 51 * millisecond))
    }
}
