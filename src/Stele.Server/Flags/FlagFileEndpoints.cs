using Stele.Core.Access;
using Stele.Core.Configs;
using Stele.Core.Faults;
using Stele.Core.Flags;
using Stele.Core.Journal;
using Stele.Core.Json;
using Stele.Core.Limits;
using Stele.Core.Orgs;
using Stele.Server.Configs;
using Stele.Server.Gateway;
using Stele.Server.Journal;

namespace Stele.Server.Flags;

/// <summary>Whole sets: flagd's files in and out, and from one environment to another.</summary>
internal sealed class FlagFileEndpoints(JournalNode journal, ConfigView view, FlagPast past, FlagWrites writes)
{
    /// <summary><c>POST /v1/flags/import</c></summary>
    public async Task Import(HttpContext context)
    {
        if (!(await WriteRequest.Read(context, Parameter.Env | Parameter.Mode | Parameter.DryRun | Parameter.ChangeLog, SteleLimits.ChangeSetBytes, orYaml: true)).TryGet(out var request, out var fault))
        {
            await HttpProblems.Write(context, fault);
            return;
        }
        using (request)
        {
            var mode = request.Parameters.Mode ?? "merge";
            if (mode is not ("merge" or "replace")) request.Problems.Add(Problem.Query("mode", "mode", "mode is merge or replace."));
            var changes = Changes(context, request);
            if (request.Refused is { } refused)
            {
                await HttpProblems.Write(context, refused);
                return;
            }
            var command = new ChangeSet(request.Caller.Principal, request.Caller.RequestId, request.Parameters.ChangeLog, [])
            {
                Flags = changes, Replaces = mode == "replace" ? new FlagReplacement(request.Parameters.Env) : null, IsList = true,
            };
            await AnswerSet(context, request, command);
        }
    }

    /// <summary><c>GET /v1/flags/export</c></summary>
    public async Task Export(HttpContext context)
    {
        List<Problem>? problems = null;
        var parameters = RequestParameters.Parse(context.Request, Parameter.Env | Parameter.Read | Parameter.Revision | Parameter.At | Parameter.Format, ref problems);
        var format = parameters.TextOf(Parameter.Format) ?? "json";
        if (format is not ("json" or "yaml" or "flagd")) (problems ??= []).Add(Problem.Query("format", "format", "format is json, yaml or flagd."));
        if (problems is not null)
        {
            await HttpProblems.Write(context, Fault.Invalid(problems));
            return;
        }
        if (!(await view.Of(context, parameters, Permission.FlagRead, null, "export")).TryGet(out var shown, out var fault))
        {
            await HttpProblems.Write(context, fault);
            return;
        }
        var flags = await past.At(shown.State, shown.Environment, shown.Place.Revision, context.RequestAborted);
        // like a list: what somebody may read, and whether that is all there could be, which says nothing of what there is
        var mayReadAll = shown.Rights.Allows(Permission.FlagRead, shown.Environment.Name, null);
        var set = mayReadAll ? flags.Set : Readable(flags.Set, shown);
        var metadata = shown.Rights.Allows(Permission.FlagRead, shown.Environment.Name, FlagKey.MetadataText) ? flags.Metadata : null;
        var left = new List<string>();
        set = WithoutRedacted(set, flags, left);
        if (flags.Item(FlagKey.MetadataText) is { Redacted: true }) metadata = null;
        var file = FlagFile.Write(format == "flagd" ? ForFlagd(set, left) : set, metadata);
        shown.PlaceHeaders(context.Response);
        if (!mayReadAll) context.Response.Headers["Stele-Partial"] = "true";
        if (left.Count > 0) context.Response.Headers["Stele-Left-Out"] = string.Join(", ", left);
        context.Response.ContentType = format == "yaml" ? "application/yaml" : Answer.Json;
        await Answer.Body(context, new JsonText(file.Length).Raw(format == "yaml" ? FlagYaml.FromJson(file) : file));
    }

