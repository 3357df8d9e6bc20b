import MartletBytes
import MartletFrames
package import MartletWorld

extension LogWriter {
    /// Opens the log in a folder, or begins one, and repairs what a crash left.
    ///
    /// Only the last segment is read through; of the others, the header, the index and the filter of keys. A torn tail of
    /// the last segment is cut off; anything else that is wrong is reported and left as it is. Index and key files that are
    /// missing, damaged or stale are made again from their segment.
    package static func open(world: World, folder: RelativePath, configuration: LogConfiguration = .init()) throws(LogError) -> LogWriter {
        do {
            try world.files.createFolder(folder)
            if folder != .root { try world.files.syncFolder(folder.parent) }
            let names = try world.files.list(folder)
            for name in names where name.hasSuffix(SegmentPaths.temporarySuffix) {
                if let path = folder.appending(name) { try world.files.remove(path) }
            }
            // The names are sorted, and as they have one length each, so are the positions.
            var firsts = names.compactMap(SegmentPaths.firstPosition)
            if let last = firsts.last, try isUnfinished(SegmentPaths(folder, firstPosition: last).segment, in: world.files) {
                // A crash came between its creation and its first sync: it holds nothing, and is made again when needed.
                try world.files.remove(SegmentPaths(folder, firstPosition: last).segment)
                firsts.removeLast()
            }
            guard let last = firsts.popLast() else { return try create(world, folder, configuration) }
            var opening = Opening(world: world, folder: folder, configuration: configuration)
            for (index, first) in firsts.enumerated() {
                try opening.addSealed(first, next: index + 1 < firsts.count ? firsts[index + 1] : last)
            }
            let writer = try opening.addActive(last)
            try world.files.syncFolder(folder)
            return writer
        } catch let error as LogError { throw error
        } catch let error as FileError { throw .unavailable(error)
        } catch { throw .damaged(folder, at: 0, "\(error)") }
    }

    private static func create(
        _ world: World, _ folder: RelativePath, _ configuration: LogConfiguration
    ) throws -> LogWriter {
        let header = SegmentHeader(
            logHigh: world.random.next(), logLow: world.random.next(), firstPosition: 0, firstSequence: 0, previousChecksum: 0)
        let path = SegmentPaths(folder, firstPosition: 0).segment
        let file = try createSegment(header, at: path, in: world.files)
        let core = LogWriterCore(
            SegmentCatalog(header), keys: LogWriterCore.emptyKeys(for: header), configuration: configuration)
        return LogWriter(world: world, folder: folder, core: core, sealed: [], path: path, file: file)
    }

    /// Whether a segment's header never became durable; if there are blocks it did, and a bad one is damage.
    private static func isUnfinished(_ path: RelativePath, in files: any FileSystem) throws -> Bool {
        let file = try files.open(path, .read)
        guard try file.size() <= SegmentHeader.size else { return false }
        return try SegmentHeader.decode(try file.read(at: 0, count: SegmentHeader.size)[...], of: path) == nil
    }
}

/// The segments that were opened so far, oldest first.
private struct Opening {
    let world: World
    let folder: RelativePath
    let configuration: LogConfiguration
    private var sealed: [SealedSegment] = []
    private var pages: GenerationCache<KeyFile.Page, [UInt8]>

    init(world: World, folder: RelativePath, configuration: LogConfiguration) {
        self.world = world
        self.folder = folder
        self.configuration = configuration
        pages = GenerationCache(costMax: configuration.cachedKeyPages)
    }

    /// Opens a segment that another follows.
    mutating func addSealed(_ first: Int64, next: Int64) throws {
        let paths = SegmentPaths(folder, firstPosition: first)
        let file = try world.files.open(paths.segment, .read)
        let header = try readHeader(first, file, paths)
        let size = try file.size()
        var catalog: SegmentCatalog?
        if try world.files.size(paths.index) != nil {
            let index = try world.files.open(paths.index, .read)
            catalog = try SegmentCatalog.decode(
                try index.read(at: 0, count: try index.size()), for: header, of: paths.index)
        }
        var keys: KeyFile?
        if let known = catalog, known.endOffset == size, known.endPosition == next {
            if try world.files.size(paths.keys) != nil {
                keys = try KeyFile.open(paths.keys, try world.files.open(paths.keys, .read), for: known)
            }
        } else {
            catalog = nil
        }
        if let catalog, let keys {
            sealed.append(SealedSegment(path: paths.segment, file: file, catalog: catalog, keys: .file(keys)))
        } else {
            let (catalog, keys) = try LogWriter.remakeIndexes(
                of: header, file, in: folder, endPosition: next, after: sealed, world: world, configuration: configuration,
                pages: &pages)
            sealed.append(SealedSegment(path: paths.segment, file: file, catalog: catalog, keys: .file(keys)))
        }
    }

