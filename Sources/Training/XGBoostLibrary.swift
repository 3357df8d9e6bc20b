import Glibc

/// XGBoost's own C library, opened at run time where it is found: it trains, our code scores.
///
/// Versions 1.7 to 3.x. The library stays open until the process ends, since its threads may outlive a call.
/// Calls are synchronous and use the caller's thread (and `threads − 1` more): run them off the async pool.
public struct XGBoostLibrary: Sendable, CustomStringConvertible {
    /// A version of the library; ordered.
    public struct Version: Hashable, Comparable, Sendable, CustomStringConvertible {
        public var major: Int
        public var minor: Int
        public var patch: Int

        public init(major: Int, minor: Int, patch: Int) {
            self.major = major
            self.minor = minor
            self.patch = patch
        }

        public var description: String { "\(major).\(minor).\(patch)" }
        public static func < (left: Self, right: Self) -> Bool {
            (left.major, left.minor, left.patch) < (right.major, right.minor, right.patch)
        }
    }

    public let version: Version
    /// The path or name under which it was opened.
    public let path: String
    let functions: Functions

    /// Where the system's loader finds it by name: Debian's package first, then a plain install.
    public static let systemNames = ["libxgboost.so.0", "libxgboost.so"]

    /// Opens the first library that is found.
    ///
    /// - Parameters:
    ///   - explicit: a path that must be used; nothing else is tried then.
    ///   - candidates: more paths, tried after the system's names, such as `…/site-packages/xgboost/lib/libxgboost.so`.
    /// - Throws: ``TrainingError`` with code `libraryMissing` or `libraryUnusable`.
    public static func open(at explicit: String? = nil, candidates: [String] = []) throws(TrainingError) -> XGBoostLibrary {
        let places = explicit.map { [$0] } ?? systemNames + candidates
        for place in places {
            guard let handle = dlopen(place, RTLD_NOW | RTLD_LOCAL) else { continue }
            let functions = try Functions(handle, place)
            var major: Int32 = 0, minor: Int32 = 0, patch: Int32 = 0
            functions.version(&major, &minor, &patch)
            let version = Version(major: Int(major), minor: Int(minor), patch: Int(patch))
            guard version >= Version(major: 1, minor: 7, patch: 0), version.major <= 3 else {
                throw TrainingError(
                    .libraryUnusable, "XGBoost \(version) was found at '\(place)'; versions 1.7 to 3.x are used",
                    hint: "install another: apt-get install libxgboost-dev, or pip install xgboost")
            }
            return XGBoostLibrary(version: version, path: place, functions: functions)
        }
        throw TrainingError(
            .libraryMissing, "XGBoost's library was not found; tried: " + places.joined(separator: ", "),
            hint: "apt-get install libxgboost-dev, or pip install xgboost and name its libxgboost.so")
    }

    /// Its version and place.
    public var description: String { "XGBoost \(version) at \(path)" }

    /// The C functions that are used, as `xgboost/c_api.h` declares them. Each returns 0, or −1 on failure.
    struct Functions: Sendable {
        typealias Handle = OpaquePointer?
        typealias Text = UnsafePointer<CChar>?
        typealias Shape = UnsafeMutablePointer<UnsafePointer<UInt64>?>

        let version: @convention(c) @Sendable (UnsafeMutablePointer<Int32>, UnsafeMutablePointer<Int32>, UnsafeMutablePointer<Int32>) -> Void
        let lastError: @convention(c) @Sendable () -> Text
        let setGlobalConfig: @convention(c) @Sendable (Text) -> Int32
        let matrixFromDense: @convention(c) @Sendable (Text, Text, UnsafeMutablePointer<Handle>) -> Int32
        let matrixSetFloats: @convention(c) @Sendable (Handle, Text, UnsafePointer<Float>?, UInt64) -> Int32
        let matrixSetTexts: @convention(c) @Sendable (Handle, Text, UnsafePointer<Text>?, UInt64) -> Int32
        let matrixFree: @convention(c) @Sendable (Handle) -> Int32
        let boosterCreate: @convention(c) @Sendable (UnsafePointer<Handle>?, UInt64, UnsafeMutablePointer<Handle>) -> Int32
        let boosterFree: @convention(c) @Sendable (Handle) -> Int32
        let boosterSet: @convention(c) @Sendable (Handle, Text, Text) -> Int32
        let boosterUpdate: @convention(c) @Sendable (Handle, Int32, Handle) -> Int32
        let boosterEvaluate: @convention(c) @Sendable (
            Handle, Int32, UnsafePointer<Handle>?, UnsafePointer<Text>?, UInt64, UnsafeMutablePointer<Text>) -> Int32
        let boosterSlice: @convention(c) @Sendable (Handle, Int32, Int32, Int32, UnsafeMutablePointer<Handle>) -> Int32
        let boosterSave: @convention(c) @Sendable (Handle, Text, UnsafeMutablePointer<UInt64>, UnsafeMutablePointer<Text>) -> Int32
        let boosterLoad: @convention(c) @Sendable (Handle, UnsafeRawPointer?, UInt64) -> Int32
        let boosterPredictDense: @convention(c) @Sendable (
            Handle, Text, Text, Handle, Shape, UnsafeMutablePointer<UInt64>, UnsafeMutablePointer<UnsafePointer<Float>?>) -> Int32

        init(_ library: UnsafeMutableRawPointer, _ place: String) throws(TrainingError) {
            func find<T>(_ name: String) throws(TrainingError) -> T {
                guard let symbol = dlsym(library, name) else {
                    throw TrainingError(.libraryUnusable, "the library at '\(place)' has no function \(name)")
                }
                // Every T here is a C function type, which is one pointer wide.
                return unsafeBitCast(symbol, to: T.self)
            }
            version = try find("XGBoostVersion")
            lastError = try find("XGBGetLastError")
            setGlobalConfig = try find("XGBSetGlobalConfig")
            matrixFromDense = try find("XGDMatrixCreateFromDense")
            matrixSetFloats = try find("XGDMatrixSetFloatInfo")
            matrixSetTexts = try find("XGDMatrixSetStrFeatureInfo")
            matrixFree = try find("XGDMatrixFree")
            boosterCreate = try find("XGBoosterCreate")
            boosterFree = try find("XGBoosterFree")
            boosterSet = try find("XGBoosterSetParam")
            boosterUpdate = try find("XGBoosterUpdateOneIter")
            boosterEvaluate = try find("XGBoosterEvalOneIter")
            boosterSlice = try find("XGBoosterSlice")
            boosterSave = try find("XGBoosterSaveModelToBuffer")
            boosterLoad = try find("XGBoosterLoadModelFromBuffer")
            boosterPredictDense = try find("XGBoosterPredictFromDense")
        }
    }
}
