using System.Runtime.CompilerServices;
using System.Text;
using Google.Protobuf.WellKnownTypes;
using Stele.Core.Faults;
using Stele.Core.Flags;
using Stele.Core.Journal;
using Stele.Core.Limits;
using Stele.Core.Orgs;
using Stele.Proto.Flagd.Sync.V1;
using Stele.Server.Flags;
using Stele.Server.Gateway;
using Stele.Server.Gateway.Grpc;
using Stele.Server.Journal;
using Stele.Server.Options;
using Stele.Server.Watch;

namespace Stele.Server.Ofrep;

/// <summary>
/// flagd.sync.v1: the flags of one environment, for providers that evaluate in their own process. They cannot send credentials, so this has a port of
/// its own that gives this one environment's flags to whoever reaches it. What a node has is given when the primary is away: who evaluates in
/// process has chosen to go on.
/// </summary>
internal sealed class FlagdSyncGrpc(JournalNode journal, OrgDirectory orgs, SteleOptions options, FlagUse use, FlagdLog log)
{
    readonly ConditionalWeakTable<EnvironmentFlags, string> texts = [];
    int streams;

    /// <summary><c>SyncFlags</c>: all flags, and again after each change.</summary>
    public async Task Sync(GrpcCall call)
    {
        if (await call.ReadOnly() is not SyncFlagsRequest request || !await IsServed(call, request.Selector)) return;
        if (Interlocked.Increment(ref streams) > OfrepLimits.FlagdStreams.Value)
        {
            Interlocked.Decrement(ref streams);
            call.End(new GrpcStatus(GrpcCode.ResourceExhausted, $"This node serves as many providers as it may (limit {OfrepLimits.FlagdStreams.Name})."));
            return;
        }
        try
        {
            await Follow(call);
        }
        catch (OperationCanceledException)
        {
            // the provider went, or the node stops
        }
        finally
        {
            Interlocked.Decrement(ref streams);
        }
    }

    /// <summary><c>FetchAllFlags</c></summary>
    public async Task FetchAll(GrpcCall call)
    {
        if (await call.ReadOnly() is not FetchAllFlagsRequest request || !await IsServed(call, request.Selector)) return;
        if (!(await Current()).TryGet(out var state, out var fault) || !FlagsOf(state).TryGet(out var flags, out fault)) call.End(GrpcStatus.Of(fault));
        else
        {
            use.Of(state.Org).Serving(EnvironmentOf(state), 0);
            call.Reply = new FetchAllFlagsResponse { FlagConfiguration = TextOf(flags) };
        }
    }

    /// <summary><c>GetMetadata</c></summary>
    public async Task GetMetadata(GrpcCall call)
    {
        if (await call.ReadOnly() is null) return;
        if (!(await Current()).TryGet(out var state, out var fault)) call.End(GrpcStatus.Of(fault));
        else call.Reply = new GetMetadataResponse { Metadata = new Struct { Fields = { ["environment"] = Value.ForString(EnvironmentOf(state)), ["source"] = Value.ForString("stele") } } };
    }

    async Task Follow(GrpcCall call)
    {
        // strong at first, so that a provider that comes after a write has it
        if (!(await Current()).TryGet(out var state, out var fault))
        {
            call.End(GrpcStatus.Of(fault));
            return;
        }
        var changed = new WatchSignal();
        Action onChange = changed.Set;
        if (!(await journal.Follow(state.Org, onChange)).TryGet(out var followed, out fault))
        {
            call.End(GrpcStatus.Of(fault));
            return;
        }
        var (served, environment) = (use.Of(state.Org), EnvironmentOf(state));
        served.Serving(environment, 1);
        try
        {
            await call.Start();
            EnvironmentFlags? sent = null;
            while (true)
            {
                if (followed.Stopped is { } stopped || !FlagsOf(followed.State).TryGet(out var flags, out stopped))
                {
                    call.End(GrpcStatus.Of(stopped));
                    return;
                }
                if (flags != sent)
                {
                    await call.Write(new SyncFlagsResponse { FlagConfiguration = TextOf(flags) });
                    sent = flags;
                }
                await changed.Wait().WaitAsync(call.RequestAborted);
            }
        }
        finally
        {
            served.Serving(environment, -1);
            followed.Unfollow(onChange);
        }
    }

    // one environment is all that this port has: another must not be taken for it
    async ValueTask<bool> IsServed(GrpcCall call, string selector)
    {
        if (selector.Length == 0) selector = call.Inner.Request.Headers["flagd-selector"].ToString();
        if (selector.Length == 0) return true;
        if (!(await Current()).TryGet(out var state, out var fault)) call.End(GrpcStatus.Of(fault));
        else if (EnvironmentOf(state) is var environment && selector != environment && selector != $"environment={environment}")
            call.End(new GrpcStatus(GrpcCode.InvalidArgument, $"This port serves the environment {environment}; the selector '{selector}' is another's."));
        else return true;
        return false;
    }

    async ValueTask<Outcome<OrgState>> Current()
    {
        if (!(await orgs.Find(options.FlagdOrg)).TryGet(out var found, out var fault)) return fault;
        if (found is not { } org) return new Fault(FaultCode.NotFound, $"There is no organization '{options.FlagdOrg}'.");
        var read = await journal.Read(org, new ReadOptions(Consistency.Strong, null, null), CancellationToken.None);
        if (read.Fault is { Code: FaultCode.Unavailable }) read = await journal.Read(org, new ReadOptions(Consistency.Local, null, null), CancellationToken.None);
        return read.TryGet(out var snapshot, out fault) ? snapshot.State : fault;
    }

    Outcome<EnvironmentFlags> FlagsOf(OrgState state) => state.Environment(EnvironmentOf(state)) is { } environment ? environment.Flags
        : new Fault(FaultCode.NotFound, $"There is no environment '{EnvironmentOf(state)}'.");

    string EnvironmentOf(OrgState state) => options.FlagdEnvironment ?? state.DefaultEnvironment ?? "";

    string TextOf(EnvironmentFlags flags) => texts.TryGetValue(flags, out var text) ? text : texts.GetValue(flags, Write);

    string Write(EnvironmentFlags flags)
    {
        var text = Encoding.UTF8.GetString(FlagdFile.Write(flags.Set, flags.Metadata, flags.ChangedRevision, out var leftOut));
        if (leftOut.Count > 0) log.LeftOut(leftOut.Count, string.Join(", ", leftOut.Take(10)));
        return text;
    }
}
