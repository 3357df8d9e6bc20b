import MartletBytes
import MartletDefinitions
import MartletModels
import MartletTraining
import MartletWorld
import Testing

@testable import MartletAccess
@testable import MartletFeatureStore
@testable import MartletGovernance
@testable import MartletIngestion
@testable import MartletPlatform
@testable import MartletRegistry
@testable import MartletServer
@testable import MartletStorage

@Suite("problems")
struct ProblemTests {
    struct Row: Sendable, CustomTestStringConvertible {
        var error: any Error
        var status: Int
        var code: String
        var testDescription: String { "\(code) \(status)" }
    }

    @Test("an error of every module has its status and its code", arguments: [
        Row(error: PlatformError(.notApplied, "m"), status: 409, code: "not_applied"),
        Row(error: PlatformError(.notFound, "m"), status: 404, code: "not_found"),
        Row(error: PlatformError(.invalid, "m"), status: 400, code: "invalid"),
        Row(error: PlatformError(.conflict, "m"), status: 409, code: "conflict"),
        Row(error: PlatformError(.held, "m"), status: 423, code: "project_held"),
        Row(error: PlatformError(.tooMany, "m"), status: 413, code: "limit_reached"),
        Row(error: PlatformError(.gateFailed, "m"), status: 422, code: "gate_failed"),
        Row(error: PlatformError(.unavailable, "m"), status: 503, code: "unavailable"),
        Row(error: PlatformError(.damaged, "m"), status: 500, code: "damaged"),
        Row(error: TrainingError(.libraryMissing, "m"), status: 503, code: "training_library_missing"),
        Row(error: TrainingError(.libraryUnusable, "m"), status: 503, code: "training_library_unusable"),
        Row(error: TrainingError(.invalidParameter, "m"), status: 422, code: "training_parameter_invalid"),
        Row(error: TrainingError(.invalidData, "m"), status: 422, code: "training_data_invalid"),
        Row(error: TrainingError(.trainingFailed, "m"), status: 500, code: "training_failed"),
        Row(error: TrainingError(.stopped, "m"), status: 409, code: "training_stopped"),
        Row(error: ModelError(.schemaMismatch, "m"), status: 400, code: "inputs_mismatch"),
        Row(error: ModelError(.malformed, "m"), status: 500, code: "model_unreadable"),
        Row(error: FileError(.full, operation: "write", path: "log/1"), status: 503, code: "storage_unavailable"),
        Row(error: BodyError.tooLarge(limit: 3), status: 413, code: "too_large"),
        Row(error: BodyError.connectionClosed, status: 400, code: "body_cut_off"),
        Row(error: InputError("m"), status: 400, code: "invalid_input"),
        Row(error: AnswerTooLarge(limit: 3), status: 413, code: "answer_too_large"),
        Row(error: DefinitionError(.leakage, at: nil, "m"), status: 422, code: "definition_invalid"),
        Row(error: AccessError.unauthenticated, status: 401, code: "unauthenticated"),
        Row(error: AccessError.tooManyAttempts(retryAfterSeconds: 3), status: 429, code: "too_many_attempts"),
        Row(error: AccessError.noToken, status: 404, code: "token_not_found"),
        Row(error: AccessError.expiryInThePast, status: 400, code: "invalid_token_request"),
        Row(error: IngestionError(.corruptGzip, "m"), status: 400, code: "corrupt_gzip"),
        Row(error: IngestionError(.badHeader, "m"), status: 400, code: "bad_header"),
        Row(error: IngestionError(.notText, "m"), status: 400, code: "not_text"),
        Row(error: RegistryError.noRun("x"), status: 404, code: "not_found"),
        Row(error: RegistryError.nothingToRollBack, status: 409, code: "nothing_to_roll_back"),
        Row(error: RegistryError.overtaken(expected: 1, found: 2), status: 409, code: "overtaken"),
        Row(error: RegistryError.damaged("run"), status: 500, code: "damaged"),
        Row(error: FeatureStoreError.viewNotFolded("x"), status: 503, code: "view_not_folded"),
        Row(error: FeatureStoreError.missingInput("x"), status: 400, code: "missing_input"),
        Row(error: FeatureStoreError.tooLarge(rows: 2, limit: 1), status: 413, code: "dataset_too_large"),
        Row(error: PackageError(.signatureInvalid, "m"), status: 500, code: "model_package_refused"),
        Row(error: DatabaseError(.busy, "m"), status: 503, code: "database_busy"),
        Row(error: DatabaseError(.full, "m"), status: 503, code: "disk_full"),
        Row(error: DatabaseError(.corrupt, "m"), status: 500, code: "damaged"),
        Row(error: DatabaseError(.stopped, "m"), status: 503, code: "database_unavailable"),
        Row(error: VaultError(.full, "m"), status: 503, code: "disk_full"),
        Row(error: VaultError(.tooLarge, "m"), status: 413, code: "identifier_too_large"),
        Row(error: VaultError(.keyMissing, "m"), status: 503, code: "vault_unavailable"),
        Row(error: BlobError(.changed, "m"), status: 500, code: "damaged"),
        Row(error: BlobError(.full, "m"), status: 503, code: "disk_full"),
        Row(error: GovernanceError.damaged("m"), status: 500, code: "damaged"),
        Row(error: GovernanceError.tooLarge("actor", size: 2, limit: 1), status: 400, code: "audit_entry_too_large"),
        Row(error: LogError(code: .full, message: "m", hint: "h"), status: 503, code: "disk_full"),
        Row(error: LogError(code: .tooLarge, message: "m", hint: "h"), status: 413, code: "append_too_large"),
        Row(error: LogError(code: .stopped, message: "m", hint: "h"), status: 503, code: "log_unavailable"),
        Row(error: LogError(code: .damaged, message: "m", hint: "h"), status: 500, code: "damaged"),
    ])
    func table(_ row: Row) throws {
        let problem = try #require(Problem(row.error))
        #expect(problem.status == row.status)
        #expect(problem.code == row.code)
        #expect(!problem.message.isEmpty)
        #expect(problem.code.allSatisfy { $0.isLowercase || $0 == "_" })
    }

