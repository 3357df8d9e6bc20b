import MartletAccess
import MartletBytes
import MartletDefinitions
import MartletExpressions
import MartletFeatureStore
import MartletGovernance
import MartletIngestion
import MartletModels
import MartletMonitoring
import MartletPipelines
import MartletPlatform
import MartletRegistry
import MartletServing
import MartletStorage
import MartletTraining
import MartletWorld

/// The one table from the modules' errors to answers: status, stable code, sentence, next step.
///
/// An error that is not in it is a mistake of ours, answered as `internal` without its text.
extension Problem {
    init?(_ error: any Error) {
        switch error {
        case let error as InputError:
            self.init(status: 400, code: "invalid_input", message: error.message, place: error.place, hint: error.hint)
        case let error as BodyError: self.init(error)
        case let error as JSONError:
            self.init(
                status: error.code == .tooLong ? 413 : 400, code: "malformed_json", message: error.message,
                place: "byte \(error.offset)", hint: error.hint)
        case let error as AccessError: self.init(error)
        case let error as PlatformError: self.init(error)
        case let error as DefinitionErrors: self.init(error)
        case let error as DefinitionError: self.init(DefinitionErrors([error]))
        case let error as ExpressionError:
            self.init(
                status: 422, code: "definition_invalid", message: error.message,
                place: "expression \(error.position.line):\(error.position.column)", hint: error.hint)
        case let error as IngestionError: self.init(error)
        case let error as RegistryError: self.init(error)
        case let error as ServingError: self.init(status: 500, code: "damaged", message: error.message, hint: error.hint)
        case let error as MonitoringError: self.init(status: 500, code: "damaged", message: error.message, hint: error.hint)
        case let error as AlarmError: self.init(error)
        case let error as SchedulerError: self.init(error)
        case let error as FeatureStoreError: self.init(error)
        case let error as TrainingError: self.init(error)
        case let error as PackageError:
            self.init(
                status: 500, code: "model_package_refused", message: error.message, place: error.file,
                hint: error.hint ?? "run 'martlet doctor'")
        case let error as ModelError:
            self.init(
                status: error.code == .schemaMismatch ? 400 : 500,
                code: error.code == .schemaMismatch ? "inputs_mismatch" : "model_unreadable", message: error.message, hint: error.hint)
        case let error as LogError: self.init(error)
        case let error as DatabaseError: self.init(error)
        case let error as VaultError: self.init(error)
        case let error as BlobError: self.init(error)
        case let error as GovernanceError: self.init(error)
        case let error as AnswerTooLarge:
            self.init(
                status: 413, code: "answer_too_large", message: "the answer has more than \(error.limit) bytes",
                hint: "ask for less, or for it in pages")
        case let error as FileError:
            self.init(
                status: 503, code: "storage_unavailable", message: "\(error)", hint: "check the disk and the folder's permissions")
        default: return nil
        }
    }

    private init(_ error: BodyError) {
        switch error {
        case .tooLarge(let limit): self = .tooLarge(limit: limit)
        case .connectionClosed:
            self.init(
                status: 400, code: "body_cut_off", message: "the connection closed before the body's end",
                hint: "what was answered before is stored; send the rest, or all of it: repeats have no effect")
        }
    }

    private init(_ error: AccessError) {
        let (status, code): (Int, String) =
            switch error.code {
            case .unauthenticated: (401, "unauthenticated")
            case .tooManyAttempts: (429, "too_many_attempts")
            case .denied: (403, "denied")
            case .notFound: (404, "token_not_found")
            case .noSecret: (404, "not_found")
            case .invalidSecret: (400, "invalid")
            case .unavailable: (503, "access_unavailable")
            default: (400, "invalid_token_request")
            }
        self.init(
            status: status, code: code, message: error.message, hint: error.hint,
            retryAfter: error.code == .tooManyAttempts ? Self.attemptSeconds : nil)
    }

    /// By then one more attempt is answered, whatever the source's failures were: one drains in six seconds.
    private static let attemptSeconds = 7

    private init(_ error: PlatformError) {
        let (status, code): (Int, String) =
            switch error.code {
            case .notApplied: (409, "not_applied")
            case .notFound: (404, "not_found")
            case .invalid: (400, "invalid")
            case .conflict: (409, "conflict")
            case .held: (423, "project_held")
            // The request itself is too large: the same again will not do.
            case .tooMany: (413, "limit_reached")
            case .gateFailed: (422, "gate_failed")
            case .unavailable: (503, "unavailable")
            default: (500, "damaged")
            }
        self.init(
            status: status, code: code, message: error.message, place: error.place, hint: error.hint,
            retryAfter: status == 503 ? 1 : nil)
    }

    private init(_ errors: DefinitionErrors) {
        let first = errors.errors.first
        let count = errors.errors.count + errors.omittedCount
        self.init(
            status: 422, code: "definition_invalid",
            message: count == 1 ? first?.message ?? "" : "the project's files have \(count) mistakes; the first: \(first?.message ?? "")",
            place: first?.place.map { "\($0)" },
            hint: [first?.nearest.map { "did you mean '\($0)'?" }, first?.hint].compactMap(\.self).joined(separator: " "),
            details: errors.errors.map(Self.detail))
        if hint == "" { hint = nil }
    }

