import MartletAccess
import MartletBytes
import MartletDefinitions
import MartletExpressions
import MartletFeatureStore
import MartletFeatures
import MartletFrames
import MartletGovernance
import MartletIngestion
import MartletModels
import MartletPlan
import MartletRegistry
import MartletServing
import MartletStatistics
import MartletStorage
import MartletTraining
import MartletWorld

extension ProjectSource {
    /// The files as bytes: a version, a count, then each path and text.
    var blob: [UInt8] {
        var writer = ByteWriter()
        writer.write(UInt8(1))
        writer.write(varint: UInt64(files.count))
        for file in files {
            writer.write(file.path)
            writer.write(file.text)
        }
        return writer.bytes
    }

    /// Reads what ``blob`` wrote.
    init(blob bytes: [UInt8]) throws {
        var reader = ByteReader(bytes)
        let version = try reader.readByte()
        guard version == 1 else {
            throw PlatformError(
                .damaged, "the stored definitions have form \(version); this program knows form 1", hint: "use a newer program")
        }
        let count = try reader.readCount(minimumSize: 2)
        var files: [File] = []
        for _ in 0..<count { files.append(File(path: try reader.readString(), text: try reader.readString())) }
        self.init(files)
    }
}
