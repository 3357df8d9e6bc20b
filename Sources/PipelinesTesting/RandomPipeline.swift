import MartletDefinitions
import MartletFrames
package import MartletPipelines
package import MartletWorld

/// Draws pipelines that are small and have everything in them.
package enum RandomPipeline {
    package static let pools: [String: Int64] = ["cpu": 3, "slots": 2]

    package static func make(named name: String, random: inout SplitMix64) -> PipelineDefinition {
        func chance(_ share: Double) -> Bool { Double.random(in: 0..<1, using: &random) < share }
        let place = SourcePlace(file: "pipelines/\(name).yaml", line: 1, column: 1)
        let count = Int.random(in: 1...9, using: &random)
        var tasks: [TaskDefinition] = []
        var givers: [String] = []
        for number in 0..<count {
            let before = tasks.filter { _ in chance(0.35) }.map(\.name)
            let isApproval = chance(0.06)
            let waits = !isApproval && chance(0.08)
            var mapping: TaskMapping?
            var after = before
            if chance(0.2), !isApproval {
                if let giver = givers.randomElement(using: &random), chance(0.6) {
                    mapping = .result(task: giver, output: "items")
                    if !after.contains(giver) { after.append(giver) }
                } else {
                    mapping = .items((0..<Int.random(in: 0...4, using: &random)).map { .int64(Int64($0)) })
                }
            }
            let work: AnyTaskWork =
                isApproval
                ? AnyTaskWork(SimulatedApproval())
                : AnyTaskWork(SimulatedWork(waits: waits, items: Int.random(in: 0...3, using: &random)))
            let rule = after.isEmpty || chance(0.6) ? TriggerRule.allSuccess : TriggerRule.allCases.randomElement(using: &random) ?? .allDone
            var needs: [String: Int64] = isApproval || waits ? [:] : ["cpu": Int64.random(in: 0...3, using: &random)]
            if chance(0.3) { needs["slots"] = Int64.random(in: 1...2, using: &random) }
            tasks.append(
                TaskDefinition(
                    name: "t\(number)", place: place, work: work, after: after, rule: after.isEmpty ? .allSuccess : rule,
                    mapping: mapping,
                    retry: RetryPolicy(
                        retries: Int.random(in: 0...2, using: &random), delay: .seconds(Int64.random(in: 0...20, using: &random))),
                    timeout: chance(0.25) ? .seconds(Int64.random(in: 5...40, using: &random)) : nil,
                    deadline: chance(0.1) ? .seconds(Int64.random(in: 5...60, using: &random)) : nil, needs: needs,
                    priority: Int.random(in: 0...2, using: &random), maxActive: chance(0.15) ? 1 : nil,
                    allowFailure: chance(0.15)))
            if mapping == nil, !isApproval, !waits { givers.append("t\(number)") }
        }
        if chance(0.3) {
            tasks.append(
                TaskDefinition(name: "tell", place: place, work: AnyTaskWork(SimulatedWork()), isOnFailure: true))
        }
        let every = Timestamp.Span.seconds(Int64.random(in: 60...600, using: &random))
        return PipelineDefinition(
            name: name, place: place,
            schedule: chance(0.5) ? PipelineSchedule(.every(every), catchup: chance(0.5)) : nil,
            triggers: chance(0.3) ? [.stream("events", every: .seconds(120))] : [],
            maxActiveRuns: Int.random(in: 1...3, using: &random), maxActiveTasks: Int.random(in: 1...5, using: &random),
            priority: Int.random(in: 0...1, using: &random), deadline: chance(0.2) ? .seconds(90) : nil,
            timeout: chance(0.15) ? .seconds(Int64.random(in: 40...300, using: &random)) : nil, tasks: tasks)
    }
}
