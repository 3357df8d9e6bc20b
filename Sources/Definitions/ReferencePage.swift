/// The reference of the users' files, made from the tables that the readers read by.
public enum ReferencePage {
    /// Markdown with every kind and every key.
    public static func markdown(_ registry: KindRegistry) -> String {
        var page = """
            # Project files

            Every key of every file of a project. This page is generated from the program's own key tables; do not edit it.

            A project is a folder. `martlet.yaml` stands at its top and may be left out; every other definition is a YAML document in
            a `*.yaml` file below one of the folders \(registry.folders.map { "`\($0)/`" }.joined(separator: ", ")).
            A file may hold several documents, parted by `---`. The kind of a document is told by its key, not by its folder.

            Spans of time are a whole number and one unit: `7d`, `12h`, `30m`, `45s`, `250ms`, `10us`. A day is 86,400 seconds.
            Names are a letter or `_`, then letters, digits and `_`. Every unknown key is an error. Anchors, aliases, tags and merge keys of YAML are not read.

            """
        for kind in registry.kinds.reversed() {
            page += "\n## `\(kind.name)`\n\n\(kind.summary)\n\n```yaml\n\(kind.example)\n```\n"
            for (index, table) in kind.tables.enumerated() {
                if index > 0 { page += "\n### \(table.title)\n" }
                if !table.summary.isEmpty, index > 0 { page += "\n\(table.summary)\n" }
                page += "\n| key | takes | left out | meaning |\n| --- | --- | --- | --- |\n"
                for key in table.keys {
                    page += "| `\(key.name)` | \(cell(key.type)) | \(key.standard.map(cell) ?? "*must be there*") | \(cell(key.summary)) |\n"
                }
            }
        }
        return page
    }

    private static func cell(_ text: String) -> String {
        text.split(separator: "|", omittingEmptySubsequences: false).joined(separator: "\\|")
    }
}
