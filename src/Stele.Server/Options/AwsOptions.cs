namespace Stele.Server.Options;

/// <summary>An AWS whose Key Management Service wraps data keys. No secret is in it: the SDK finds credentials, or a file has them, which is read when it changes.</summary>
internal sealed class AwsOptions
{
    /// <summary>The key that wraps: its ARN, its id, or an alias.</summary>
    public required string Key { get; init; }

    /// <summary>The region of a key that is not named by an ARN; null: as the SDK finds it (AWS_REGION, a profile, the machine).</summary>
    public string? Region { get; init; }

    /// <summary>Where KMS is asked, such as an endpoint of a VPC; null: where the SDK knows it to be.</summary>
    public Uri? Endpoint { get; init; }

    /// <summary>A file with credentials, as the AWS command line has it; null: the SDK's own chain.</summary>
    public string? CredentialFile { get; init; }

    /// <summary>Which profile of that file.</summary>
    public string Profile { get; init; } = "default";

    /// <summary>How long one call may take, with all its attempts.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>For how long nobody asks after a call that failed; doubled with each that follows, up to eight times this. Tests are less patient.</summary>
    public TimeSpan Pause { get; init; } = TimeSpan.FromSeconds(1);
}
