package import MartletDefinitions

/// What a pipeline's references are resolved in: the names of the project, and the room of its pools.
package struct PipelineSurroundings {
    /// What an endpoint answers with.
    package enum Answer: Hashable, Sendable {
        /// A probability or another number.
        case number
        /// A probability of each label.
        case labels
    }

    package var streams: Set<String>
    /// Of each model the names of its metrics.
    package var models: [String: [String]]
    package var endpoints: [String: Answer]
    /// The room of each pool that the project declares; of `memory` in bytes. Nil where the declaration has mistakes.
    package var pools: [String: Int64]?
    /// Streams, models and endpoints with mistakes of their own, which are told there: `stream orders`.
    package var broken: Set<String>

    package init(
        streams: Set<String> = [], models: [String: [String]] = [:], endpoints: [String: Answer] = [:], pools: [String: Int64]? = [:],
        brokenStreams: Set<String> = [], brokenModels: Set<String> = [], brokenEndpoints: Set<String> = []
    ) {
        self.streams = streams
        self.models = models
        self.endpoints = endpoints
        self.pools = pools
        broken = Set(
            brokenStreams.map { "stream \($0)" } + brokenModels.map { "model \($0)" } + brokenEndpoints.map { "endpoint \($0)" })
    }

    /// Whether a thing exists; one that does not is reported, unless it has mistakes of its own.
    ///
    /// A broken thing exists as far as its users are concerned; what it is made of is not known.
    package func check(_ what: String, _ name: Located<String>, within: String, errors: ErrorCollector) -> Bool {
        let exists =
            switch what {
            case "stream": streams.contains(name.value)
            case "model": models[name.value] != nil
            default: endpoints[name.value] != nil
            }
        if exists || broken.contains("\(what) \(name.value)") { return true }
        let known: [String] =
            switch what {
            case "stream": Array(streams)
            case "model": Array(models.keys)
            default: Array(endpoints.keys)
            }
        let hidden = broken.filter { $0.hasPrefix(what + " ") }.map { String($0.dropFirst(what.count + 1)) }
        errors.addUnknown(
            what, name.value, within: within, at: name.place, choices: (known + hidden).sorted(), plural: what + "s")
        return false
    }
}