    /// Opens the last segment: reads it through, cuts off a torn tail and makes its end durable.
    mutating func addActive(_ first: Int64) throws -> LogWriter {
        let paths = SegmentPaths(folder, firstPosition: first)
        let file = try world.files.open(paths.segment, .write)
        let header = try readHeader(first, file, paths)
        let (catalog, table, end) = try LogWriter.scan(
            header, file, size: try file.size(), after: sealed, configuration: configuration, pages: &pages)
        switch end {
        case .whole: break
        case .torn(let offset): try file.truncate(to: offset)
        case .damaged(let offset, let what): throw LogError.damaged(paths.segment, at: offset, what)
        }
        // What reads back may never have reached the disk: after a failed sync the kernel shows bytes that it will not
        // write again. At most the last block can be such; it is written once more, so that the sync means something.
        let start = catalog.lastBlock ?? 0
        try file.write(try file.read(at: start, count: catalog.endOffset - start), at: start)
        try file.sync()
        let core = LogWriterCore(catalog, keys: table, configuration: configuration)
        return LogWriter(world: world, folder: folder, core: core, sealed: sealed, path: paths.segment, file: file)
    }

    /// Reads a segment's header and checks that it goes on where the segment before ends.
    private func readHeader(_ first: Int64, _ file: any File, _ paths: SegmentPaths) throws -> SegmentHeader {
        let bytes = try file.read(at: 0, count: SegmentHeader.size)
        guard let header = try SegmentHeader.decode(bytes[...], of: paths.segment) else {
            throw LogError.damaged(paths.segment, at: 0, "the header does not match its checksum")
        }
        guard header.firstPosition == first else {
            throw LogError.damaged(paths.segment, at: 0, "the header is of the segment that begins at \(header.firstPosition)")
        }
        guard let before = sealed.last?.catalog else {
            guard first == 0 else { throw LogError.damaged(paths.segment, at: 0, "the segments before it are missing") }
            return header
        }
        guard header.logHigh == before.header.logHigh, header.logLow == before.header.logLow else {
            throw LogError.damaged(paths.segment, at: 0, "it belongs to another log")
        }
        guard header.firstPosition == before.endPosition, header.firstSequence == before.nextSequence,
            header.previousChecksum == before.lastChecksum
        else { throw LogError.damaged(paths.segment, at: 0, "it does not follow the segment before it") }
        return header
    }
}

extension LogWriter {
    /// Makes the index and key files of a sealed segment again by reading it through.
    ///
    /// - Parameters:
    ///   - endPosition: where the next segment begins.
    ///   - sealed: the segments before it.
    static func remakeIndexes(
        of header: SegmentHeader, _ file: any File, in folder: RelativePath, endPosition: Int64, after sealed: [SealedSegment],
        world: World, configuration: LogConfiguration, pages: inout GenerationCache<KeyFile.Page, [UInt8]>
    ) throws(LogError) -> (SegmentCatalog, KeyFile) {
        let paths = SegmentPaths(folder, firstPosition: header.firstPosition)
        do {
            let size = try file.size()
            let (catalog, table, end) = try scan(
                header, file, size: size, after: sealed, configuration: configuration, pages: &pages)
            switch end {
            case .whole: break
            case .torn(let offset): throw LogError.damaged(paths.segment, at: offset, "it is sealed and ends within a block")
            case .damaged(let offset, let what): throw LogError.damaged(paths.segment, at: offset, what)
            }
            guard catalog.endPosition == endPosition else {
                throw LogError.damaged(
                    paths.segment, at: size,
                    "it ends at position \(catalog.endPosition), and the next segment begins at \(endPosition)")
            }
            let work = IndexWork(folder: folder, catalog: catalog, keys: table, files: world.files)
            return (catalog, try work.run())
        } catch let error as LogError { throw error
        } catch let error as FileError { throw .unavailable(error)
        } catch { throw .damaged(paths.segment, at: 0, "\(error)") }
    }

    /// Reads a segment through from its first block.
    static func scan(
        _ header: SegmentHeader, _ file: any File, size: Int, after sealed: [SealedSegment], configuration: LogConfiguration,
        pages: inout GenerationCache<KeyFile.Page, [UInt8]>
    ) throws -> (SegmentCatalog, KeyTable, SegmentScanner.End) {
        var catalog = SegmentCatalog(header)
        // A guess that saves growing the table again and again.
        var table = KeyTable(seed: header.logHigh, capacity: min(size / 64, configuration.segmentRows))
        var scanner = SegmentScanner(size: size) { offset, count throws(FileError) in try file.read(at: offset, count: count) }
        let end = try scanner.scan(&catalog, extentBytes: configuration.extentBytes) { block in
            try table.add(block) { try state(of: $0, in: sealed, pages: &pages) }
        }
        return (catalog, table, end)
    }
}
