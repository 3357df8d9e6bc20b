/// The program itself.
public enum Martlet {
    /// Its version, until the first release.
    public static let version = "0.1.0"
    /// The meaning of features, labels and predictions, as `docs/reference/semantics.md` states it; a number that is
    /// stored with every model and prediction.
    public static let semanticsVersion = 1
}
