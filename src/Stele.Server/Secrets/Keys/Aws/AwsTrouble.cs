using System.Net;
using System.Net.Sockets;
using Amazon.Runtime;
using Stele.Core.Faults;

namespace Stele.Server.Secrets.Keys.Aws;

/// <summary>Why KMS did not do what it was asked, by the codes of its API.</summary>
/// <param name="What">Ends the sentence "AWS KMS, which keeps the keys of secrets, …".</param>
/// <param name="IsPassing">Whether the same request may well do later what it did not do now.</param>
/// <param name="IsOfKey">Whether this one key, right or request is at fault, and not KMS or the way to it.</param>
/// <param name="Why">For the log.</param>
internal sealed record AwsTrouble(string What, bool IsPassing, bool IsOfKey, string Why)
{
    const int SoonSeconds = 1, LaterSeconds = 30;

    /// <summary>The API's code; null: nobody answered.</summary>
    public string? Code { get; private init; }

    /// <summary>Whether what was to be decrypted is not what KMS encrypted, with that key and for that place.</summary>
    public bool IsBroken => Code is "InvalidCiphertextException" or "IncorrectKeyException";

    /// <summary>Nobody answered in time.</summary>
    public static AwsTrouble Away(string why) => new("is away.", true, false, why);

    /// <summary>The key, or the setting that names it, is not as it must be, and somebody has to change that.</summary>
    public static AwsTrouble OfKey(string what, string why) => new(what, false, true, why);

    /// <summary>Of what the SDK throws.</summary>
    public static AwsTrouble Of(Exception e) => e switch
    {
        AmazonServiceException { ErrorCode: { Length: > 0 } code } service => Of(code, service.StatusCode, service.Message) with { Code = code },
        AmazonServiceException { StatusCode: >= HttpStatusCode.InternalServerError } service => new AwsTrouble($"cannot answer now ({(int)service.StatusCode}).", true, false, service.Message),
        HttpRequestException or IOException or SocketException => Away(e.Message),
        { InnerException: HttpRequestException or IOException or SocketException } => Away(e.InnerException.Message),
        // no credentials, no region: nothing was sent
        _ => new AwsTrouble("was not asked: this node has no credentials for it, or no region. The server's log says which.", false, false, e.Message),
    };

    /// <summary>The fault that those who asked are given.</summary>
    public Fault Fault() => IsBroken ? SecretCipher.Broken("The wrapped key of a secret fails its check.")
        : Core.Faults.Fault.Unavailable($"AWS KMS, which keeps the keys of secrets, {What}", IsPassing ? SoonSeconds : LaterSeconds);

    static AwsTrouble Of(string code, HttpStatusCode status, string message) => code switch
    {
        "InvalidCiphertextException" or "IncorrectKeyException" => OfKey("", message),
        "NotFoundException" => OfKey("does not have the key.", message),
        "DisabledException" => OfKey("has disabled the key.", message),
        "KMSInvalidStateException" => OfKey("cannot use the key in the state that it is in: it is disabled, or its deletion is pending.", message),
        "InvalidKeyUsageException" or "UnsupportedOperationException" or "ValidationException" or "InvalidArnException" or "InvalidAliasNameException" or "LimitExceededException" or "ConflictException" =>
            OfKey($"does not do that with the key ({code}).", message),
        "AccessDeniedException" => OfKey("refuses what this node asks: its policy, or the key's, lacks the right.", message),
        "ThrottlingException" or "Throttling" or "TooManyRequestsException" or "RequestLimitExceeded" or "RequestThrottled" or "RequestThrottledException" or "SlowDown" =>
            new AwsTrouble("is asked too much.", true, false, message),
        "KeyUnavailableException" or "DependencyTimeoutException" or "KMSInternalException" or "CloudHsmClusterInvalidConfigurationException" or "XksProxyUriUnreachableException" =>
            new AwsTrouble($"cannot answer now ({code}).", true, false, message),
        "UnrecognizedClientException" or "InvalidClientTokenId" or "InvalidSignatureException" or "SignatureDoesNotMatch" or "IncompleteSignature" or "IncompleteSignatureException" or "MissingAuthenticationToken"
            or "MissingAuthenticationTokenException" or "ExpiredTokenException" or "ExpiredToken" or "NotAuthorized" or "OptInRequired" or "RequestExpired" =>
            new AwsTrouble($"refuses this node's credentials ({code}).", false, false, message),
        _ when status >= HttpStatusCode.InternalServerError || status is HttpStatusCode.TooManyRequests or HttpStatusCode.RequestTimeout => new AwsTrouble($"cannot answer now ({code}).", true, false, message),
        _ => OfKey($"refuses what it is asked ({code}).", message),
    };
}
