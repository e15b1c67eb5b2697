using Amazon.Runtime;
using Amazon.Runtime.CredentialManagement;

namespace Stele.Server.Secrets.Keys.Aws;

/// <summary>Credentials of a profile in a file, as the AWS command line has them. The file is read again when it has changed, so that they are replaced without a restart.</summary>
internal sealed class AwsFileCredentials(string path, string profile) : AWSCredentials
{
    readonly Lock gate = new();
    (DateTime Written, AWSCredentials Credentials)? read;

    /// <inheritdoc/>
    public override ImmutableCredentials GetCredentials() => Current().GetCredentials();

    /// <inheritdoc/>
    public override Task<ImmutableCredentials> GetCredentialsAsync() => Current().GetCredentialsAsync();

    AWSCredentials Current()
    {
        lock (gate)
        {
            var written = File.GetLastWriteTimeUtc(path);
            if (read is { } known && known.Written == written) return known.Credentials;
            if (!File.Exists(path) || !new CredentialProfileStoreChain(path).TryGetAWSCredentials(profile, out var credentials))
                throw new AmazonClientException($"There is no profile '{profile}' with credentials in {path}.");
            read = (written, credentials);
            return credentials;
        }
    }
}
