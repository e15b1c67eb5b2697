using Stele.Core.Access;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Server.Configs;
using Stele.Server.Flags;
using Stele.Server.Gateway;
using Stele.Server.Journal;

namespace Stele.Server.Ofrep;

/// <summary>
/// Flags as they were at a revision or a moment, and as they will answer at a moment to come. A revision alone is evaluated for the moment that
/// it was made; with a moment beside it, for that one, which is what gives an answer of a rule that depends on time again.
/// </summary>
internal sealed class OfrepPast(ConfigView view, FlagPast flags, TimeProvider time)
{
    /// <summary>What a request asks for. Faults: forbidden (all of it), invalid (a revision to come, before the journal), gone (archived), unavailable.</summary>
    public ValueTask<Outcome<OfrepMoment>> Of(Snapshot snapshot, Principal principal, in RequestParameters parameters, CancellationToken cancellation) =>
        Of(snapshot, principal, parameters.Env?.Text, parameters.Revision, parameters.At, Problem.Query(parameters.Revision is null ? "at" : "revision", "", ""), cancellation);

    /// <summary>The same, of what is not in the query: the problem says what is to blame, and its rule and message are filled in.</summary>
    public async ValueTask<Outcome<OfrepMoment>> Of(Snapshot snapshot, Principal principal, string? environment, long? revision, Timestamp? at, Problem blamed, CancellationToken cancellation)
    {
        var name = environment ?? snapshot.State.DefaultEnvironment ?? "";
        // before anything is looked for, so that who may not know is not told what is there
        if (Authorisation.CheckSome(snapshot.State.Access, principal, Permission.FlagRead, name) is { } forbidden) return forbidden;
        var now = Timestamp.From(time.GetUtcNow());
        if (revision is null && (at ?? now) >= now) return new OfrepMoment(snapshot, name, Current(snapshot.State, name), at ?? now, IsPast: at is not null);
        if (revision is null && !(await Settled(snapshot, at!.Value)).TryGet(out snapshot, out var fault)) return fault;
        var state = snapshot.State;
        var placed = revision is not null ? await view.Place(state, revision, blamed, cancellation) : await view.At(state, at!.Value, blamed, cancellation);
        if (!placed.TryGet(out var place, out fault)) return fault;
        if (state.EnvironmentEver(name) is not { } found) return new OfrepMoment(snapshot, name, null, now, IsPast: true);
        var then = await flags.At(state, found, place.Place.Revision, cancellation);
        return new OfrepMoment(snapshot, name, OfrepSet.Of(then, name), at ?? place.At, IsPast: true);
    }

    static OfrepSet? Current(OrgState state, string name) => state.Environment(name) is { } environment ? OfrepSet.Of(environment.Flags, name) : null;

    // a moment that lies ahead of the primary's clock, and behind ours, is not past yet: what is now holds for it
    async ValueTask<Outcome<Snapshot>> Settled(Snapshot snapshot, Timestamp at)
    {
        if (at < snapshot.State.LastAt) return snapshot;
        var settled = await view.Settled(snapshot.State.Org, at);
        return settled.Fault is { Code: FaultCode.Invalid } ? snapshot : settled;
    }
}