    /// <summary><c>POST /v1/flags/copy</c></summary>
    public async Task Copy(HttpContext context)
    {
        if (!(await WriteRequest.Read(context, Parameter.DryRun)).TryGet(out var request, out var fault))
        {
            await HttpProblems.Write(context, fault);
            return;
        }
        using (request)
        {
            var body = FlagCopyBody.Parse(request.Body, request.Problems);
            fault = request.Refused;
            if (fault is null && (await Copied(context, request, body)).TryGet(out var changes, out fault))
            {
                await AnswerSet(context, request, new ChangeSet(request.Caller.Principal, request.Caller.RequestId, body.ChangeLog, []) { Flags = changes, IsList = true });
                return;
            }
            await HttpProblems.Write(context, fault!);
        }
    }

    static List<FlagChange> Changes(HttpContext context, WriteRequest request)
    {
        var text = request.Body.ToArray();
        if ((RequestBody.IsYaml(context.Request.ContentType) ? FlagYaml.ToJson(text, request.Problems) : text) is not { } json) return [];
        if (!CanonicalJson.TryCanonicalize(json, "", request.Problems, out var canonical) || FlagFile.Parse(canonical, "", request.Problems) is not { } file) return [];
        var changes = new List<FlagChange>(file.Flags.Count + file.Rules.Count + 1);
        foreach (var rule in file.Rules) Add(FlagKey.Stored(FlagKey.RulePrefix + rule.Name), FlagContent.Of(rule), $"/$evaluators/{Escaped(rule.Name)}");
        foreach (var flag in file.Flags) Add(FlagKey.Stored(flag.Name), FlagContent.Of(flag), $"/flags/{Escaped(flag.Name)}");
        if (file.Metadata is not null) Add(FlagKey.Metadata, FlagContent.Stored(file.Metadata), "/metadata");
        if (changes.Count > SteleLimits.ChangeSetChanges.Value)
            request.Problems.Add(Problem.Body("/flags", "changes.count", $"An import has at most {SteleLimits.ChangeSetChanges.Value} flags and shared rules; this one has {changes.Count}."));
        return changes;

        void Add(FlagKey key, FlagContent content, string pointer) => changes.Add(new FlagChange
        {
            Op = ChangeOp.Set, Environment = request.Parameters.Env, Key = key, Content = content, SkipsEqual = true, MayDangle = true, Index = changes.Count, Pointer = pointer, DefinitionPointer = pointer,
        });
    }

    static string Escaped(string name) => name.Replace("~", "~0", StringComparison.Ordinal).Replace("/", "~1", StringComparison.Ordinal);

    /// <summary>What is to be copied: what is named, or under a prefix, or all; with what it refers to, where the other environment has none of it.</summary>
    async Task<Outcome<IReadOnlyList<FlagChange>>> Copied(HttpContext context, WriteRequest request, FlagCopyBody body)
    {
        var read = await journal.Read(request.Caller.Org, new ReadOptions(Consistency.Strong, null, request.Parameters.MinCursor), context.RequestAborted);
        if (!read.TryGet(out var snapshot, out var fault)) return fault;
        var state = snapshot.State;
        if (ConfigView.Refused(state, request.Caller.Principal, Permission.FlagRead, body.From!.Value.Text, null) is { } forbidden) return forbidden;
        if (state.Environment(body.From.Value.Text) is not { } from) return Unknown("/from", body.From.Value.Text);
        if (state.Environment(body.To!.Value.Text) is not { } to) return Unknown("/to", body.To.Value.Text);
        var keys = new List<string>();
        foreach (var (index, name) in (body.Names ?? []).Index())
            if (from.Flags.Item(name) is { Archived: false }) keys.Add(name);
            else return new Fault(FaultCode.NotFound, $"{name} does not exist in {from.Name}.", [Problem.Body($"/names/{index}", "flag.unknown", $"{name} does not exist in {from.Name}.")]);
        if (body.Names is null)
            keys.AddRange(from.Flags.Items.StartingWith(body.Prefix ?? "").Where(item => !item.Archived && item.Kind != FlagItemKind.KillSwitch).Select(item => item.Key));
        // what is copied may refer to shared rules that the other environment lacks
        for (var i = 0; i < keys.Count; i++)
            foreach (var rule in FlagChecks.SharedRules(from.Flags.Set, FlagKey.Stored(keys[i])))
                if (FlagKey.RulePrefix + rule is var key && !keys.Contains(key) && to.Flags.Item(key) is null && from.Flags.Item(key) is not null) keys.Add(key);
        var changes = new List<FlagChange>(keys.Count);
        foreach (var key in keys.Distinct())
        {
            if (Authorisation.Check(state.Access, request.Caller.Principal, Permission.FlagRead, from.Name, key) is { } unseen) return unseen;
            changes.Add(new FlagChange
            {
                Op = ChangeOp.Set, Environment = body.To, Key = FlagKey.Stored(key), Content = FlagContent.Stored(from.Flags.Item(key)!.Text!), SkipsEqual = true, Index = changes.Count, Pointer = "/names", DefinitionPointer = "/names",
            });
        }
        return changes;
    }

