using Microsoft.AspNetCore.Http;
using Stele.Core.Access;
using Stele.Core.Configs;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Server.Gateway;
using Stele.Server.Journal;

namespace Stele.Server.Configs;

/// <summary>
/// Finds the one revision that a read shows: that of a cursor, of <c>revision=</c> or <c>at=</c>, or the current one; with
/// the state and environment to read it from. All pages of a list show the revision of the first one.
/// </summary>
internal sealed class ConfigView(JournalNode journal, JournalQueries journals)
{
    /// <summary>
    /// The view that a request asks for: of one key, or, without one, of all that the caller may read (<see cref="Shown.Readable"/>).
    /// Query parts, with the parameters that choose the moment, bind its cursors.
    /// </summary>
    public ValueTask<Outcome<Shown>> Of(HttpContext context, RequestParameters parameters, string? key, params string[] query) => Of(context, parameters, Permission.ConfigRead, key, query);

    /// <summary>The same, of what another permission shows.</summary>
    public async ValueTask<Outcome<Shown>> Of(HttpContext context, RequestParameters parameters, Permission permission, string? key, params string[] query)
    {
        var caller = Caller.Of(context);
        var settles = parameters.At is not null && parameters.Cursor is null;
        var read = settles ? await Settled(caller.Org, parameters.At!.Value) : await journal.Read(caller.Org, parameters.Reading, context.RequestAborted);
        if (!read.TryGet(out var snapshot, out var fault)) return fault;
        if (Refused(snapshot.State, caller.Principal, permission, parameters.Env?.Text, key) is { } forbidden) return forbidden;
        var isPast = parameters.IsPast || parameters.Cursor is not null || query is ["history" or "flag_history"];
        if (!Environment(snapshot.State, parameters.Env?.Text, isPast).TryGet(out var environment, out fault)) return fault;
        string[] scope = [.. query, .. key is null ? (string[])[] : [key], environment.Name, $"{parameters.Revision}", $"{parameters.At}", EntityTag.Of(0, snapshot.State.Incarnation).ToString()];
        PageCursor cursor = default;
        if (parameters.Cursor is { } text && PageCursor.TryParse(text, out cursor, scope) is { } problem) return Fault.Invalid(problem);
        var revision = parameters.Cursor is null ? parameters.Revision : cursor.Revision;
        var placed = settles
            ? await At(snapshot.State, parameters.At!.Value, Problem.Query("at", "at.before_journal", ""), context.RequestAborted)
            : await Place(snapshot.State, revision, Problem.Query("revision", "revision.future", ""), context.RequestAborted);
        if (!placed.TryGet(out var place, out fault)) return fault;
        return new Shown(snapshot, snapshot.State.Access.RightsOf(caller.Principal), environment, place.Place, parameters.Cursor is null ? null : cursor.After, parameters.Consistency, scope);
    }

    /// <summary>
    /// The refusal of something in an environment, or null; without a key it must be allowed on some. Asked for before
    /// anything is looked for, so that who may not know is not told what is there.
    /// </summary>
    public static Fault? Refused(OrgState state, Principal principal, Permission permission, string? environment, string? key)
    {
        var name = environment ?? state.DefaultEnvironment;
        return key is null ? Authorisation.CheckSome(state.Access, principal, permission, name) : Authorisation.Check(state.Access, principal, permission, name, key);
    }

    /// <summary>An environment by name, or the default one. In the past also one that has been deleted since.</summary>
    public static Outcome<EnvironmentState> Environment(OrgState state, string? name, bool isPast = false)
    {
        name ??= state.DefaultEnvironment;
        return name is not null && (isPast ? state.EnvironmentEver(name) : state.Environment(name)) is { } environment ? environment : ConfigDecider.UnknownEnvironment(name);
    }

    /// <summary>The place of a revision that the state has reached, or of the state itself. The blamed problem's message is filled in.</summary>
    public async ValueTask<Outcome<PastPlace>> Place(OrgState state, long? revision, Problem blamed, CancellationToken cancellation)
    {
        if (revision is null || revision == state.Revision) return new PastPlace(state.Place, state.LastAt);
        if (revision > state.Revision)
            return Fault.Invalid(blamed with { Rule = "revision.future", Message = $"Revision {revision} is not there yet; the last is {state.Revision}." });
        return await journals.Place(state.Org, revision.Value, cancellation) is { } place ? Answered(place, blamed)
            : Fault.Invalid(blamed with { Rule = "revision.unknown", Message = $"There is no revision {revision}." });
    }

    /// <summary>The place at a moment that is settled. The blamed problem's message is filled in.</summary>
    public async ValueTask<Outcome<PastPlace>> At(OrgState state, Timestamp at, Problem blamed, CancellationToken cancellation) =>
        await journals.PlaceAt(state.Org, at, cancellation) is { } place ? Answered(place, blamed)
            : Fault.Invalid(blamed with { Rule = "at.before_journal", Message = $"The journal begins after {at}." });

    static Outcome<PastPlace> Answered(PastPlace place, Problem blamed) =>
        place.Place.Revision < place.Floor ? Fault.BelowFloor(place.Place.Revision, place.Floor, blamed) : place;

    /// <summary>The state that has reached a moment, which from then on cannot change.</summary>
    public async ValueTask<Outcome<Snapshot>> Settled(OrgId org, Timestamp at) =>
        (await journal.Settle(org, at, CancellationToken.None)).TryGet(out var state, out var fault) ? new Snapshot(state, TimeSpan.Zero) : fault;

    /// <summary>The refusal of a key that is not there.</summary>
    public static Fault UnknownKey(ConfigKey key, string environment)
    {
        var message = $"{key} does not exist in {environment}.";
        return new Fault(FaultCode.NotFound, message, [Problem.Path("key", "key.unknown", message)]);
    }

    /// <summary>What a read shows.</summary>
    /// <param name="Snapshot">A state that has reached the place.</param>
    /// <param name="Rights">What the caller may read of it.</param>
    /// <param name="Environment">Its environment.</param>
    /// <param name="Place">What is shown.</param>
    /// <param name="After">The last item of the page before, or null.</param>
    /// <param name="Consistency">How fresh the read was to be.</param>
    /// <param name="Scope">What binds its cursors.</param>
    public sealed record Shown(Snapshot Snapshot, Rights Rights, EnvironmentState Environment, JournalPlace Place, string? After, Consistency Consistency, string[] Scope)
    {
        public OrgState State => Snapshot.State;

        /// <summary>Of some versions those that the caller may read.</summary>
        public IAsyncEnumerable<ConfigVersion> Readable(IAsyncEnumerable<ConfigVersion> versions) =>
            Rights.Status == RightsStatus.Everything ? versions : versions.Where(version => Rights.Allows(Permission.ConfigRead, Environment.Name, version.Entry.Key));

        /// <summary>The cursor after an item.</summary>
        public string Next(string after) => new PageCursor(Place.Revision, 0, after).Encode(Scope);

        /// <summary>Says what is shown.</summary>
        public void PlaceHeaders(HttpResponse response)
        {
            Answer.Place(response, Snapshot, Consistency);
            Answer.Place(response, Place);
        }
    }
}
