namespace Stele.Server.Gateway.Grpc;

static partial class GrpcLog
{
    [LoggerMessage(Level = LogLevel.Error, Message = "A call of {Path} failed outside of the gate")]
    public static partial void Failed(this ILogger log, Exception exception, string? path);

    [LoggerMessage(Level = LogLevel.Error, Message = "The answer to {Method} is not what its message can hold")]
    public static partial void NotAMessage(this ILogger log, Exception exception, string method);
}
