using Stele.Core.Journal;
using Stele.Core.Orgs;

namespace Stele.Simulation.Checking;

/// <summary>
/// What an all-seeing observer knows of one org: which state was the head at which instant. It makes the search for a
/// linearization needless: an answer is right if its state was the head at some instant between request and answer.
/// </summary>
internal sealed class OrgHistory(OrgId org)
{
    readonly List<Moment> moments = [];
    readonly Dictionary<string, Place> places = [];

    /// <summary>From an instant until the next moment's, this was the head.</summary>
    internal readonly record struct Moment(long At, Place Place);

    /// <summary>A place in the journal, in whatever history.</summary>
    internal sealed record Place(string Chain, OrgState State, RevisionRecord? Record, long CommittedAt)
    {
        /// <summary>The chain of the place before.</summary>
        public required byte[] Before { get; init; }
    }

    /// <summary>The head now; null before the org is there.</summary>
    public Place? Head => moments.Count == 0 ? null : moments[^1].Place;

    /// <summary>Replays a committed revision on the place before it. Null when it does not join on.</summary>
    public Place? Append(Place? before, RevisionRecord revision, Guid incarnation, long at)
    {
        var state = before?.State ?? OrgState.Empty(org, incarnation);
        if (revision.Revision != state.Revision + 1 || !RevisionChain.Next(state.Place.Chain, revision).AsSpan().SequenceEqual(revision.Chain)) return null;
        var place = new Place(Key(revision.Chain), Decider.Evolve(state, revision), revision, at) { Before = state.Place.Chain };
        // what was lost may be decided again to the byte, and is another place then, from another moment on
        places[place.Chain] = place;
        moments.Add(new Moment(at, place));
        return place;
    }

    /// <summary>The head went back to a place.</summary>
    public void Rewind(byte[] chain, long at) => moments.Add(new Moment(at, places[Key(chain)]));

    public Place? Find(byte[] chain) => places.GetValueOrDefault(Key(chain));

    /// <summary>A place, and every one that was the head since it was first.</summary>
    public IEnumerable<Place> Since(byte[] chain)
    {
        var key = Key(chain);
        var first = moments.FindIndex(moment => moment.Place.Chain == key);
        for (var i = Math.Max(first, 0); i < moments.Count; i++) yield return moments[i].Place;
    }

    /// <summary>The states that were the head at some instant of a span, newest first.</summary>
    public IEnumerable<Place> Between(long from, long to)
    {
        for (var i = moments.Count - 1; i >= 0; i--)
        {
            if (moments[i].At > to) continue;
            yield return moments[i].Place;
            if (moments[i].At < from) yield break;
        }
    }

    static string Key(byte[] chain) => Convert.ToHexString(chain, 0, 12);
}
