using Stele.Core.Access;
using Stele.Core.Configs;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Limits;
using Stele.Core.Orgs;
using Stele.Server.Flags;
using Stele.Server.Gateway;
using Stele.Server.Journal;
using Stele.Server.Secrets;
using Stele.Server.Watch;

namespace Stele.Server.Configs;

/// <summary>Writes of many keys as one revision: change sets, and the rollback of a prefix.</summary>
internal sealed class ChangeEndpoints(JournalNode journal, ConfigView view, ConfigQueries queries, FlagPast flags, FlagWrites writes, SecretWrites secrets, WatchPeers watchers, TimeProvider time)
{
    /// <summary><c>POST /v1/changes</c></summary>
    public async Task Post(HttpContext context)
    {
        if (!(await WriteRequest.Read(context, Parameter.Env | Parameter.DryRun | Parameter.WaitFor | Parameter.MinSubscribers | Parameter.Timeout)).TryGet(out var request, out var fault))
        {
            await HttpProblems.Write(context, fault);
            return;
        }
        using (request)
        {
            if (request.Parameters.Watch is { WaitForSubscribers: false })
                request.Problems.Add(Problem.Query("wait_for", "wait_for.missing", "min_subscribers and timeout go with wait_for=subscribers."));
            if (request.Parameters is { DryRun: true, Watch: not null }) request.Problems.Add(Problem.Query("dry_run", "parameter.exclusive", "Nobody is told of what is not written: dry_run goes without wait_for."));
            using var body = ChangeBody.Parse(request.Body, request.Parameters.Env, Timestamp.From(time.GetUtcNow()), request.Problems);
            if ((await DefaultEnvironment(request, body)).TryGet(out var environment, out fault)) body.RefuseDuplicates(environment.Name, request.Problems);
            fault = request.Refused ?? fault;
            if (fault is not null)
            {
                await HttpProblems.Write(context, fault);
                return;
            }
            if (!(await secrets.Prepare(request, body.Secrets, context.RequestAborted)).TryGet(out var sealedSecrets, out fault))
            {
                await HttpProblems.Write(context, fault);
                return;
            }
            var command = new ChangeSet(request.Caller.Principal, request.Caller.RequestId, body.ChangeLog, body.Changes)
            {
                ExpectedRevision = body.ExpectedRevision, ExpectedRevisionCoversEnvironment = body.CoversEnvironment, IsList = true, Flags = body.Flags, Secrets = sealedSecrets,
            };
            var outcome = await writes.Do(request, command);
            await AnswerResults(context, outcome, request.Parameters.DryRun, request.Parameters.Watch is { } waiting && outcome.Fault is null ? await Converge(context, outcome.Value, waiting) : null);
        }
    }

    // the write stands, whoever goes away: what is waited for is only what others say of it
    async Task<Convergence> Converge(HttpContext context, Applied applied, WatchParameters waiting)
    {
        var (least, timeout) = (waiting.MinSubscribers ?? 0, waiting.Timeout ?? WaitDefault);
        return applied.Record is { } record ? await watchers.Wait(applied.State.Org, record, least, timeout, context.RequestAborted) : Convergence.Sum([], 0, least);
    }

    static readonly TimeSpan WaitDefault = TimeSpan.FromSeconds(30);

    /// <summary><c>POST /v1/rollback</c></summary>
    public async Task Rollback(HttpContext context)
    {
        if (!(await WriteRequest.Read(context, Parameter.Env | Parameter.DryRun)).TryGet(out var request, out var fault))
        {
            await HttpProblems.Write(context, fault);
            return;
        }
        using (request)
        {
            var body = RestoreBody.Parse(request.Body, request.Problems);
            fault = request.Refused;
            if (fault is null && (await Restored(context, request, body)).TryGet(out var command, out fault))
            {
                await AnswerResults(context, await writes.Do(request, command), request.Parameters.DryRun);
                return;
            }
            await HttpProblems.Write(context, fault!);
        }
    }

