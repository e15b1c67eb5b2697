using System.Runtime.InteropServices;
using Stele.Core.Access;
using Stele.Core.Watch;

namespace Stele.Server.Watch;

/// <summary>
/// The groups of an org by environment and prefix. A change is looked up by each length that some prefix has, so what it
/// costs does not depend on how many subscribe, but on whom it is for.
/// </summary>
internal sealed class WatchIndex
{
    readonly Dictionary<string, ByPrefix> environments = new(StringComparer.Ordinal);
    readonly Dictionary<(WatchFilter, Principal), WatchGroup> groups = [];

    /// <summary>All groups.</summary>
    public IEnumerable<WatchGroup> Groups => groups.Values;

    /// <summary>Adds a subscriber to those who see the same.</summary>
    public void Add(Subscriber subscriber)
    {
        var key = (subscriber.Filter, subscriber.Client.Principal);
        ref var group = ref CollectionsMarshal.GetValueRefOrAddDefault(groups, key, out var exists);
        if (!exists)
        {
            group = new WatchGroup(subscriber.Filter, subscriber.Client.Principal);
            if (!environments.TryGetValue(subscriber.Filter.Environment, out var prefixes)) environments[subscriber.Filter.Environment] = prefixes = new ByPrefix();
            prefixes.Add(group);
        }
        group!.Rights = subscriber.Rights;
        subscriber.Group = group;
        subscriber.GroupSlot = group.Subscribers.Count;
        group.Subscribers.Add(subscriber);
    }

    /// <summary>Takes a subscriber out.</summary>
    public void Remove(Subscriber subscriber)
    {
        if (subscriber.Group is not { } group) return;
        var last = group.Subscribers[^1];
        group.Subscribers[subscriber.GroupSlot] = last;
        last.GroupSlot = subscriber.GroupSlot;
        group.Subscribers.RemoveAt(group.Subscribers.Count - 1);
        subscriber.Group = null;
        if (group.Subscribers.Count > 0) return;
        groups.Remove((group.Filter, group.Principal));
        var prefixes = environments[group.Filter.Environment];
        prefixes.Remove(group);
        if (prefixes.IsEmpty) environments.Remove(group.Filter.Environment);
    }

    /// <summary>Notes with each group that asks for a change that it does; those for which it is the first go into the list.</summary>
    public void Note(WatchChange change, int ordinal, List<WatchGroup> touched)
    {
        if (environments.TryGetValue(change.Environment, out var prefixes)) prefixes.Note(change, ordinal, touched);
    }

    sealed class ByPrefix
    {
        readonly Dictionary<string, List<WatchGroup>> groups = new(StringComparer.Ordinal);
        readonly SortedDictionary<int, int> counts = [];
        int[] lengths = [];

        public bool IsEmpty => groups.Count == 0;

        public void Add(WatchGroup group)
        {
            foreach (var prefix in group.Filter.Prefixes)
            {
                ref var at = ref CollectionsMarshal.GetValueRefOrAddDefault(groups, prefix, out var exists);
                if (!exists) Count(prefix.Length, 1);
                (at ??= []).Add(group);
            }
        }

        public void Remove(WatchGroup group)
        {
            foreach (var prefix in group.Filter.Prefixes)
            {
                var at = groups[prefix];
                at.Remove(group);
                if (at.Count > 0) continue;
                groups.Remove(prefix);
                Count(prefix.Length, -1);
            }
        }

        public void Note(WatchChange change, int ordinal, List<WatchGroup> touched)
        {
            var byPrefix = groups.GetAlternateLookup<ReadOnlySpan<char>>();
            foreach (var length in lengths)
            {
                if (length > change.Key.Length) return;
                if (!byPrefix.TryGetValue(change.Key.AsSpan(0, length), out var at)) continue;
                foreach (var group in at)
                {
                    if ((group.Filter.Kinds & change.Kind) == 0) continue;
                    if (group.Hits.Count == 0) touched.Add(group);
                    group.Hits.Add(ordinal);
                }
            }
        }

        void Count(int length, int by)
        {
            var now = counts.GetValueOrDefault(length) + by;
            if (now == 0) counts.Remove(length);
            else counts[length] = now;
            lengths = [.. counts.Keys];
        }
    }
}
