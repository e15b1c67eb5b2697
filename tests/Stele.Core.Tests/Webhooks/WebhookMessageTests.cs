using System.Text;
using System.Text.Json;
using Stele.Core.Access;
using Stele.Core.Configs;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Core.Watch;
using Stele.Core.Webhooks;
using Xunit;

namespace Stele.Core.Tests.Webhooks;

public sealed class WebhookMessageTests
{
    OrgState state = OrgState.Empty(OrgId.Default, Guid.NewGuid());

    public WebhookMessageTests() => Do(new CreateOrg(Principal.Root, Guid.CreateVersion7(), OrgName.Parse("default", null), [Environment("production"), Environment("staging")]));

    [Fact]
    public void A_message_is_a_cloud_event_of_a_revision()
    {
        var record = Do(Set(("production", "app.a", "1"), ("staging", "app.b", "\"x\"")));
        var webhook = Webhook(new WebhookDefinition("https://example.com", null, null, [], WatchKinds.All, true));
        var message = WebhookMessage.Of(state, webhook, Rights.Everything, record)!;
        var json = JsonDocument.Parse(message.Body).RootElement;
        Assert.Equal(("1.0", message.Id, "/orgs/default", "stele.change", record.At.ToString()),
            (Text(json, "specversion"), Text(json, "id"), Text(json, "source"), Text(json, "type"), Text(json, "time")));
        Assert.Equal(2, json.GetProperty("data").GetProperty("revision").GetInt64());
        Assert.Equal(["app.a", "app.b"], Keys(json));
        Assert.Equal(message.Id, WebhookMessage.Of(state, webhook, Rights.Everything, record)!.Id);
        Assert.NotEqual(message.Id, WebhookMessage.Of(state, webhook with { Id = Guid.NewGuid() }, Rights.Everything, record)!.Id);
    }

    [Fact]
    public void What_the_filter_does_not_want_or_the_owner_may_not_read_is_not_in_it()
    {
        Do(new SetRole(Principal.Root, Guid.CreateVersion7(), "narrow", null, [new Grant(Permission.ConfigRead, ["production"], "app.")], [], null));
        var rights = state.Access.RightsOf(Principal.External("oidc:x", ["narrow"]));
        var record = Do(Set(("production", "app.a", "1"), ("production", "other", "2"), ("staging", "app.a", "3")));
        List<string> Seen(string? environment, string[] prefixes, Rights seenBy, WatchKinds kinds = WatchKinds.All) =>
            WebhookMessage.Of(state, Webhook(new WebhookDefinition("https://example.com", null, environment, prefixes, kinds, true)), seenBy, record) is { } message
                ? Keys(JsonDocument.Parse(message.Body).RootElement) : [];
        Assert.Equal(["app.a", "other", "app.a"], Seen(null, [], Rights.Everything));
        Assert.Equal(["app.a", "other"], Seen("production", [], Rights.Everything));
        Assert.Equal(["other"], Seen("production", ["o", "z"], Rights.Everything));
        Assert.Equal(["app.a"], Seen(null, [], rights));
        Assert.Empty(Seen("staging", [], rights));
        Assert.Empty(Seen(null, [], Rights.Everything, WatchKinds.Flag));
    }

    [Fact]
    public void A_message_over_the_limit_has_no_values_and_over_that_no_changes()
    {
        var webhook = Webhook(new WebhookDefinition("https://example.com", null, null, [], WatchKinds.All, true));
        byte[] Body(RevisionRecord record) => WebhookMessage.Of(state, webhook, Rights.Everything, record)!.Body;
        // as large as may be, to the byte
        var filler = (int)WebhookLimits.MessageBytes.Value - Body(Do(Set(("production", "a", "\"\"")))).Length;
        var largest = Body(Do(Set(("production", "a", $"\"{new string('x', filler)}\""))));
        Assert.Equal(WebhookLimits.MessageBytes.Value, largest.Length);
        var bare = JsonDocument.Parse(Body(Do(Set(("production", "a", $"\"{new string('x', filler + 1)}\""))))).RootElement.GetProperty("data");
        Assert.Equal(("values", 1), (Text(bare, "omitted"), bare.GetProperty("changes").GetArrayLength()));
        Assert.False(bare.GetProperty("changes")[0].TryGetProperty("value", out _));
        Assert.Equal(3, bare.GetProperty("changes")[0].GetProperty("version").GetInt32());

        var many = Enumerable.Range(0, 10_000).Select(n => ("production", $"k{n:00000}.{new string('y', 40)}", "1")).ToArray();
        var none = JsonDocument.Parse(Body(Do(Set(many)))).RootElement.GetProperty("data");
        Assert.Equal(("changes", 0), (Text(none, "omitted"), none.GetProperty("changes").GetArrayLength()));
    }

    [Fact]
    public void A_signature_is_that_of_the_standard()
    {
        // the example of the specification's own libraries
        var secret = Convert.FromBase64String("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        Assert.Equal("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", WebhookSignature.Sign([secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, "{\"test\": 2432232314}"u8));
        var both = WebhookSignature.Sign([new byte[32], secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, "{\"test\": 2432232314}"u8).Split(' ');
        Assert.Equal((2, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="), (both.Length, both[1]));
        Assert.Equal("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", WebhookSignature.Show(secret));
    }

    [Theory]
    [InlineData(1, 0.999, null, 0.999)]
    [InlineData(4, 0.5, null, 4)]
    [InlineData(10, 0.5, null, 256)]
    [InlineData(11, 1.0, null, 600)]
    [InlineData(1_000_000, 1.0, null, 600)]
    [InlineData(1, 0.0, null, 0)]
    [InlineData(1, 0.5, 30.0, 30)]
    [InlineData(1, 0.5, 3_000.0, 600)]
    [InlineData(1, 0.5, -5.0, 0.5)]
    public void Pauses_double_up_to_a_bound_and_are_drawn_from_nothing_on(int failures, double random, double? asked, double seconds) =>
        Assert.Equal(seconds, WebhookPauses.Next(failures, random, asked is { } least ? TimeSpan.FromSeconds(least) : null).TotalSeconds, 6);

    static string? Text(JsonElement json, string name) => json.GetProperty(name).GetString();

    static List<string> Keys(JsonElement json) => [.. json.GetProperty("data").GetProperty("changes").EnumerateArray().Select(change => Text(change, "key")!)];

    static Webhook Webhook(WebhookDefinition definition) => new(Guid.CreateVersion7(), definition, new WebhookOwner(TokenOwner.Org, Guid.Empty), 1, default, default);

    static ChangeSet Set(params (string Environment, string Key, string Value)[] values) => new(Principal.Root, Guid.CreateVersion7(), null,
        [.. values.Select(value => new Change { Op = ChangeOp.Set, Environment = Environment(value.Environment), Key = ConfigKey.Parse(value.Key, null), Value = Encoding.UTF8.GetBytes(value.Value) })]);

    static EnvironmentName Environment(string name) => EnvironmentName.Parse(name, null);

    RevisionRecord Do(Command command)
    {
        Assert.True(Decider.Decide(state, command).TryGet(out var decision, out var fault), fault?.Detail);
        var applied = Decider.Apply(state, command, decision, new Timestamp(state.LastAt.Microseconds + 1));
        state = applied.State;
        return applied.Record!;
    }
}
