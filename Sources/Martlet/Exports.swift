// What closures of tasks are given and give, so that a project imports `Martlet` and nothing else.
@_exported public import struct MartletFrames.Timestamp
@_exported public import enum MartletFrames.Value
@_exported public import struct MartletPlatform.TaskRun