    async Task AnswerSet(HttpContext context, WriteRequest request, ChangeSet command)
    {
        if (!(await writes.Do(request, command)).TryGet(out var applied, out var fault))
        {
            await HttpProblems.Write(context, fault);
            return;
        }
        var moves = await writes.Moves(applied, request.Parameters.DryRun, CancellationToken.None);
        var place = request.Parameters.DryRun || applied.Record is not { } record ? applied.State.Place : new JournalPlace(record.Revision, record.Chain);
        var json = new JsonText().Raw("{\"revision\":"u8).Number(place.Revision).Raw(",\"cursor\":\""u8).Ascii(place.CursorText).Raw("\""u8);
        if (request.Parameters.DryRun) json.Raw(",\"dry_run\":true"u8);
        json.Raw(",\"unchanged\":"u8).Number(command.Flags.Count - moves.Count(move => !move.After.Deleted)).Raw(",\"items\":["u8);
        foreach (var (index, move) in moves.Index())
        {
            if (index > 0) json.Raw(","u8);
            var after = move.After;
            json.Raw("{\"name\":\""u8).Ascii(after.Key).Raw("\",\"environment\":\""u8).Ascii(move.Environment)
                .Raw("\",\"op\":\""u8).Ascii(after.Deleted ? "removed" : move.Before is null ? "added" : "changed").Raw("\",\"version\":"u8).Number(after.Version);
            FlagJson.Moved(json, move.Move).Raw("}"u8);
        }
        Answer.Place(context.Response, place);
        await Answer.Send(context, json.Raw("]}"u8));
    }

    /// <summary>The set for evaluators that know flagd's operations alone. What reads other flags has no spelling there, and is left out.</summary>
    static FlagSet ForFlagd(FlagSet set, List<string> left)
    {
        var flags = set.Flags.ToBuilder();
        foreach (var flag in set.Flags)
            if (flag.Definition.ForFlagd() is { } text) flags.Set(new Flag(flag.Name, flag.Killed || set.Killed ? FlagDefinition.Disabled(text) : text));
            else
            {
                flags.Remove(flag.Name);
                left.Add(flag.Name);
            }
        return set with { Flags = flags.ToMap() };
    }

    static FlagSet WithoutRedacted(FlagSet set, EnvironmentFlags then, List<string> left)
    {
        foreach (var item in then.Items.Where(item => item.Redacted))
        {
            var (flags, rules) = (set.Flags.ToBuilder(), set.Rules.ToBuilder());
            if (set.Flags.TryGetValue(item.Key, out _) || set.Rules.TryGetValue(FlagKey.NameOf(item.Key), out _)) left.Add(item.Key);
            flags.Remove(item.Key);
            if (item.Kind == FlagItemKind.Rule) rules.Remove(FlagKey.NameOf(item.Key));
            set = set with { Flags = flags.ToMap(), Rules = rules.ToMap() };
        }
        return set;
    }

    static FlagSet Readable(FlagSet set, ConfigView.Shown shown)
    {
        var (flags, rules) = (set.Flags.ToBuilder(), set.Rules.ToBuilder());
        foreach (var flag in set.Flags)
            if (!shown.Rights.Allows(Permission.FlagRead, shown.Environment.Name, flag.Name)) flags.Remove(flag.Name);
        foreach (var rule in set.Rules)
            if (!shown.Rights.Allows(Permission.FlagRead, shown.Environment.Name, FlagKey.RulePrefix + rule.Name)) rules.Remove(rule.Name);
        return set with { Flags = flags.ToMap(), Rules = rules.ToMap() };
    }

    static Fault Unknown(string pointer, string name) => new(FaultCode.NotFound, $"There is no environment '{name}'.", [Problem.Body(pointer, "environment.unknown", $"There is no environment '{name}'.")]);
}
