using Stele.Core.Faults;
using Stele.Server.Secrets.Keys;
using Xunit;

namespace Stele.Server.Tests.Secrets.Providers;

/// <summary>The provider against KMS' published API: what it wraps, what it refuses, and what it does when KMS is not as it should be.</summary>
public sealed class AwsKeysTests
{
    [Fact]
    public async Task Kms_makes_the_data_keys_each_bound_to_its_org_key_version_and_value()
    {
        await using var node = await AwsNode.Start();
        Guid[] ids = [.. Enumerable.Range(0, 40).Select(_ => Guid.NewGuid())];
        var (plain, wrapped) = (await node.Keys.New(AwsNode.Key(), ids, default)).Value;
        Assert.Equal(40, plain.Select(key => Convert.ToHexString(key.Span)).Distinct().Count());
        Assert.Equal((40, 0), (node.Kms.Count("GenerateDataKey"), node.Kms.Count("Encrypt")));
        var opened = (await node.Keys.Unwrap(AwsNode.Key(), [.. ids.Zip(wrapped, (id, bytes) => new WrappedKey(id, bytes))], default)).Value;
        Assert.Equal(plain.Select(key => Convert.ToHexString(key.Span)), opened.Select(key => Convert.ToHexString(key.Span)));
        foreach (var other in (OrgKey[])[AwsNode.Key(org: 8), AwsNode.Key(version: 2)])
            Assert.Equal(FaultCode.Integrity, (await node.Keys.Unwrap(other, [new WrappedKey(ids[0], wrapped[0])], default)).Fault!.Code);
    }

    [Fact]
    public async Task A_rewrap_re_encrypts_inside_kms_under_the_newest_material()
    {
        await using var node = await AwsNode.Start();
        var (plain, wrapped) = await node.Wrap(20);
        Assert.Equal(1, (await node.Keys.Rotate(default)).Value.Version);
        node.Kms.Keys[TestKms.Arn].Complete();
        var newest = (await node.Keys.Newest(default)).Value;
        Assert.Equal((TestKms.Arn, 2), (newest.Id, newest.Version));
        var to = AwsNode.Key(version: 2, providerVersion: 2);
        var again = (await node.Keys.Rewrap(AwsNode.Key(), to, wrapped, default)).Value;
        Assert.All(again, bytes => Assert.Equal(1, bytes[0]));
        Assert.Equal((20, 0), (node.Kms.Count("ReEncrypt"), node.Kms.Count("Decrypt")));
        var opened = (await node.Keys.Unwrap(to, [.. plain.Zip(again, (one, bytes) => new WrappedKey(one.ValueId, bytes))], default)).Value;
        Assert.Equal(plain.Select(one => Convert.ToHexString(one.Key.Span)), opened.Select(one => Convert.ToHexString(one.Span)));
        // KMS finds the old material by itself
        Assert.Equal(20, (await node.Keys.Unwrap(AwsNode.Key(), wrapped, default)).Value.Length);
    }

    [Fact]
    public async Task An_alias_is_found_once_and_what_is_stored_is_the_keys_arn()
    {
        await using var node = await AwsNode.Start(TestKms.Alias);
        var (_, wrapped) = await node.Wrap(1, AwsNode.Key(arn: (await node.Keys.Newest(default)).Value.Id));
        const string other = "arn:aws:kms:eu-central-1:111122223333:key/ffffabcd-12ab-34cd-56ef-1234567890ab";
        node.Kms.Keys[other] = new TestKms.KmsKey();
        node.Kms.Aliases[TestKms.Alias] = other;
        Assert.Equal(other, (await node.Keys.Newest(default)).Value.Id);
        Assert.Single((await node.Keys.Unwrap(AwsNode.Key(), wrapped, default)).Value);
        Assert.Single((await node.Keys.Rewrap(AwsNode.Key(), AwsNode.Key(version: 2, arn: other), wrapped, default)).Value);
        // the key that is stored, and no other that is there
        Assert.Equal(FaultCode.Integrity, (await node.Keys.Unwrap(AwsNode.Key(arn: other), wrapped, default)).Fault!.Code);
    }

