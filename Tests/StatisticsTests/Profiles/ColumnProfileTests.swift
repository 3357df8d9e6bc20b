import Foundation
import Testing

@testable import MartletStatistics

@Suite("Profiles of columns")
struct ColumnProfileTests {
    @Test("moments keep their digits; missing rows are counted")
    func moments() throws {
        var profile = ColumnProfile.numbers()
        var random = SeededNumbers(1)
        let numbers = (0..<5_000).map { _ in 1e9 + random.normal() }
        let valid: [UInt64] = (0..<79).map { _ in random.next() }
        profile.add(numbers.span, valid: valid.span)
        let kept = numbers.indices.filter { valid[$0 >> 6] >> UInt64($0 & 63) & 1 == 1 }.map { numbers[$0] }
        let side = try #require(profile.numbers)
        #expect(profile.rows == 5_000 && profile.missing == 5_000 - kept.count && side.count == kept.count)
        // Off 10⁹ these are exact in float64.
        let offsets = kept.map { $0 - 1e9 }
        let mean = offsets.reduce(0, +) / Double(kept.count)
        let deviation = (offsets.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(kept.count - 1)).squareRoot()
        #expect(abs(try #require(side.mean) - 1e9 - mean) < 2e-7)
        #expect(abs(try #require(side.standardDeviation) / deviation - 1) < 1e-12)
        profile.add([.nan, .infinity, 1].span)
        profile.addMissing(2)
        #expect(profile.rows == 5_005 && profile.missing == 5_000 - kept.count + 4)
        #expect(ColumnProfile.numbers().numbers?.mean == nil && ColumnProfile.numbers().missingShare == nil)
    }

    private func examples() -> [ColumnProfile] {
        var random = SeededNumbers(2)
        var profiles = [ColumnProfile.numbers(), ColumnProfile.categories()]
        for kind in NumberHistogramTests.kinds {
            for count in [1, 50, 4_000] {
                var profile = ColumnProfile.numbers(limit: 128)
                profile.add(NumberHistogramTests.samples(kind, &random, count).span)
                profile.addMissing(random.below(4))
                profiles.append(profile)
            }
        }
        for distinct in [1, 20, 3_000] {
            var profile = ColumnProfile.categories(limit: 64)
            for _ in 0..<500 {
                let value = random.below(distinct)
                profile.add(hash: CategoryCountsTests.hash(value), text: "value \(value)")
            }
            profile.addMissing(3)
            profiles.append(profile)
        }
        return profiles
    }

    @Test("merge to equal values and equal bytes in any split and any order", arguments: NumberHistogramTests.kinds)
    func merging(kind: String) {
        var random = SeededNumbers(3)
        let numbers = NumberHistogramTests.samples(kind, &random, 4_000)
        var whole = ColumnProfile.numbers(limit: 64)
        whole.add(numbers.span)
        for _ in 0..<4 {
            var parts = [ColumnProfile](repeating: .numbers(limit: 64), count: 6)
            let shuffled = numbers.shuffled(using: &random)
            var start = 0
            while start < numbers.count {
                let end = min(numbers.count, start + 1 + random.below(900))
                parts[random.below(6)].add(shuffled.span.extracting(start..<end))
                start = end
            }
            while parts.count > 1 {
                parts.shuffle(using: &random)
                var merged = parts.removeLast()
                merged.merge(parts.removeLast())
                parts.append(merged)
            }
            #expect(parts[0] == whole && parts[0].encoded() == whole.encoded())
        }
    }

    @Test("come back from their bytes, and merge as if they had never left")
    func coding() throws {
        for profile in examples() {
            let bytes = profile.encoded()
            var again = try ColumnProfile(encoded: bytes)
            #expect(again == profile && again.encoded() == bytes)
            if profile.numbers?.histogram.limit == 128 {
                var more = ColumnProfile.numbers(limit: 128)
                more.add([1, 2, 3.5].span)
                var direct = profile
                direct.merge(more)
                again.merge(more)
                #expect(again == direct)
            }
        }
    }

    @Test("bytes that no profile has are refused, never trapped on")
    func hostile() throws {
        var random = SeededNumbers(4)
        var refused = 0
        for profile in examples() {
            let bytes = profile.encoded()
            for end in 0..<min(bytes.count, 200) { #expect(throws: ProfileCodingError.self) { try ColumnProfile(encoded: Array(bytes[..<end])) } }
            #expect(throws: ProfileCodingError.self) { try ColumnProfile(encoded: bytes + [0]) }
            for _ in 0..<400 {
                var changed = bytes
                changed[random.below(bytes.count)] = UInt8(truncatingIfNeeded: random.next())
                do throws(ProfileCodingError) {
                    // What is taken is a profile: it has one form, and can be used.
                    var taken = try ColumnProfile(encoded: changed)
                    #expect(taken.encoded() == changed)
                    taken.merge(taken)
                    _ = taken.numbers?.standardDeviation
                    _ = taken.numbers?.histogram.quantile(0.5)
                    _ = taken.categories?.entries
                } catch {
                    refused += 1
                }
            }
        }
        #expect(refused > 1_000)
        #expect { try ColumnProfile(encoded: [9, 0, 0]) } throws: { "\($0)".contains("version 9") }
    }
}
