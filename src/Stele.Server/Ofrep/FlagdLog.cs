namespace Stele.Server.Ofrep;

/// <summary>What is logged of the port for flagd's providers.</summary>
internal sealed partial class FlagdLog(ILogger<FlagdLog> log)
{
    [LoggerMessage(Level = LogLevel.Warning, Message = "{Count} flags read other flags, which flagd cannot, and are not given to its providers: {Names}")]
    public partial void LeftOut(int count, string names);
}
