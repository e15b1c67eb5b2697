namespace Stele.Server.Secrets.Keys.Aws;

static partial class AwsLog
{
    [LoggerMessage(Level = LogLevel.Error, Message = "AWS KMS in {Region} {What} Secrets whose keys were not used lately cannot be read, and none can be written. ({Why})")]
    public static partial void KmsFails(this ILogger log, string region, string what, string why);

    [LoggerMessage(Level = LogLevel.Information, Message = "AWS KMS in {Region} answers again")]
    public static partial void KmsAnswers(this ILogger log, string region);

    [LoggerMessage(Level = LogLevel.Error, Message = "AWS KMS {What} {Action} with {Key} failed ({Why})")]
    public static partial void KmsRefuses(this ILogger log, string what, string action, string key, string why);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The rotations of {Key} cannot be listed, so that this node does not notice them; what is encrypted stays readable all the same ({Why})")]
    public static partial void RotationsUnknown(this ILogger log, string key, string why);
}
