import MartletFeatureStore
import MartletStorage

extension Platform {
    /// Where the log ends, and up to where features are folded.
    public var progress: (logEnd: Int64, foldedCut: Int64) { (log.end, features.cut) }
}
