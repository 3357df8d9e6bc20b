internal import MartletBytes
public import MartletStatistics

/// What a version was trained on, kept in its package, so that what it meets later can be held against it.
public struct TrainingProfile: Sendable, Equatable {
    public struct Feature: Sendable, Equatable {
        public var name: String
        /// Of the training rows.
        public var profile: ColumnProfile
        /// How much it moves the margin: the mean size of its contribution to predictions of test rows.
        public var importance: Double

        public init(name: String, profile: ColumnProfile, importance: Double) {
            self.name = name
            self.profile = profile
            self.importance = importance
        }
    }

    /// In the order of the model's columns.
    public var features: [Feature]
    /// Of the outputs on the test rows; nil of several classes.
    public var output: ColumnProfile?
    /// From outputs to probabilities, fitted to the outcomes of the test rows; nil unless the model is binary.
    public var calibration: IsotonicCalibration?

    public init(features: [Feature], output: ColumnProfile?, calibration: IsotonicCalibration?) {
        self.features = features
        self.output = output
        self.calibration = calibration
    }

    public subscript(feature: String) -> Feature? { features.first { $0.name == feature } }

    // MARK: - Bytes

    private static let version: UInt8 = 1

    /// Version (byte, 1); features (varint), each: name, importance (8 bytes), profile with its length; output (byte 0 or 1), then
    /// its profile with its length; knots (varint), each: score, probability (8 bytes each).
    public func encoded() -> [UInt8] {
        var writer = ByteWriter()
        writer.write(Self.version)
        writer.write(varint: UInt64(features.count))
        for feature in features {
            writer.write(feature.name)
            writer.write(feature.importance)
            writer.write(lengthPrefixed: feature.profile.encoded())
        }
        writer.write(UInt8(output == nil ? 0 : 1))
        if let output { writer.write(lengthPrefixed: output.encoded()) }
        writer.write(varint: UInt64(calibration?.scores.count ?? 0))
        if let calibration {
            for (score, probability) in zip(calibration.scores, calibration.probabilities) {
                writer.write(score)
                writer.write(probability)
            }
        }
        return writer.bytes
    }

    /// - Throws: ``PackageError`` with code `malformed` for bytes that ``encoded()`` would not give.
    public init(encoded bytes: [UInt8]) throws(PackageError) {
        do {
            var reader = ByteReader(bytes)
            guard try reader.readByte() == Self.version else { throw PackageError(.malformed, "the profile is of another version") }
            var features: [Feature] = []
            for _ in 0..<(try reader.readCount(minimumSize: 10)) {
                let name = try reader.readString()
                let importance = try reader.readDouble()
                features.append(Feature(name: name, profile: try Self.profile(&reader), importance: importance))
            }
            self.features = features
            output = try reader.readByte() == 1 ? try Self.profile(&reader) : nil
            var knots: (scores: [Double], probabilities: [Double]) = ([], [])
            for _ in 0..<(try reader.readCount(minimumSize: 16)) {
                knots.scores.append(try reader.readDouble())
                knots.probabilities.append(try reader.readDouble())
            }
            calibration = knots.scores.isEmpty ? nil : IsotonicCalibration(scores: knots.scores, probabilities: knots.probabilities)
        } catch let error as PackageError {
            throw error
        } catch {
            throw PackageError(.malformed, file: ModelPackage.profileName, "the profile cannot be read: \(error)")
        }
        guard encoded() == bytes else {
            throw PackageError(.malformed, file: ModelPackage.profileName, "the profile is not in its canonical form")
        }
    }

    private static func profile(_ reader: inout ByteReader) throws -> ColumnProfile {
        try ColumnProfile(encoded: Array(reader.readLengthPrefixed()))
    }
}
