// What a project names besides what is here, so that it imports `Martlet` and nothing else.
@_exported public import struct MartletFrames.Timestamp
@_exported public import enum MartletFrames.Value
@_exported public import enum MartletPipelines.TriggerRule
@_exported public import struct MartletPlatform.TaskRun
