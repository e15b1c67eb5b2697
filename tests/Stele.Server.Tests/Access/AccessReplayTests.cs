using Stele.Core.Access;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Server.Tests.Fixtures;
using Xunit;

namespace Stele.Server.Tests.Access;

/// <summary>What is loaded from the tables of access is what the journal replays to, and what the node that wrote it holds.</summary>
public sealed class AccessReplayTests
{
    static readonly Grant Read = new(Permission.ConfigRead, ["staging"], "app."), Write = Grant.Of(Permission.ConfigWrite);

    [Theory]
    [InlineData(PostgresMajor.V15)]
    [InlineData(PostgresMajor.V18)]
    public async Task Tables_journal_and_memory_say_the_same(PostgresMajor major)
    {
        await using var db = await Postgres.NewDatabase(major);
        await using var writer = await TestNode.Start(db);
        await writer.CreateOrg();
        var ids = await Fill(writer);
        var written = await writer.Read();

        await using var other = await TestNode.Start(db);
        var loaded = await other.Read();
        Assert.Equal(written.Access, loaded.Access);
        Assert.Equal(written.Access.MemoryBytes, loaded.Access.MemoryBytes);
        Assert.Equal((3, 1, 4, 2), (loaded.Access.Users.Count, loaded.Access.ServiceAccounts.Count, loaded.Access.Tokens.Count, loaded.Access.Roles.Count));

        var replayed = OrgState.Empty(OrgId.Default, loaded.Incarnation);
        foreach (var revision in await other.Store.Read(OrgId.Default, 0, 1_000, CancellationToken.None)) replayed = Decider.Evolve(replayed, revision);
        Assert.Equal(loaded.Access, replayed.Access);
        foreach (var access in (AccessState[])[written.Access, loaded.Access, replayed.Access])
            Assert.Equal([ids[2].Id, null, ids[1].Id], ((string[])["oidc:a", "oidc:b", "oidc:c"]).Select(identity => access.UserOf(identity)?.Id));
        Assert.Equal(loaded.Access.MemoryBytes, replayed.Access.MemoryBytes);
        foreach (var e in (await other.Store.Read(OrgId.Default, 0, 1_000, CancellationToken.None)).SelectMany(revision => revision.Events))
            Assert.DoesNotContain("verifier-of", System.Text.Encoding.UTF8.GetString(e.Data!), StringComparison.Ordinal);

        // one key is read with as much of it as decides for one principal
        foreach (var principal in ids)
        {
            var one = (await other.Store.LoadKey(OrgId.Default, principal, "staging", "app.x", CancellationToken.None))!.Access;
            foreach (var permission in Permissions.All)
                foreach (var key in (string[])["app.x", "other"])
                    Assert.Equal(loaded.Access.RightsOf(principal).Allows(permission, "staging", key), one.RightsOf(principal).Allows(permission, "staging", key));
            Assert.True(one.Tokens.Count <= 2 && one.Users.Count <= 1);
        }
    }

    [Fact]
    public async Task What_is_revoked_or_removed_leaves_no_verifier_behind()
    {
        await using var db = await Postgres.NewDatabase();
        await using var node = await TestNode.Start(db);
        await node.CreateOrg();
        var user = Guid.CreateVersion7();
        await Do(node, new CreateUser(Principal.Root, Guid.CreateVersion7(), user, Member("eve@example.com", "Eve", "editor")));
        await Do(node, new SetPassword(Principal.Root, Guid.CreateVersion7(), user, "verifier-of-eve"));
        await Do(node, new CreateToken(Principal.User(user), Guid.CreateVersion7(), Token("hers", Write), null, new Timestamp(1)));
        await using var owner = await db.As("stele_owner");
        Assert.Equal(["1|1"], await owner.Rows("SELECT (SELECT count(*) FROM stele.credential), (SELECT count(*) FROM stele.token_lookup WHERE org_id = 1)"));
        await Do(node, new RemoveUser(Principal.Root, Guid.CreateVersion7(), user));
        Assert.Equal(["0|0|0"], await owner.Rows("SELECT (SELECT count(*) FROM stele.credential), (SELECT count(*) FROM stele.token_lookup WHERE org_id = 1), (SELECT count(*) FROM stele.token)"));
    }

