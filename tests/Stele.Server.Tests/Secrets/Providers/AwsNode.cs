using Microsoft.Extensions.Logging;
using Stele.Core.Journal;
using Stele.Server.Options;
using Stele.Server.Secrets.Keys;
using Stele.Server.Secrets.Keys.Aws;
using Stele.Server.Tests.Fixtures;
using Xunit;

namespace Stele.Server.Tests.Secrets.Providers;

/// <summary>The provider alone, as a node makes it, before a stand-in for KMS.</summary>
sealed class AwsNode : IAsyncDisposable
{
    readonly AwsClient client;

    AwsNode(TestKms kms, AwsOptions options)
    {
        Kms = kms;
        CredentialFile = options.CredentialFile!;
        var logs = LoggerFactory.Create(logging => logging.SetMinimumLevel(LogLevel.Trace).AddProvider(Logs));
        client = new AwsClient(options, Clock, logs.CreateLogger<AwsClient>());
        Keys = new AwsKeys(client, options, logs.CreateLogger<AwsKeys>());
    }

    public TestKms Kms { get; }

    public LeaseClock Clock { get; } = new();

    public CapturedLogs Logs { get; } = new();

    public AwsKeys Keys { get; }

    public string CredentialFile { get; }

    /// <param name="key">The key.</param>
    /// <param name="isPatient">Whether a call goes on for longer than a machine that is busy with other things delays it; it is left alone after two seconds otherwise.</param>
    public static async Task<AwsNode> Start(string key = TestKms.Arn, bool isPatient = false)
    {
        var kms = await TestKms.Start();
        return new AwsNode(kms, Options(kms, await WriteCredentials(kms), key, isPatient ? 60 : 2));
    }

    public static AwsOptions Options(TestKms kms, string file, string key = TestKms.Arn, int seconds = 2) =>
        new() { Key = key, Region = TestKms.Region, Endpoint = kms.Address, CredentialFile = file, Timeout = TimeSpan.FromSeconds(seconds), Pause = TimeSpan.FromSeconds(1) };

    /// <summary>A file as the AWS command line has it, with what the stand-in takes now.</summary>
    public static async Task<string> WriteCredentials(TestKms kms, string? path = null)
    {
        path ??= Path.Combine(Directory.CreateTempSubdirectory("stele-aws-").FullName, "credentials");
        var token = kms.SessionToken is { } session ? $"aws_session_token = {session}\n" : "";
        await File.WriteAllTextAsync(path, $"[default]\naws_access_key_id = {kms.AccessKey}\naws_secret_access_key = {kms.SecretKey}\n{token}");
        return path;
    }

    public static OrgKey Key(int org = 7, int version = 1, string arn = TestKms.Arn, int providerVersion = 1) => new(new OrgId(org), version, "aws-kms", arn, providerVersion, new byte[32]);

    /// <summary>Some data keys of the caller's, wrapped.</summary>
    public Task<(List<PlainKey> Plain, List<WrappedKey> Wrapped)> Wrap(int count, OrgKey? key = null) => Keys.WrapSome(count, key ?? Key());

    public async ValueTask DisposeAsync()
    {
        Assert.Empty(Kms.Breaches);
        Assert.DoesNotContain(Logs.Lines, line => line.Contains(Kms.SecretKey, StringComparison.Ordinal));
        client.Dispose();
        await Kms.DisposeAsync();
        Directory.Delete(Path.GetDirectoryName(CredentialFile)!, recursive: true);
    }
}
