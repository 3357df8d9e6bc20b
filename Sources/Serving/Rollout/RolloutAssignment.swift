internal import MartletFrames
internal import MartletIngestion

/// Which version a unit sees: a function of the rollout and the unit alone, so that nothing has to be remembered.
///
/// As a step's share grows, units that saw the challenger go on to see it. Another rollout draws anew.
public struct RolloutAssignment: Sendable {
    private let prefix: [UInt8]

    /// - Parameter rollout: its id.
    public init(rollout: String) {
        prefix = Array(rollout.utf8) + [0]
    }

    /// A unit's place in the draw.
    public struct Draw: Hashable, Sendable {
        /// Uniform over all 64-bit numbers.
        public var place: UInt64
        /// Stands for the unit, independent of its place.
        public var unit: UInt64

        public init(place: UInt64, unit: UInt64) {
            self.place = place
            self.unit = unit
        }

        /// Whether the unit is among a share of all.
        public func isWithin(_ share: Double) -> Bool {
            // The 53 leading bits are a number below 1 exactly.
            Double(place >> 11) * 0x1p-53 < share
        }
    }

    public func draw(_ unit: String) -> Draw {
        let hash = Fingerprint(sha256Of: prefix + Array(unit.utf8))
        return Draw(place: hash.high, unit: hash.low)
    }
}
