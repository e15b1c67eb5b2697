using Stele.Core.Access;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Core.Watch;
using Stele.Core.Webhooks;
using Xunit;

namespace Stele.Core.Tests.Webhooks;

public sealed class WebhookDeciderTests
{
    static readonly byte[] Secret = new byte[32];
    OrgState state = OrgState.Empty(OrgId.Default, Guid.NewGuid());

    public WebhookDeciderTests() => Do(new CreateOrg(Principal.Root, Guid.CreateVersion7(), OrgName.Parse("default", null), [EnvironmentName.Parse("production", null)]));

    [Fact]
    public void A_webhook_is_made_changed_and_removed_and_its_secret_is_in_no_event()
    {
        var secret = Enumerable.Range(1, 32).Select(n => (byte)n).ToArray();
        var id = Guid.CreateVersion7();
        var made = Decided(new CreateWebhook(Principal.Root, Guid.CreateVersion7(), id, secret, new WebhookChange { Url = "https://example.com/hook?x=1", Prefixes = ["app."], Kinds = WatchKinds.Config }));
        Assert.Equal(new WebhookSecret(id, 1, secret, 0), Assert.Single(made.Rows));
        Apply(made);
        var webhook = state.Webhook(id)!;
        Assert.Equal(new WebhookDefinition("https://example.com/hook?x=1", null, null, ["app."], WatchKinds.Config, true), webhook.Definition);
        Assert.Equal(new WebhookOwner(TokenOwner.Org, Guid.Empty), webhook.Owner);

        Do(new ChangeWebhook(Principal.Root, Guid.CreateVersion7(), id, new WebhookChange { IsEnabled = false, Environment = "production", NamesEnvironment = true, ExpectedVersion = 1 }));
        Assert.Equal(("production", false, 2, "https://example.com/hook?x=1"), (state.Webhook(id)!.Definition.Environment, state.Webhook(id)!.Definition.IsEnabled, state.Webhook(id)!.Version, state.Webhook(id)!.Definition.Url));
        Assert.Empty(Decided(new ChangeWebhook(Principal.Root, Guid.CreateVersion7(), id, new WebhookChange { IsEnabled = false })).Events);

        var rotated = Decided(new RotateWebhookSecret(Principal.Root, Guid.CreateVersion7(), id, secret, 60));
        Assert.Equal(new WebhookSecret(id, 3, secret, 60), Assert.Single(rotated.Rows));
        Apply(rotated);
        foreach (var e in made.Events.Concat(rotated.Events))
            Assert.DoesNotContain(Convert.ToBase64String(secret), System.Text.Encoding.UTF8.GetString(e.Encode()), StringComparison.Ordinal);

        Do(new RemoveWebhook(Principal.Root, Guid.CreateVersion7(), id));
        Assert.Null(state.Webhook(id));
        Assert.Equal(FaultCode.NotFound, Refused(new RemoveWebhook(Principal.Root, Guid.CreateVersion7(), id)).Code);
    }

    [Fact]
    public void Events_are_read_as_they_were_written()
    {
        var definition = new WebhookDefinition("https://example.com", "what ß", "production", ["a.", "b"], WatchKinds.Config | WatchKinds.Secret, false);
        foreach (var e in (JournalEvent[])
            [
                new WebhookSet(Guid.NewGuid(), definition, new WebhookOwner(TokenOwner.Token, Guid.NewGuid()), 4),
                new WebhookSet(Guid.NewGuid(), definition with { Description = null, Environment = null, Prefixes = [], IsEnabled = true }, new WebhookOwner(TokenOwner.Org, Guid.Empty), 1),
                new WebhookSecretRotated(Guid.NewGuid(), 2), new WebhookRemoved(Guid.NewGuid(), 3),
            ])
        {
            Assert.Equal(e, EventCodec.Decode(e.Type, e.Encode()));
            Assert.Equal(Permission.WebhookRead, StreamSubject.Of(e.Stream)!.Value.Permission);
        }
    }

