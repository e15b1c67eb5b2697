using Stele.Core.Access;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Orgs;

namespace Stele.Core.Webhooks;

/// <summary>
/// Webhooks: nobody makes one that sees what he may not. A webhook sees as who last changed it, so that whoever may point it elsewhere gets
/// nothing by that; or as a service account, which only who may all that it may can make it do.
/// </summary>
public static class WebhookDecider
{
    /// <summary>What a command of webhooks leads to; null for a command of another feature.</summary>
    public static Outcome<Decision>? TryDecide(OrgState state, Command command) => command switch
    {
        CreateWebhook create => Decide(state, create),
        ChangeWebhook change => Decide(state, change),
        RotateWebhookSecret rotate => Decide(state, rotate),
        RemoveWebhook remove => Decide(state, remove),
        _ => (Outcome<Decision>?)null,
    };

    /// <summary>The state after the webhook events of a revision.</summary>
    public static OrgState Evolve(OrgState state, RevisionRecord revision)
    {
        var webhooks = state.Webhooks;
        foreach (var e in revision.Events)
            webhooks = e.Payload switch
            {
                WebhookSet set => webhooks.Set(new Webhook(set.Id, set.Definition, set.Owner, set.Version, Find(webhooks, set.Id)?.CreatedAt ?? revision.At, revision.At)),
                WebhookSecretRotated rotated when Find(webhooks, rotated.Id) is { } webhook => webhooks.Set(webhook with { Version = rotated.Version, UpdatedAt = revision.At }),
                WebhookRemoved removed => webhooks.Remove(removed.Id.ToString()),
                _ => webhooks,
            };
        return ReferenceEquals(webhooks, state.Webhooks) ? state : state with { Webhooks = webhooks };
    }

    static Outcome<Decision> Decide(OrgState state, CreateWebhook command)
    {
        if (MayNot(state, command.Principal) is { } forbidden) return forbidden;
        if (!Owner(state, command.Principal, command.Webhook, null).TryGet(out var owner, out var refused)) return refused;
        var definition = command.Webhook.Of(null);
        if (Unknown(state, definition) is { } unknown) return unknown;
        var most = state.ValueOf(WebhookLimits.PerOrg);
        if (state.Webhooks.Count >= most)
            return new Fault(FaultCode.QuotaExceeded, $"An organization has at most {most} webhooks (limit {WebhookLimits.PerOrg.Name}).",
                [Problem.Body("", WebhookLimits.PerOrg.Name, $"This would be number {state.Webhooks.Count + 1}.")]);
        return new Decision([new WebhookSet(command.Id, definition, owner, 1)]) { Rows = [new WebhookSecret(command.Id, 1, command.Secret, 0)] };
    }

    static Outcome<Decision> Decide(OrgState state, ChangeWebhook command)
    {
        if (MayNot(state, command.Principal) is { } forbidden) return forbidden;
        if (state.Webhook(command.Id) is not { } before) return Missing(command.Id);
        if (command.Webhook.ExpectedVersion is { } expected && expected != before.Version)
            return new Fault(FaultCode.Conflict, $"The webhook is at version {before.Version}, not at {expected}.", [Problem.Body("/expected_version", "version.stale", $"The version is {before.Version}.")]);
        if (!Owner(state, command.Principal, command.Webhook, before).TryGet(out var owner, out var refused)) return refused;
        var definition = command.Webhook.Of(before.Definition);
        if (Unknown(state, definition) is { } unknown && definition.Environment != before.Definition.Environment) return unknown;
        return definition.Equals(before.Definition) && owner == before.Owner ? Decision.Nothing : new Decision([new WebhookSet(before.Id, definition, owner, before.Version + 1)]);
    }

    static Outcome<Decision> Decide(OrgState state, RotateWebhookSecret command)
    {
        if (MayNot(state, command.Principal) is { } forbidden) return forbidden;
        if (state.Webhook(command.Id) is not { } before) return Missing(command.Id);
        return new Decision([new WebhookSecretRotated(before.Id, before.Version + 1)]) { Rows = [new WebhookSecret(before.Id, before.Version + 1, command.Secret, command.OverlapSeconds)] };
    }

    static Outcome<Decision> Decide(OrgState state, RemoveWebhook command)
    {
        if (MayNot(state, command.Principal) is { } forbidden) return forbidden;
        return state.Webhook(command.Id) is { } before ? new Decision([new WebhookRemoved(before.Id, before.Version + 1)]) : Missing(command.Id);
    }

    /// <summary>As who it is to see: a service account that is named, or that it saw as; else who asks.</summary>
    static Outcome<WebhookOwner> Owner(OrgState state, Principal principal, WebhookChange change, Webhook? before)
    {
        var named = change.ServiceAccount;
        if (named is null && before?.Owner.Kind == TokenOwner.ServiceAccount && state.Access.ServiceAccount(before.Owner.Id) is not null) named = before.Owner.Id;
        if (named is { } id)
        {
            if (state.Access.ServiceAccount(id) is not { } account)
                return Fault.Invalid(Problem.Body("/service_account", "service_account.unknown", $"There is no service account '{id}'."));
            if (principal.Kind != PrincipalKind.ServiceAccount || principal.Id != id)
                if (state.Access.RightsOf(principal).LacksOf(state.Access, account.Roles) is { } lacked)
                    return new Fault(FaultCode.Forbidden, $"Service account '{account.Name}' may {lacked}, which {principal.ActorId} may not.",
                        [Problem.Body("/service_account", "service_account.exceeds", "A webhook sees nothing that who makes or changes it may not see.")]);
            return new WebhookOwner(TokenOwner.ServiceAccount, id);
        }
        return principal.Kind switch
        {
            PrincipalKind.Root => new WebhookOwner(TokenOwner.Org, Guid.Empty),
            PrincipalKind.User => new WebhookOwner(TokenOwner.User, principal.Id),
            PrincipalKind.ServiceAccount => new WebhookOwner(TokenOwner.ServiceAccount, principal.Id),
            PrincipalKind.Token => new WebhookOwner(TokenOwner.Token, principal.Id),
            _ => new Fault(FaultCode.Forbidden, "What an identity provider says holds while it says so: name a service account as which the webhook sees.",
                [Problem.Body("/service_account", "member.required", "service_account is required here.")]),
        };
    }

    static Fault? MayNot(OrgState state, Principal principal) => Authorisation.Check(state.Access, principal, Permission.WebhookWrite, null, null);

    static Fault? Unknown(OrgState state, WebhookDefinition definition) => definition.Environment is not { } name || state.Environment(name) is not null ? null
        : Fault.Invalid(Problem.Body("/environment", "environment.unknown", $"There is no environment '{name}'."));

    /// <summary>The refusal of one that is not there.</summary>
    public static Fault Missing(Guid id) => new(FaultCode.NotFound, $"There is no webhook '{id}'.", [Problem.Path("id", "webhook.unknown", $"There is no webhook '{id}'.")]);

    static Webhook? Find(Collections.SortedMap<Webhook> webhooks, Guid id) => webhooks.TryGetValue(id.ToString(), out var webhook) ? webhook : null;
}
