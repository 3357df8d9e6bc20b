import MartletAccess
package import MartletDefinitions

/// Reads the name of a secret. Whether there is one is not known at plan: secrets are set apart from the project's files.
package enum SecretName {
    /// Nil for a text that can name none, which is reported.
    package static func check(_ text: Located<String>, _ errors: ErrorCollector) -> String? {
        if SecretTable.isName(text.value) { return text.value }
        errors.add(
            .wrongValue, at: text.place, "'\(text.value.shortened(to: 60))' cannot be the name of a secret", found: text.value.shortened(to: 60),
            expected: "the name of a secret",
            hint: "a secret's name is a letter, then letters, digits, _ or -; its value is set with 'martlet secret set'")
        return nil
    }
}