    private static func detail(_ error: DefinitionError) -> JSONValue {
        var detail = JSONObject()
        detail["code"] = .string("\(error.code)")
        detail["message"] = .string(error.message)
        detail["file"] = error.place.map { .string($0.file) }
        detail["line"] = error.place.map { .int64(Int64($0.line)) }
        detail["column"] = error.place.map { .int64(Int64($0.column)) }
        detail["found"] = error.found.map(JSONValue.string)
        detail["expected"] = error.expected.map(JSONValue.string)
        detail["nearest"] = error.nearest.map(JSONValue.string)
        detail["hint"] = error.hint.map(JSONValue.string)
        return .object(detail)
    }

    private init(_ error: IngestionError) {
        let code =
            switch error.code {
            case .corruptGzip: "corrupt_gzip"
            case .badHeader: "bad_header"
            case .notText: "not_text"
            case .malformedJSON: "malformed_json"
            default: "bad_contract"
            }
        self.init(status: 400, code: code, message: error.message, hint: error.hint)
    }

    private init(_ error: RegistryError) {
        let (status, code): (Int, String) =
            switch error.code {
            case .notFound: (404, "not_found")
            case .nothingToRollBack: (409, "nothing_to_roll_back")
            case .overtaken: (409, "overtaken")
            default: (500, "damaged")
            }
        self.init(status: status, code: code, message: error.message, hint: error.hint)
    }

    private init(_ error: AlarmError) {
        let (status, code): (Int, String) =
            switch error.code {
            case .notFound: (404, "not_found")
            case .conflict: (409, "conflict")
            case .tooMany: (429, "too_many")
            default: (400, "invalid")
            }
        self.init(status: status, code: code, message: error.message, hint: error.hint)
    }

    private init(_ error: SchedulerError) {
        let (status, code): (Int, String) =
            switch error.code {
            case .notFound: (404, "not_found")
            case .conflict: (409, "conflict")
            case .invalid: (400, "invalid")
            // Unlike a request that is too large, the same again will do once something has ended.
            case .tooMany: (429, "too_many_runs")
            default: (503, "stopping")
            }
        self.init(
            status: status, code: code, message: error.message, hint: error.hint,
            retryAfter: status == 429 ? 10 : status == 503 ? 1 : nil)
    }

    private init(_ error: FeatureStoreError) {
        let (status, code): (Int, String) =
            switch error.code {
            case .viewNotFolded: (503, "view_not_folded")
            case .missingInput: (400, "missing_input")
            case .tooLarge: (413, "dataset_too_large")
            default: (503, "log_unavailable")
            }
        self.init(status: status, code: code, message: error.message, hint: error.hint, retryAfter: code == "view_not_folded" ? 1 : nil)
    }

    private init(_ error: TrainingError) {
        let (status, code): (Int, String) =
            switch error.code {
            case .libraryMissing: (503, "training_library_missing")
            case .libraryUnusable: (503, "training_library_unusable")
            case .invalidParameter: (422, "training_parameter_invalid")
            case .invalidData: (422, "training_data_invalid")
            case .stopped: (409, "training_stopped")
            default: (500, "training_failed")
            }
        self.init(status: status, code: code, message: error.message, hint: error.hint)
    }

    private init(_ error: LogError) {
        let (status, code): (Int, String) =
            switch error.code {
            case .tooLarge: (413, "append_too_large")
            case .full: (503, "disk_full")
            case .damaged: (500, "damaged")
            case .newerFormat, .stopped, .unavailable: (503, "log_unavailable")
            }
        self.init(status: status, code: code, message: error.message, place: error.place.map { "\($0)" }, hint: error.hint)
    }

    private init(_ error: DatabaseError) {
        let (status, code): (Int, String) =
            switch error.code {
            case .busy: (503, "database_busy")
            case .full: (503, "disk_full")
            case .corrupt: (500, "damaged")
            case .tooManyRows: (413, "answer_too_large")
            case .unstorable: (400, "invalid_value")
            default: (503, "database_unavailable")
            }
        self.init(
            status: status, code: code, message: error.message, hint: error.hint, retryAfter: code == "database_busy" ? 1 : nil)
    }

    private init(_ error: VaultError) {
        let (status, code): (Int, String) =
            switch error.code {
            case .full: (503, "disk_full")
            case .tooLarge: (413, "identifier_too_large")
            case .damaged: (500, "damaged")
            default: (503, "vault_unavailable")
            }
        self.init(status: status, code: code, message: error.message, hint: error.hint)
    }

    private init(_ error: BlobError) {
        let (status, code): (Int, String) =
            switch error.code {
            case .full: (503, "disk_full")
            case .tooLarge: (413, "file_too_large")
            case .notFound, .changed: (500, "damaged")
            default: (503, "storage_unavailable")
            }
        self.init(status: status, code: code, message: error.message, hint: error.hint)
    }

    private init(_ error: GovernanceError) {
        let (status, code): (Int, String) =
            switch error.code {
            case .tooLarge: (400, "audit_entry_too_large")
            case .damaged: (500, "damaged")
            default: (503, "audit_unavailable")
            }
        self.init(status: status, code: code, message: error.message, hint: error.hint)
    }
}