    /// <summary>Every kind of event, more than once; whoever comes of it.</summary>
    internal static async Task<List<Principal>> Fill(TestNode node)
    {
        Guid[] users = [.. Enumerable.Range(0, 4).Select(_ => Guid.CreateVersion7())];
        foreach (var (index, id) in users.Index())
            await Do(node, new CreateUser(Principal.Root, Guid.CreateVersion7(), id, Member($"User{index}@example.com", $"User {index} ß", index == 0 ? "owner" : "editor")));
        await Do(node, new SetRole(Principal.Root, Guid.CreateVersion7(), "narrow", "for some", [Read, Write], [new Grant(Permission.ConfigWrite, null, "app.secret")], null));
        await Do(node, new SetRole(Principal.Root, Guid.CreateVersion7(), "narrow", null, [Read, Write], [new Grant(Permission.ConfigWrite, ["production"], "app.secret")], 1));
        await Do(node, new SetRole(Principal.Root, Guid.CreateVersion7(), "brief", null, [Read], [], 0));
        await Do(node, new RemoveRole(Principal.Root, Guid.CreateVersion7(), "brief"));
        await Do(node, new ChangeUser(Principal.Root, Guid.CreateVersion7(), users[1], new MemberChange { Roles = [new RoleBinding("narrow", ["staging"], "app."), RoleBinding.Of("viewer")], Name = "New" }));
        await Do(node, new ChangeUser(Principal.Root, Guid.CreateVersion7(), users[2], new MemberChange { Status = MemberStatus.Suspended }));
        // bound, bound to another, and to whom another was
        foreach (var (user, identity) in new[] { (1, "oidc:a"), (2, "oidc:b"), (1, "oidc:c"), (2, "oidc:a"), (3, "oidc:b") })
            await Do(node, new ChangeUser(Principal.Root, Guid.CreateVersion7(), users[user], new MemberChange { SetsIdentity = true, Identity = new MemberIdentity("https://issuer.example", identity) }));
        await Do(node, new SetPassword(Principal.Root, Guid.CreateVersion7(), users[1], "verifier-of-one"));
        await Do(node, new CreateServiceAccount(Principal.Root, Guid.CreateVersion7(), users[0], Member(null, "deployer", "editor")));
        await Do(node, new ChangeServiceAccount(Principal.Root, Guid.CreateVersion7(), users[0], new MemberChange { Name = "deploys" }));
        var gone = Guid.CreateVersion7();
        await Do(node, new CreateServiceAccount(Principal.Root, Guid.CreateVersion7(), gone, Member(null, "gone", "viewer")));
        await Do(node, new RemoveServiceAccount(Principal.Root, Guid.CreateVersion7(), gone));
        var (own, his, account, child) = (Token("the org's", Read, Write), Token("his", Read), Token("the account's", Write), Token("the child", Read));
        await Do(node, new CreateToken(Principal.Root, Guid.CreateVersion7(), own with { Environment = "staging" }, null, new Timestamp(1)));
        await Do(node, new CreateToken(Principal.User(users[1]), Guid.CreateVersion7(), his with { ExpiresAt = new Timestamp(4_000_000_000_000_000) }, null, new Timestamp(1)));
        await Do(node, new CreateToken(Principal.Root, Guid.CreateVersion7(), account, users[0], new Timestamp(1)));
        await Do(node, new CreateToken(Principal.Root, Guid.CreateVersion7(), Token("makes", Grant.Of(Permission.TokenWrite), Read), null, new Timestamp(1)));
        var maker = (await node.Read()).Access.Tokens.First(token => token.Name == "makes").Id;
        await Do(node, new CreateToken(Principal.Token(maker, null, null), Guid.CreateVersion7(), child, null, new Timestamp(1)));
        await Do(node, new RevokeToken(Principal.Root, Guid.CreateVersion7(), own.Id));
        await Do(node, new RemoveUser(Principal.Root, Guid.CreateVersion7(), users[3]));
        return
        [
            .. users.Select(Principal.User), Principal.ServiceAccount(users[0]), Principal.Token(own.Id, null, "staging"), Principal.Token(his.Id, Principal.UserActor(users[1]), null),
            Principal.Token(account.Id, Principal.ServiceAccountActor(users[0]), null), Principal.Token(child.Id, null, null), Principal.External("oidc:x", ["narrow"]),
        ];
    }

    static MemberChange Member(string? email, string name, string role) => new() { Email = email, Name = name, Roles = [RoleBinding.Of(role)], IsOneRole = true };

    static NewToken Token(string name, params Grant[] scopes) => new(Guid.CreateVersion7(), System.Security.Cryptography.SHA256.HashData(Guid.NewGuid().ToByteArray()), name, scopes, null, null);

    static async Task Do(TestNode node, Command command)
    {
        var outcome = await node.Journal.Append(OrgId.Default, command, null, CancellationToken.None);
        Assert.True(outcome.Fault is null, outcome.Fault?.Detail);
    }
}