    /// <summary>Everything under the prefix as it was.</summary>
    async Task<Outcome<RestoreConfigs>> Restored(HttpContext context, WriteRequest request, RestoreBody body)
    {
        var caller = request.Caller;
        var read = await journal.Read(caller.Org, new ReadOptions(Consistency.Strong, null, request.Parameters.MinCursor), context.RequestAborted);
        if (!read.TryGet(out var snapshot, out var fault)) return fault;
        var state = snapshot.State;
        var (configs, flagsToo) = (body.Kinds?.Contains("config") ?? true, body.Kinds?.Contains("flag") ?? true);
        if (ConfigView.Refused(state, caller.Principal, configs ? Permission.ConfigRollback : Permission.FlagWrite, request.Parameters.Env?.Text, null) is { } forbidden) return forbidden;
        if (!ConfigView.Environment(state, request.Parameters.Env?.Text).TryGet(out var environment, out fault)) return fault;
        var blamed = Problem.Body("/revision", "revision", "");
        if (!(await view.Place(state, body.Revision, blamed, context.RequestAborted)).TryGet(out var place, out fault)) return fault;
        if (place.At < environment.CreatedAt)
            return Fault.Invalid(blamed with { Rule = "revision.before_environment", Message = $"{environment.Name} was made at {environment.CreatedAt}, after revision {body.Revision}." });
        var then = new Dictionary<string, RestoredValue>(StringComparer.Ordinal);
        long bytes = 0;
        await foreach (var version in configs ? queries.At(state, environment, body.Prefix, null, body.Revision, context.RequestAborted) : AsyncEnumerable.Empty<ConfigVersion>())
        {
            var entry = version.Entry;
            if (version.Redacted)
                return new Fault(FaultCode.Gone, $"Version {entry.Version} of {entry.Key} was redacted.", [blamed with { Rule = "version.redacted", Message = $"The value of {entry.Key} then was redacted." }]);
            // a value that is kept by reference is the current one: there is nothing to write
            then[entry.Key] = entry.Reference is null ? new RestoredValue(entry.Value!, entry.ValueType) { Schema = version.Schema } : new RestoredValue(null, entry.ValueType, entry.Version);
            if (entry.Revision <= body.Revision && environment.Config(entry.Key)?.Version != entry.Version) bytes += entry.ValueBytes;
            if (bytes > SteleLimits.ChangeSetBytes.Value)
                return new Fault(FaultCode.TooLarge, $"This would restore more than {SteleLimits.ChangeSetBytes.Value} bytes. Roll back by narrower prefixes.");
        }
        var flagsThen = flagsToo ? await flags.At(state, environment, body.Revision, context.RequestAborted) : null;
        if (flagsThen?.Items.StartingWith(body.Prefix).FirstOrDefault(item => item.Redacted) is { } gone)
            return new Fault(FaultCode.Gone, $"Version {gone.Version} of {gone.Key} was redacted.", [blamed with { Rule = "version.redacted", Message = $"The definition of {gone.Key} then was redacted." }]);
        return new RestoreConfigs(caller.Principal, caller.RequestId, body.ChangeLog, request.Parameters.Env, body.Prefix, configs ? then : null)
        {
            FlagsThen = flagsThen,
        };
    }

    /// <summary>What no environment means: asked for only when a change that names none could touch the key of one that does.</summary>
    async ValueTask<Outcome<EnvironmentState>> DefaultEnvironment(WriteRequest request, ChangeBody body)
    {
        if (request.Parameters.MinCursor is null && !body.IsMixed) return NoEnvironment;
        var read = await journal.Read(request.Caller.Org, new ReadOptions(Consistency.Local, null, request.Parameters.MinCursor), CancellationToken.None);
        return read.TryGet(out var snapshot, out var fault) ? ConfigView.Environment(snapshot.State, null) : fault;
    }

    async Task AnswerResults(HttpContext context, Outcome<Applied> outcome, bool dryRun, Convergence? converged = null)
    {
        if (!outcome.TryGet(out var applied, out var fault))
        {
            await HttpProblems.Write(context, fault);
            return;
        }
        var moves = await writes.Moves(applied, dryRun, CancellationToken.None);
        // without a revision nothing had to change: the answer is the state that showed it
        var place = !dryRun && applied.Record is { } record ? new JournalPlace(record.Revision, record.Chain) : applied.State.Place;
        Answer.Place(context.Response, place);
        var json = ConfigJson.Results(new JsonText(), applied.Record, place, moves);
        if (dryRun) json.Raw(",\"dry_run\":true"u8);
        await Answer.Send(context, (converged?.Write(json.Raw(","u8)) ?? json).Raw("}"u8));
    }

    static readonly EnvironmentState NoEnvironment = new("", null, 0, 0, Timestamp.Epoch, 0);
}
