using Stele.Core.Access;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Core.Watch;
using Stele.Core.Webhooks;
using Stele.Server.Tests.Fixtures;
using Xunit;

namespace Stele.Server.Tests.Outbound.Webhooks;

/// <summary>What is loaded from the table of webhooks is what the journal replays to, and what the node that wrote it holds.</summary>
public sealed class WebhookReplayTests
{
    [Theory]
    [InlineData(PostgresMajor.V15)]
    [InlineData(PostgresMajor.V18)]
    public async Task Table_journal_and_memory_say_the_same(PostgresMajor major)
    {
        await using var db = await Postgres.NewDatabase(major);
        await using var writer = await TestNode.Start(db);
        await writer.CreateOrg();
        Guid[] ids = [.. Enumerable.Range(0, 3).Select(_ => Guid.CreateVersion7())];
        await Do(writer, new CreateWebhook(Principal.Root, Guid.CreateVersion7(), ids[0], new byte[32], new WebhookChange { Url = "https://example.com/0" }));
        await Do(writer, new CreateWebhook(Principal.Root, Guid.CreateVersion7(), ids[1], new byte[32],
            new WebhookChange { Url = "https://example.com/1", Description = "ß", NamesDescription = true, Environment = "staging", NamesEnvironment = true, Prefixes = ["a.", "b"], Kinds = WatchKinds.Secret, IsEnabled = false }));
        await Do(writer, new CreateWebhook(Principal.Root, Guid.CreateVersion7(), ids[2], new byte[32], new WebhookChange { Url = "https://example.com/2" }));
        await Do(writer, new ChangeWebhook(Principal.Root, Guid.CreateVersion7(), ids[0], new WebhookChange { Prefixes = ["z"] }));
        await Do(writer, new RotateWebhookSecret(Principal.Root, Guid.CreateVersion7(), ids[1], new byte[32], 60));
        await Do(writer, new RemoveWebhook(Principal.Root, Guid.CreateVersion7(), ids[2]));
        var written = await writer.Read();

        await using var other = await TestNode.Start(db);
        var loaded = await other.Read();
        var replayed = OrgState.Empty(OrgId.Default, loaded.Incarnation);
        foreach (var revision in await other.Store.Read(OrgId.Default, 0, 1_000, CancellationToken.None)) replayed = Decider.Evolve(replayed, revision);
        Assert.Equal(2, loaded.Webhooks.Count);
        Assert.Equal(written.Webhooks, loaded.Webhooks);
        Assert.Equal(replayed.Webhooks, loaded.Webhooks);
    }

    static async Task Do(TestNode node, Command command)
    {
        var outcome = await node.Journal.Append(OrgId.Default, command, null, CancellationToken.None);
        Assert.True(outcome.Fault is null, outcome.Fault?.Detail);
    }
}
