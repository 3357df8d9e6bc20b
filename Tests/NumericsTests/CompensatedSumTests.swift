import MartletNumerics
import Testing

@Suite("Compensated sums")
struct CompensatedSumTests {
    @Test("sums keep what plain addition loses")
    func compensation() {
        #expect(CompensatedSum.of([1, 1e100, 1, -1e100]) == 2)
        #expect(CompensatedSum.of([.infinity, 1]) == .infinity)
        #expect(CompensatedSum.of(Array(repeating: 0.1, count: 1000)) == 100)
    }
}
