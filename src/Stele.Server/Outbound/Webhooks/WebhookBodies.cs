using Stele.Core.Configs;
using Stele.Core.Faults;
using Stele.Core.Json;
using Stele.Core.Watch;
using Stele.Core.Webhooks;
using Stele.Server.Access;

namespace Stele.Server.Outbound.Webhooks;

/// <summary>The bodies of webhooks, whole or as a change, and of what is done with one.</summary>
internal static class WebhookBodies
{
    const int OverlapDefaultSeconds = 24 * 60 * 60;

    static readonly BodyMembers New = new(required: ["url"], optional: ["description", "environment", "prefixes", "kinds", "enabled", "service_account"]);
    static readonly BodyMembers Changed = new(required: [], optional: ["url", "description", "environment", "prefixes", "kinds", "enabled", "service_account", "expected_version"]);
    static readonly BodyMembers Rotated = new(required: [], optional: ["overlap_seconds"]);
    static readonly BodyMembers Replayed = new(required: ["after_revision"], optional: []);

    /// <summary>What a webhook is to be. Whether its address may be sent to, the sender says.</summary>
    public static WebhookChange Parse(ReadOnlySpan<byte> utf8, bool isNew, WebhookSender sender, List<Problem> problems)
    {
        var result = new WebhookChange();
        var body = new JsonBody(utf8, isNew ? New : Changed, problems);
        while (body.NextMember(out var member))
            result = member switch
            {
                "url" => result with { Url = Url(ref body, sender) },
                "description" => result with { Description = AccessBodies.Description(ref body), NamesDescription = true },
                "environment" => result with { Environment = AccessBodies.Environment(ref body), NamesEnvironment = true },
                "prefixes" => result with { Prefixes = Prefixes(ref body, problems) },
                "kinds" => result with { Kinds = Kinds(ref body) },
                "enabled" => result with { IsEnabled = body.ReadBoolean() },
                "service_account" => result with { ServiceAccount = AccessBodies.Id(ref body) },
                _ => result with { ExpectedVersion = (int?)body.ReadInt64(1, int.MaxValue) },
            };
        return result;
    }

    /// <summary>For how long the secret before goes on signing.</summary>
    public static int OverlapSeconds(ReadOnlySpan<byte> utf8, List<Problem> problems)
    {
        var seconds = OverlapDefaultSeconds;
        var body = new JsonBody(utf8, Rotated, problems);
        while (body.NextMember(out _))
            if (body.ReadInt64(0, int.MaxValue) is { } given)
            {
                seconds = (int)given;
                if (given > WebhookLimits.OverlapSeconds.Value) body.Refuse("overlap_seconds", $"Secrets overlap for at most {WebhookLimits.OverlapSeconds.Value} seconds.");
            }
        return seconds;
    }

    /// <summary>After which revision everything is sent again.</summary>
    public static long AfterRevision(ReadOnlySpan<byte> utf8, List<Problem> problems)
    {
        long revision = 0;
        var body = new JsonBody(utf8, Replayed, problems);
        while (body.NextMember(out _)) revision = body.ReadInt64(0, long.MaxValue) ?? 0;
        return revision;
    }

    static string? Url(ref JsonBody body, WebhookSender sender)
    {
        if (body.ReadString() is not { } url) return null;
        if ((WebhookUrl.Check(url) ?? sender.Refuses(url)) is var (rule, message)) body.Refuse(rule, message);
        return url;
    }

    static List<string> Prefixes(ref JsonBody body, List<Problem> problems)
    {
        var pointer = body.Pointer;
        var prefixes = new List<string>();
        var count = 0;
        body.BeginArray();
        while (body.NextItem())
        {
            if (body.ReadString() is not { } prefix) continue;
            if (KeyPrefix.Check(prefix) is var (rule, message)) body.Refuse(rule, message);
            else if (count < WebhookLimits.Prefixes.Value) prefixes.Add(prefix);
            count++;
        }
        if (count > WebhookLimits.Prefixes.Value) problems.Add(Problem.Body(pointer, "prefixes.count", $"A webhook has at most {WebhookLimits.Prefixes.Value} prefixes."));
        return prefixes;
    }

    static WatchKinds? Kinds(ref JsonBody body)
    {
        var kinds = WatchKinds.None;
        body.BeginArray();
        while (body.NextItem())
        {
            if (body.ReadString() is not { } name) continue;
            var kind = WatchKindNames.Parse(name);
            if (kind == WatchKinds.None) body.Refuse("kinds.value", "A kind is config, flag or secret.");
            kinds |= kind;
        }
        if (kinds == WatchKinds.None) body.Refuse("kinds.value", "kinds has at least one of config, flag and secret.");
        return kinds;
    }
}