    [Fact]
    public async Task Rotations_are_counted_over_all_pages_and_a_key_whose_rotations_nobody_may_list_works_all_the_same()
    {
        await using var node = await AwsNode.Start();
        for (var i = 0; i < 3; i++)
        {
            await node.Keys.Rotate(default);
            node.Kms.Keys[TestKms.Arn].Complete();
        }
        Assert.Equal([1, 2, 3, 4], (await node.Keys.List(default)).Value.Select(key => key.Version));
        Assert.Equal(FaultCode.Conflict, (await node.Keys.Retire(1, default))!.Code);
        node.Kms.Denied.Add("ListKeyRotations");
        Assert.Equal(1, (await node.Keys.Newest(default)).Value.Version);
        Assert.Single((await node.Wrap(1)).Wrapped);
        Assert.Contains(node.Logs.Lines, line => line.Contains("cannot be listed", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("Disabled", "has disabled the key", "in the state Disabled")]
    [InlineData("PendingDeletion", "its deletion is pending", "in the state PendingDeletion")]
    public async Task A_key_that_cannot_be_used_is_unavailable_and_says_why(string state, string calls, string newest)
    {
        await using var node = await AwsNode.Start();
        var (plain, wrapped) = await node.Wrap(1);
        node.Kms.Keys[TestKms.Arn].State = state;
        Assert.Contains(newest, Unavailable(await node.Keys.Newest(default)));
        Assert.Contains(calls, Unavailable(await node.Keys.Unwrap(AwsNode.Key(), wrapped, default)));
        Assert.Contains(calls, Unavailable(await node.Keys.Wrap(AwsNode.Key(), plain, default)));
        Assert.Contains(calls, Unavailable(await node.Keys.New(AwsNode.Key(), [Guid.NewGuid()], default)));
        Assert.Contains(calls, Unavailable(await node.Keys.Rewrap(AwsNode.Key(), AwsNode.Key(version: 2), wrapped, default)));
        // and is back when it is enabled: it kept nobody from asking
        node.Kms.Keys[TestKms.Arn].State = "Enabled";
        Assert.Single((await node.Keys.Unwrap(AwsNode.Key(), wrapped, default)).Value);
    }

    [Fact]
    public async Task A_key_that_is_not_there_or_is_for_something_else_is_unavailable()
    {
        await using var node = await AwsNode.Start();
        node.Kms.Keys[TestKms.Arn].Spec = "HMAC_256";
        Assert.Contains("none for symmetric encryption", Unavailable(await node.Keys.Newest(default)));
        node.Kms.Keys.Clear();
        Assert.Contains("does not have the key", Unavailable(await node.Keys.Newest(default)));
        Assert.Empty(node.Kms.Keys);
    }

    [Fact]
    public async Task A_right_that_is_missing_is_told_and_keeps_nobody_from_the_others()
    {
        await using var node = await AwsNode.Start();
        var (plain, wrapped) = await node.Wrap(1);
        node.Kms.Denied.Add("Decrypt");
        Assert.Contains("lacks the right", Unavailable(await node.Keys.Unwrap(AwsNode.Key(), wrapped, default)));
        Assert.Contains(node.Logs.Lines, line => line.Contains("Decrypt with " + TestKms.Arn, StringComparison.Ordinal));
        Assert.Single((await node.Keys.Wrap(AwsNode.Key(), plain, default)).Value);
    }

    [Theory]
    [InlineData("ThrottlingException", 400)]
    [InlineData("KMSInternalException", 500)]
    [InlineData("KeyUnavailableException", 500)]
    [InlineData("DependencyTimeoutException", 503)]
    [InlineData("ServiceUnavailable", 503)]
    public async Task What_passes_is_waited_for(string code, int status)
    {
        await using var node = await AwsNode.Start(isPatient: true);
        var (_, wrapped) = await node.Wrap(1);
        node.Kms.Failures.Enqueue((code, status));
        node.Kms.Failures.Enqueue((code, status));
        Assert.Single((await node.Keys.Unwrap(AwsNode.Key(), wrapped, default)).Value);
        Assert.Equal(3, node.Kms.Count("Decrypt"));
    }

    [Fact]
    public async Task A_kms_that_fails_is_asked_for_a_while_and_then_left_alone()
    {
        await using var node = await AwsNode.Start();
        var (_, wrapped) = await node.Wrap(1);
        node.Kms.Failure = ("ThrottlingException", 400);
        var fault = (await node.Keys.Unwrap(AwsNode.Key(), wrapped, default)).Fault!;
        Assert.Equal((FaultCode.Unavailable, 1), (fault.Code, fault.RetryAfterSeconds));
        Assert.Contains("is asked too much", fault.Detail);
        var asked = node.Kms.Asked.Count;
        Assert.True(asked > 3);
        Assert.Equal(fault.Detail, Unavailable(await node.Keys.Unwrap(AwsNode.Key(), wrapped, default)));
        Assert.Equal(asked, node.Kms.Asked.Count);
        node.Kms.Failure = null;
        node.Clock.Turn(TimeSpan.FromSeconds(1.1));
        Assert.Single((await node.Keys.Unwrap(AwsNode.Key(), wrapped, default)).Value);
    }

    [Fact]
    public async Task A_kms_that_is_gone_is_unavailable()
    {
        var node = await AwsNode.Start();
        var (_, wrapped) = await node.Wrap(1);
        await node.Kms.DisposeAsync();
        Assert.Contains("is away", Unavailable(await node.Keys.Unwrap(AwsNode.Key(), wrapped, default)));
        await node.DisposeAsync();
    }

    [Theory]
    [InlineData("another secret")]
    [InlineData("another access key")]
    [InlineData("a session that ended")]
    [InlineData("no file")]
    public async Task Credentials_that_are_refused_are_unavailable_until_the_file_has_others(string how)
    {
        await using var node = await AwsNode.Start();
        var good = (node.Kms.AccessKey, node.Kms.SecretKey, node.Kms.SessionToken);
        if (how == "another secret") node.Kms.SecretKey += "-rolled";
        else if (how == "another access key") node.Kms.AccessKey = "AKIAEXAMPLEOFSTELE02";
        else if (how == "a session that ended") node.Kms.SessionToken = "session-two";
        else File.Delete(node.CredentialFile);
        Assert.Contains("credentials", Unavailable(await node.Keys.Newest(default)));
        await AwsNode.WriteCredentials(node.Kms, node.CredentialFile);
        // a file system's clock may not have moved
        File.SetLastWriteTimeUtc(node.CredentialFile, File.GetLastWriteTimeUtc(node.CredentialFile).AddSeconds(2));
        node.Clock.Turn(TimeSpan.FromSeconds(1.1));
        Assert.Equal(1, (await node.Keys.Newest(default)).Value.Version);
        Assert.DoesNotContain(node.Logs.Lines, line => line.Contains(good.SecretKey, StringComparison.Ordinal));
    }

    static string Unavailable<T>(Outcome<T> outcome)
    {
        Assert.Equal(FaultCode.Unavailable, outcome.Fault?.Code);
        return outcome.Fault!.Detail;
    }
}
