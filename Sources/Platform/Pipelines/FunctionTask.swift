import MartletExpressions
import MartletFrames
import MartletPipelines

extension FunctionWork: PlatformTask {
    func perform(_ context: TaskContext, on platform: Platform) async throws -> [String: TaskValue] {
        guard let functions = platform.taskSettings.functions, functions.build == build else {
            throw TaskFailure(
                reason: "the function '\(function)' is compiled into the program \(build.prefix(20))…, which this is not: apply the definitions with the program that serves")
        }
        guard let body = functions[context.start.facts.pipeline, function] else {
            throw TaskFailure(reason: "this program has no function '\(function)' of pipeline '\(context.start.facts.pipeline)'")
        }
        var arguments: [String: String] = [:]
        for (name, text) in self.arguments { arguments[name] = try text.render(in: context.scope) }
        let given = try await body(TaskRun(context: context, platform: platform, arguments: arguments))
        if let unknown = given.keys.sorted().first(where: { name in !outputs.contains { $0.name == name } }) {
            throw TaskFailure(reason: "the function gave '\(unknown)', which its task does not declare under 'outputs'")
        }
        return Dictionary(uniqueKeysWithValues: try outputs.map { ($0.name, try value(of: $0, given[$0.name])) })
    }

    private func value(of output: TaskOutput, _ given: [Value]?) throws -> TaskValue {
        guard let given else { throw TaskFailure(reason: "the function did not give '\(output.name)'") }
        func checked(_ value: Value, _ type: ValueType) throws -> Value {
            guard value.type == nil || value.type == type else {
                throw TaskFailure(reason: "the function gave '\(output.name)' as \(value.type?.rawValue ?? "missing") where \(type.rawValue) is declared")
            }
            return value
        }
        switch output.type {
        case .scalar(let type):
            guard given.count == 1 else { throw TaskFailure(reason: "the function gave \(given.count) values for '\(output.name)', which is one") }
            return .scalar(try checked(given[0], type))
        case .list(let type):
            guard given.count <= TaskOutput.listLimit else {
                throw TaskFailure(reason: "'\(output.name)' has \(given.count) items; a list has at most \(TaskOutput.listLimit)")
            }
            return .list(try given.map { try checked($0, type) })
        case .file: throw TaskFailure(reason: "a function gives no files")
        }
    }
}
