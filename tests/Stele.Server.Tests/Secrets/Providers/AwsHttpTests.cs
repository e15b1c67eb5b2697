using Microsoft.Extensions.Configuration;
using Stele.Server.Options;
using Stele.Server.Tests.Fixtures;
using Xunit;

namespace Stele.Server.Tests.Secrets.Providers;

/// <summary>Secrets under keys of AWS KMS, through the public API.</summary>
public sealed class AwsHttpTests
{
    [Fact]
    public async Task Secrets_are_written_read_and_rewrapped_and_the_key_is_asked_for_the_first_read_only()
    {
        await using var database = await Postgres.NewDatabase();
        await using var kms = await TestKms.Start();
        await using var server = await TestServer.Start(database, aws: AwsNode.Options(kms, await AwsNode.WriteCredentials(kms)));
        await Send(server, HttpMethod.Put, "/v1/secrets/db/password", """{"value":"correct horse"}""", 200);
        Assert.Equal((2, 0), (kms.Count("GenerateDataKey"), kms.Count("Encrypt")));
        for (var i = 0; i < 3; i++) Assert.Contains("correct horse", await Send(server, HttpMethod.Get, "/v1/secrets/db/password", null, 200));
        // one for the key of digests, one for the value
        Assert.Equal(2, kms.Count("Decrypt"));
        await Send(server, HttpMethod.Post, "/v1/keys/rotate", null, 200);
        Assert.Contains("\"remaining\":0", await Send(server, HttpMethod.Post, "/v1/keys/rewrap", null, 200));
        Assert.Equal(2, kms.Count("ReEncrypt"));
        await using var fresh = await TestServer.Start(database, aws: AwsNode.Options(kms, await AwsNode.WriteCredentials(kms)));
        Assert.Contains("correct horse", await Send(fresh, HttpMethod.Get, "/v1/secrets/db/password", null, 200));
        Assert.Contains("\"provider\":\"aws-kms\"", await Send(fresh, HttpMethod.Get, "/v1/keys", null, 200));
        kms.Keys[TestKms.Arn].Complete();
        Assert.Contains("\"version\":2", await Send(fresh, HttpMethod.Get, "/v1/keys", null, 200));
        Assert.Empty(kms.Breaches);
        Assert.DoesNotContain(server.Logs.Lines.Concat(fresh.Logs.Lines), line => line.Contains(kms.SecretKey, StringComparison.Ordinal));
    }

    [Fact]
    public async Task While_kms_is_away_keys_used_lately_open_all_else_is_unavailable_and_nothing_falls_back()
    {
        await using var database = await Postgres.NewDatabase();
        await using var kms = await TestKms.Start();
        var options = AwsNode.Options(kms, await AwsNode.WriteCredentials(kms));
        await using (var local = await TestServer.Start(database)) await Send(local, HttpMethod.Put, "/v1/secrets/of-the-file", """{"value":"zero"}""", 200);
        await using var server = await TestServer.Start(database, aws: options);
        await Send(server, HttpMethod.Put, "/v1/secrets/used", """{"value":"one"}""", 200);
        await Send(server, HttpMethod.Put, "/v1/secrets/unused", """{"value":"two"}""", 200);
        Assert.Contains("one", await Send(server, HttpMethod.Get, "/v1/secrets/used", null, 200));
        kms.Failure = ("KMSInternalException", 500);
        Assert.Contains("AWS KMS", await Send(server, HttpMethod.Put, "/v1/secrets/used", """{"value":"three"}""", 503));
        Assert.Contains("one", await Send(server, HttpMethod.Get, "/v1/secrets/used", null, 200));
        Assert.DoesNotContain("two", await Send(server, HttpMethod.Get, "/v1/secrets/unused", null, 503));
        Assert.Contains("zero", await Send(server, HttpMethod.Get, "/v1/secrets/of-the-file", null, 200));
        await using var without = await TestServer.Start(database);
        Assert.Contains("'aws-kms', which is not set up", await Send(without, HttpMethod.Get, "/v1/secrets/used", null, 503));
        kms.Failure = null;
        await Wait.Until(async () => (await server.Client.GetAsync("/v1/secrets/unused")).IsSuccessStatusCode, "KMS is asked again");
        await Send(server, HttpMethod.Put, "/v1/secrets/used", """{"value":"three"}""", 200);
        Assert.Empty(kms.Breaches);
    }

    [Theory]
    [InlineData("STELE_AWS_KMS_KEY is 'key with spaces'", "STELE_AWS_KMS_KEY", "key with spaces")]
    [InlineData("STELE_AWS_KMS_KEY is 'arn:aws:s3", "STELE_AWS_KMS_KEY", "arn:aws:s3:::bucket")]
    [InlineData("STELE_AWS_REGION is 'Frankfurt'", "STELE_AWS_REGION", "Frankfurt")]
    [InlineData("STELE_AWS_KMS_ENDPOINT is not https", "STELE_AWS_KMS_ENDPOINT", "http://kms.example")]
    [InlineData("STELE_AWS_KMS_ENDPOINT is not https", "STELE_AWS_KMS_ENDPOINT", "https://user:pass@kms.example")]
    [InlineData("the key, is not set", "STELE_AWS_KMS_KEY", "")]
    [InlineData("STELE_AWS_TIMEOUT_MS", "STELE_AWS_TIMEOUT_MS", "5")]
    public void A_setting_that_is_wrong_is_told_at_the_start(string problem, string variable, string value)
    {
        var settings = new Dictionary<string, string?> { ["STELE_KEYS"] = "aws-kms", ["STELE_AWS_KMS_KEY"] = TestKms.Arn };
        settings[variable] = value;
        var (_, problems) = SteleSettings.Read(new ConfigurationBuilder().AddInMemoryCollection(settings).Build());
        Assert.Contains(problem, Assert.Single(problems), StringComparison.Ordinal);
        Assert.DoesNotContain("pass@", problems[0]);
    }

    [Theory]
    [InlineData(TestKms.Arn)]
    [InlineData("arn:aws-cn:kms:cn-north-1:111122223333:alias/team/stele")]
    [InlineData("arn:aws:kms:us-east-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab")]
    [InlineData("1234abcd-12ab-34cd-56ef-1234567890ab")]
    [InlineData("alias/stele")]
    public void A_key_is_named_in_every_way_that_kms_takes(string key)
    {
        var (options, problems) = SteleSettings.Read(new ConfigurationBuilder().AddInMemoryCollection(new Dictionary<string, string?> { ["STELE_KEYS"] = "aws-kms", ["STELE_AWS_KMS_KEY"] = key }).Build());
        Assert.Empty(problems);
        Assert.Equal(("aws-kms", key, "default"), (options!.Keys, options.Aws!.Key, options.Aws.Profile));
    }

    static async Task<string> Send(TestServer server, HttpMethod method, string path, string? body, int status)
    {
        using var request = new HttpRequestMessage(method, path);
        if (body is not null) request.Content = new StringContent(body, new System.Net.Http.Headers.MediaTypeHeaderValue("application/json"));
        using var answer = await server.Client.SendAsync(request);
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True((int)answer.StatusCode == status, $"expected {status}, got {(int)answer.StatusCode}: {text}");
        return text;
    }
}
