import MartletDefinitions
import MartletFrames
import MartletSQL

extension SQLWork {
    public static let kind = TaskKind(
        word: "sql", type: "text",
        summary: """
            Carries out SQL by DuckDB, where its library is present: over the project's files (`FROM 'data/*.parquet'`, `read_csv($file)`) and \
            databases. All of its statements take effect or none. They see the visible files of the project's folder and no network. Nothing is put \
            into the text: `$name` stands for a value of `parameters`. `needs: { cpu: 4 }` gives it four threads. It gives `rows`, how many the last \
            statement gave or changed; with `to` also `file`; else what `outputs` names.
            """,
        keys: [
            .optional(
                "parameters", "map of values",
                "What `$name` stands for in the statements; each may hold `${…}`. A moment is a `TIMESTAMP` in UTC, a file of another task its path."),
            .optional("database", "path", standard: "one in memory", "A database file below the project's folder; one task at a time may hold it."),
            .optional(
                "to", "path",
                "Where the last statement's rows are written: `.parquet`, `.csv`, `.csv.gz`, `.ndjson` or `.ndjson.gz` below the project's folder."),
            .optional(
                "outputs", "map from names to types",
                "What is handed on of the last statement's columns by these names: a type, of the one row that there must be, or `list of` a type, of up to 10,000 rows."),
            .optional(
                "limits", "map", standard: "memory from `needs`, else `2GiB`",
                "Bounds, as of [a program](#the-limits-of-a-program). Beyond its memory DuckDB goes on on the disk."),
            RunWork.inputsKey, RunWork.graceKey,
        ],
        read: { value, task in read(value, &task) })

    private static func read(_ value: LocatedNode, _ task: inout TaskReader) -> SQLWork? {
        let errors = task.errors
        let before = errors.count
        let statements = statements(value, &task)
        let parameters = parameters(&task, of: statements)
        let database = task.path("database")
        let target = task.path("to")
        if let path = target?.text.literal, SQLRequest.Format(fileName: path) == nil {
            errors.add(.wrongValue, at: task.map.keyPlace("to"), "\(task.subject("to")): \(unknownFormat(path))", found: path)
        }
        let columns = task.outputs()
        if target != nil, task.map.has("outputs") {
            errors.add(
                .conflict, at: task.map.keyPlace("outputs"), "\(task.title) has 'to' and 'outputs'; rows go to a file or are handed on",
                hint: "let another task read the file")
        }
        for column in columns where column.name == "rows" || column.type == .file {
            errors.add(
                .wrongValue, at: task.map.keyPlace("outputs"),
                column.name == "rows"
                    ? "'rows' cannot be declared as an output of \(task.title), which gives the number of rows by this name"
                    : "the output '\(column.name)' of \(task.title) cannot be a file: it is a column",
                found: column.name, hint: column.name == "rows" ? nil : "to: data/NAME.parquet")
        }
        let limits = RunWork.limits(&task)
        let inputs = RunWork.inputs(&task)
        let grace = RunWork.grace(&task)
        guard let statements, errors.count == before else { return nil }
        return SQLWork(
            statements: statements, parameters: parameters, database: database, target: target, columns: columns, limits: limits,
            inputs: inputs, grace: grace)
    }

    private static func statements(_ node: LocatedNode, _ task: inout TaskReader) -> SQLStatements? {
        let subject = task.subject("sql")
        guard case .scalar(let scalar) = node.content, !scalar.isNull else {
            task.values("sql").wrong(node, expected: "a text of SQL")
            return nil
        }
        guard scalar.text.utf8.count <= PipelineLimits.textBytes else {
            task.errors.add(
                .tooLarge, at: node.place, "\(subject) has \(scalar.text.utf8.count) bytes; a text may have \(PipelineLimits.textBytes)")
            return nil
        }
        guard !scalar.text.utf8.contains(0) else {
            task.errors.add(.wrongValue, at: node.place, "\(subject) has a zero byte")
            return nil
        }
        do throws(SQLStatements.Failure) {
            return try SQLStatements(scalar.text)
        } catch {
            task.errors.add(
                .wrongValue, at: node.place(atOffset: error.offset), "\(subject) \(error.message)", found: scalar.text.shortened(to: 60),
                hint: error.hint)
            return nil
        }
    }

    private static func parameters(_ task: inout TaskReader, of statements: SQLStatements?) -> [String: TaskArgument] {
        let errors = task.errors
        var given: [String: TaskArgument] = [:]
        var names: Set<String> = []
        let node = task.map.node("parameters")
        for entry in node.map({ task.entries($0, key: "parameters") }) ?? [] {
            let subject = "the parameter '\(entry.key.shortened(to: 60))' of \(task.title)"
            let name = entry.key.lowercased()
            guard names.insert(name).inserted else {
                errors.add(.conflict, at: entry.keyPlace, "\(subject) is given twice; SQL does not tell capitals apart", found: entry.key)
                continue
            }
            if let statements, !statements.parameters.contains(name) {
                errors.add(
                    .wrongValue, at: entry.keyPlace, "\(subject) is read by no statement", found: entry.key,
                    hint: "write $\(entry.key.shortened(to: 60)) where its value stands, or remove it")
            }
            switch task.json(entry.value, subject) {
            case .value(let value)?: given[name] = .literal(value)
            case .expression(let expression)?: given[name] = .expression(expression)
            case .text(let text)?: given[name] = .text(text)
            case .list?, .map?: NodeValues(errors, subject).wrong(entry.value, expected: "a value")
            case nil: break
            }
        }
        for name in statements?.parameters.subtracting(names).sorted() ?? [] {
            errors.addUnknown(
                "parameter", name, within: " of \(task.title), which a statement reads as '$\(name.shortened(to: 60))'",
                at: node?.place ?? task.map.keyPlace("sql"), choices: names.sorted(), plural: "parameters")
        }
        return given
    }
}