    @Test("an error that no table knows gives none")
    func unknown() {
        struct Foreign: Error {}
        #expect(Problem(Foreign()) == nil)
    }

    @Test("the answer's form is the one shape, with details only where there are several")
    func shape() throws {
        let place = SourcePlace(file: "streams/a.yaml", line: 3, column: 5)
        let one = DefinitionError(.unknownKey, at: place, "unknown key 'uniqe'", found: "uniqe", nearest: "unique")
        let other = DefinitionError(.missingKey, at: nil, "a stream names its event_time", hint: "add 'event_time'")
        #expect(
            Problem(DefinitionErrors([one, other], omittedCount: 2))?.json.description
                == #"{"error":{"code":"definition_invalid","message":"the project's files have 4 mistakes; the first: unknown key 'uniqe'","#
                + #""where":"streams/a.yaml:3:5","hint":"did you mean 'unique'?","details":["#
                + #"{"code":"unknownKey","message":"unknown key 'uniqe'","file":"streams/a.yaml","line":3,"column":5,"found":"uniqe","nearest":"unique"},"#
                + #"{"code":"missingKey","message":"a stream names its event_time","hint":"add 'event_time'"}]}}"#)
        #expect(
            Problem(PlatformError.unknown("stream", "ordrs", among: ["orders", "buyers"]))?.json.description
                == #"{"error":{"code":"not_found","message":"no stream is named 'ordrs'","hint":"did you mean 'orders'? there are: buyers, orders"}}"#)
        #expect(
            Problem(PlatformError.held)?.json.description
                == #"{"error":{"code":"project_held","message":"another process holds the project","hint":"it is a server or a command that still runs; commands reach it by themselves through '.martlet/socket'"}}"#)
        #expect(
            Problem(BodyError.connectionClosed)?.json.description
                == #"{"error":{"code":"body_cut_off","message":"the connection closed before the body's end","hint":"what was answered before is stored; send the rest, or all of it: repeats have no effect"}}"#)
    }

    @Test("what is asked again soon says when, and what is refused for want of a token says how")
    func headers() {
        let busy = PlatformError(.unavailable, "too many predictions wait to be recorded")
        #expect(Problem(busy)?.response(requestID: "r").headers["retry-after"] == "1")
        let refused = Problem(status: 401, code: "unauthenticated", message: "m").response(requestID: "r")
        #expect(refused.headers["www-authenticate"]?.contains("Bearer") == true)
        #expect(refused.headers["x-request-id"] == "r")
    }
}
