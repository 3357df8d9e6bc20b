import MartletBytes
package import MartletFrames
package import MartletWorld

/// The event log over files, one step at a time: what the group-committing shell and the simulator both run.
///
/// An append writes one block and syncs it; only then it answers. After a failed write or sync nothing can be known of
/// what is on the disk, so the writer stops for good. A full disk before the sync is no such failure.
package struct LogWriter: Sendable {
    let world: World
    let folder: RelativePath
    private(set) var core: LogWriterCore
    private(set) var sealed: [SealedSegment]
    private(set) var path: RelativePath
    private(set) var file: any File
    /// What stopped the writer.
    package private(set) var failure: LogError?
    private var pages: GenerationCache<KeyFile.Page, [UInt8]>

    init(
        world: World, folder: RelativePath, core: LogWriterCore, sealed: [SealedSegment], path: RelativePath,
        file: any File
    ) {
        self.world = world
        self.folder = folder
        self.core = core
        self.sealed = sealed
        self.path = path
        self.file = file
        pages = GenerationCache(costMax: core.configuration.cachedKeyPages)
    }

    package var end: Int64 { core.catalog.endPosition }

    /// What readers may see now.
    package var view: LogView {
        LogView(sealed: sealed, active: LogView.Segment(path: path, file: file, catalog: core.catalog))
    }

    /// Stores the rows of several appends in one block and answers for each append, batch and row.
    ///
    /// - Throws: ``LogError`` `full`, after which it may be tried again; `stopped`, after which it may not.
    package mutating func append(_ appends: [[RecordBatch]]) throws(LogError) -> [[[Disposition]]] {
        if let failure { throw failure }
        core.settle()
        if core.isFull { try roll() }
        let ingestTime = world.clock.now().microseconds
        let prepared = try remakingKeys { writer throws(LogError) in
            var pages = writer.pages
            writer.pages.removeAll()
            defer { writer.pages = pages }
            return try writer.core.prepare(appends, ingestTime: ingestTime) { key throws(LogError) in
                try Self.state(of: key, in: writer.sealed, pages: &pages)
            }
        }
        if !prepared.bytes.isEmpty { try store(prepared) }
        return prepared.dispositions
    }

    /// Does what the last append left to be done after its answer; else the next append does it first.
    package mutating func settle() { core.settle() }

    /// The current versions of keys.
    package mutating func current(of keys: [Fingerprint]) throws(LogError) -> [KeyState?] {
        core.settle()
        return try remakingKeys { writer throws(LogError) in
            var states: [KeyState?] = []
            states.reserveCapacity(keys.count)
            for key in keys {
                if key == .none {
                    states.append(nil)
                } else if let state = writer.core.keys[key] {
                    states.append(state)
                } else {
                    states.append(try Self.state(of: key, in: writer.sealed, pages: &writer.pages))
                }
            }
            return states
        }
    }

    /// Marks the end, so that from now on damage to the last block is told from a torn tail; takes no more appends.
    package mutating func close() throws(LogError) {
        guard failure == nil else { return }
        core.settle()
        // Without these files the next start takes longer, and is as right.
        if let work = indexWork { adopt(work.outcome()) }
        if core.catalog.lastBlock != nil, !core.catalog.endsWithMark {
            try store(core.prepareMark(ingestTime: world.clock.now().microseconds))
        }
        failure = .stopped(nil)
    }

    /// Does something that reads key files; one whose page is damaged is made again from its segment, once each.
    private mutating func remakingKeys<Result>(
        _ body: (inout LogWriter) throws(LogError) -> Result
    ) throws(LogError) -> Result {
        var remade: Set<String> = []
        while true {
            do throws(LogError) { return try body(&self) } catch {
                guard let file = error.place?.file, remade.insert(file).inserted,
                    let index = sealed.firstIndex(where: { segment in
                        if case .file(let keys) = segment.keys { "\(keys.path)" == file } else { false }
                    })
                else { throw error }
                pages.removeAll()
                let segment = sealed[index]
                let (_, keys) = try Self.remakeIndexes(
                    of: segment.catalog.header, segment.file, in: folder, endPosition: segment.catalog.endPosition,
                    after: Array(sealed[..<index]), world: world, configuration: core.configuration, pages: &pages)
                sealed[index].keys = .file(keys)
            }
        }
    }

    private mutating func store(_ prepared: LogWriterCore.Prepared) throws(LogError) {
        do throws(FileError) {
            try file.write(prepared.bytes, at: prepared.offset)
        } catch {
            guard error.kind == .full else { throw stop(error) }
            // Nothing was promised: the torn block is cut off for certain, so that the answer "not stored" stays true.
            do throws(FileError) {
                try file.truncate(to: prepared.offset)
                try file.sync()
            } catch { throw stop(error) }
            throw .full(error)
        }
        do throws(FileError) { try file.sync() } catch { throw stop(error) }
        core.commit(prepared)
    }

    private mutating func stop(_ cause: FileError) -> LogError {
        let error = LogError.stopped(cause)
        failure = error
        return error
    }

    // MARK: Sealing

    /// Whether the next append seals the active segment, and the segment before is still to be indexed, which comes first.
    package var awaitsIndex: Bool { core.isFull && indexWork != nil }

    /// What there is to do for the segment that was sealed last; nil once its index and key files are written.
    ///
    /// Until then its keys are in memory, and it is read through should the log be opened. There is one such segment at
    /// most: the next is sealed only after it.
    package var indexWork: IndexWork? {
        guard let last = sealed.last, case .table(let keys) = last.keys else { return nil }
        return IndexWork(folder: folder, catalog: last.catalog, keys: keys, files: world.files)
    }

    /// Takes in what the work wrote. The result of work that failed is dropped: it is done again when it must be.
    package mutating func adopt(_ written: Result<KeyFile, FileError>) {
        guard let last = sealed.indices.last, case .table = sealed[last].keys, case .success(let keys) = written else { return }
        sealed[last].keys = .file(keys)
    }

    /// Writes the files that are still to be written, if any.
    ///
    /// - Throws: ``LogError`` `full`, after which it may be tried again; `stopped`, after which it may not.
    private mutating func index() throws(LogError) {
        if let failure { throw failure }
        guard let work = indexWork else { return }
        do throws(FileError) { adopt(.success(try work.run())) } catch {
            throw error.kind == .full ? .full(error) : stop(error)
        }
    }

    /// Seals the active segment and begins the next; a full disk leaves the active one as it is, to be tried again.
    private mutating func roll() throws(LogError) {
        try index()
        do throws(FileError) {
            let next = core.nextHeader
            let nextPath = SegmentPaths(folder, firstPosition: next.firstPosition).segment
            let nextFile = try Self.createSegment(next, at: nextPath, in: world.files)
            sealed.append(SealedSegment(path: path, file: file, catalog: core.catalog, keys: .table(core.keys)))
            path = nextPath
            file = nextFile
            core = LogWriterCore(
                SegmentCatalog(next), keys: LogWriterCore.emptyKeys(for: next), configuration: core.configuration)
        } catch {
            throw error.kind == .full ? .full(error) : stop(error)
        }
    }
}

extension LogWriter {
    /// The newest sealed segment that holds a key knows its state.
    static func state(
        of key: Fingerprint, in sealed: [SealedSegment], pages: inout GenerationCache<KeyFile.Page, [UInt8]>
    ) throws(LogError) -> KeyState? {
        for segment in sealed.reversed() {
            if let state = try segment.state(of: key, pages: &pages) { return state }
        }
        return nil
    }

    /// Makes an empty segment durable, name included.
    static func createSegment(
        _ header: SegmentHeader, at path: RelativePath, in files: any FileSystem
    ) throws(FileError) -> any File {
        // A file may be left from a try that found the disk full: it holds no block, since none is written before this returns.
        let file = try files.open(path, .write)
        do throws(FileError) {
            try file.truncate(to: 0)
            try file.write(header.encoded(), at: 0)
        } catch {
            try? files.remove(path)
            throw error
        }
        try file.sync()
        try files.syncFolder(path.parent)
        return file
    }
}