    [Fact]
    public void Who_changes_a_webhook_becomes_its_owner()
    {
        var (admin, other) = (User("admin"), User("admin"));
        var id = Make(Principal.Root);
        Do(new ChangeWebhook(admin, Guid.CreateVersion7(), id, new WebhookChange { Url = "https://other.example" }));
        Assert.Equal(new WebhookOwner(TokenOwner.User, admin.Id), state.Webhook(id)!.Owner);
        Do(new ChangeWebhook(other, Guid.CreateVersion7(), id, new WebhookChange { IsEnabled = true }));
        Assert.Equal(new WebhookOwner(TokenOwner.User, other.Id), state.Webhook(id)!.Owner);
    }

    [Fact]
    public void A_service_account_that_may_more_is_not_seen_through()
    {
        Do(new SetRole(Principal.Root, Guid.CreateVersion7(), "hooks", null, [Grant.Of(Permission.WebhookWrite), new Grant(Permission.ConfigRead, null, "app.")], [], null));
        var narrow = User("hooks");
        var account = Guid.CreateVersion7();
        Do(new CreateServiceAccount(Principal.Root, Guid.CreateVersion7(), account, new MemberChange { Name = "sender", Roles = [RoleBinding.Of("viewer")] }));
        Assert.Equal(FaultCode.Forbidden, Refused(new CreateWebhook(narrow, Guid.CreateVersion7(), Guid.CreateVersion7(), Secret, Of(account))).Code);

        var id = Guid.CreateVersion7();
        Do(new CreateWebhook(Principal.Root, Guid.CreateVersion7(), id, Secret, Of(account)));
        // to point it elsewhere would show him what the account may read
        Assert.Equal(FaultCode.Forbidden, Refused(new ChangeWebhook(narrow, Guid.CreateVersion7(), id, new WebhookChange { Url = "https://his.example" })).Code);
        Do(new ChangeWebhook(User("admin"), Guid.CreateVersion7(), id, new WebhookChange { Url = "https://ours.example" }));
        Assert.Equal(new WebhookOwner(TokenOwner.ServiceAccount, account), state.Webhook(id)!.Owner);

        Do(new RemoveServiceAccount(Principal.Root, Guid.CreateVersion7(), account));
        Assert.Equal(RightsStatus.Unknown, state.Webhook(id)!.Owner.RightsIn(state.Access, default).Status);
        Do(new ChangeWebhook(narrow, Guid.CreateVersion7(), id, new WebhookChange { Url = "https://his.example" }));
        Assert.Equal(new WebhookOwner(TokenOwner.User, narrow.Id), state.Webhook(id)!.Owner);
    }

    [Fact]
    public void A_webhook_sees_nothing_when_its_token_has_ended()
    {
        var token = new NewToken(Guid.CreateVersion7(), new byte[32], "t", [Grant.Of(Permission.WebhookWrite), Grant.Of(Permission.ConfigRead)], null, new Timestamp(1_000));
        Do(new CreateToken(Principal.Root, Guid.CreateVersion7(), token, null, new Timestamp(1)));
        var id = Make(Principal.Token(token.Id, null, null));
        var owner = state.Webhook(id)!.Owner;
        Assert.True(owner.RightsIn(state.Access, new Timestamp(999)).Allows(Permission.ConfigRead, "production", "a"));
        Assert.Equal(RightsStatus.Unknown, owner.RightsIn(state.Access, new Timestamp(1_000)).Status);
    }

    [Fact]
    public void Somebody_vouched_for_names_a_service_account()
    {
        Do(new SetRole(Principal.Root, Guid.CreateVersion7(), "hooks", null, [Grant.Of(Permission.WebhookWrite)], [], null));
        var refused = Refused(new CreateWebhook(Principal.External("oidc:x", ["hooks"]), Guid.CreateVersion7(), Guid.CreateVersion7(), Secret, Of(null)));
        Assert.Equal((FaultCode.Forbidden, "/service_account"), (refused.Code, Assert.Single(refused.Problems).Name));
    }

    [Fact]
    public void Nobody_without_the_permission_touches_a_webhook()
    {
        var (id, viewer) = (Make(Principal.Root), User("viewer"));
        foreach (var command in (Command[])
            [
                new CreateWebhook(viewer, Guid.CreateVersion7(), Guid.CreateVersion7(), Secret, Of(null)), new ChangeWebhook(viewer, Guid.CreateVersion7(), id, new WebhookChange()),
                new RotateWebhookSecret(viewer, Guid.CreateVersion7(), id, Secret, 0), new RemoveWebhook(viewer, Guid.CreateVersion7(), id),
            ])
            Assert.Equal(FaultCode.Forbidden, Refused(command).Code);
    }

    [Fact]
    public void One_webhook_more_than_the_limit_is_refused()
    {
        for (var i = 0; i < WebhookLimits.PerOrg.Value; i++) Make(Principal.Root);
        var refused = Refused(new CreateWebhook(Principal.Root, Guid.CreateVersion7(), Guid.CreateVersion7(), Secret, Of(null)));
        Assert.Equal((FaultCode.QuotaExceeded, "webhooks.count"), (refused.Code, Assert.Single(refused.Problems).Rule));
    }

    [Fact]
    public void An_unknown_environment_and_a_stale_version_are_refused()
    {
        var id = Make(Principal.Root);
        Assert.Equal("environment.unknown", Assert.Single(Refused(new ChangeWebhook(Principal.Root, Guid.CreateVersion7(), id, new WebhookChange { Environment = "qa", NamesEnvironment = true })).Problems).Rule);
        Assert.Equal(FaultCode.Conflict, Refused(new ChangeWebhook(Principal.Root, Guid.CreateVersion7(), id, new WebhookChange { ExpectedVersion = 2 })).Code);
    }

    [Theory]
    [InlineData("https://example.com", null)]
    [InlineData("http://example.com:8080/a?b=c", null)]
    [InlineData("https://[2606:4700::1111]/", null)]
    [InlineData("ftp://example.com", "url.form")]
    [InlineData("example.com", "url.form")]
    [InlineData("/hook", "url.form")]
    [InlineData("https://exämple.com", "url.form")]
    [InlineData("https://example.com/a b", "url.form")]
    [InlineData("https://me:secret@example.com", "url.credentials")]
    [InlineData("https://me@example.com", "url.credentials")]
    [InlineData("https://example.com/#x", "url.fragment")]
    public void An_address_is_absolute_and_holds_no_credentials(string url, string? rule) => Assert.Equal(rule, WebhookUrl.Check(url)?.Rule);

    [Fact]
    public void An_address_has_so_many_characters_and_not_one_more()
    {
        var most = "https://example.com/".PadRight((int)WebhookLimits.UrlCharacters.Value, 'x');
        Assert.Null(WebhookUrl.Check(most));
        Assert.Equal("url.length", WebhookUrl.Check(most + "x")?.Rule);
    }

    static WebhookChange Of(Guid? account) => new() { Url = "https://example.com", ServiceAccount = account };

    Guid Make(Principal principal)
    {
        var id = Guid.CreateVersion7();
        Do(new CreateWebhook(principal, Guid.CreateVersion7(), id, Secret, Of(null)));
        return id;
    }

    Principal User(string role)
    {
        var id = Guid.CreateVersion7();
        Do(new CreateUser(Principal.Root, Guid.CreateVersion7(), id, new MemberChange { Email = $"{id:N}@example.com", Name = "A user", Roles = [RoleBinding.Of(role)] }));
        return Principal.User(id);
    }

    Decision Decided(Command command)
    {
        Assert.True(Decider.Decide(state, command).TryGet(out var decision, out var fault), fault?.Detail);
        return decision;
    }

    Fault Refused(Command command) => Assert.IsType<Fault>(Decider.Decide(state, command).Fault);

    void Do(Command command) => Apply(Decided(command));

    void Apply(Decision decision) => state = Decider.Apply(state, new RemoveWebhook(Principal.Root, Guid.CreateVersion7(), Guid.Empty), decision, new Timestamp(state.LastAt.Microseconds + 1)).State;
}
