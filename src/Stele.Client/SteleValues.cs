using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Text.Json.Serialization.Metadata;
using Stele.Client.Following;

namespace Stele.Client;

/// <summary>
/// The values that a client follows (<see cref="SteleClient.FollowAsync"/>): look-ups in memory, which allocate nothing and
/// ask nobody. Before it follows there are none.
/// </summary>
public sealed class SteleValues
{
    volatile Follower? follower;

    internal Follower? Follower
    {
        get => follower;
        set => follower = value;
    }

    /// <summary>How it is with them.</summary>
    public SteleStatus Status => follower?.Status ?? new SteleStatus();

    /// <summary>The revision that is in use.</summary>
    public long Revision => follower?.Current.Revision ?? 0;

    /// <summary>All values, of one revision.</summary>
    public IReadOnlyDictionary<string, SteleValue> All => Items;

    /// <summary>A value; false if there is none of that key.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)] // as KeyMap.TryGetValue
    public bool TryGet(string key, [NotNullWhen(true)] out SteleValue? value) => Items.TryGetValue(key, out value);

    /// <summary>A value as text, which anything but text is as JSON; null if there is none.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)] // as KeyMap.TryGetValue
    public string? GetString(string key) => Items.TryGetValue(key, out var value) ? value.Text : null;

    /// <summary>A value as true or false; the fallback if there is none, or it is neither.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)] // as KeyMap.TryGetValue
    public bool GetBoolean(string key, bool fallback) => Items.TryGetValue(key, out var value) ? value.Boolean ?? fallback : fallback;

    /// <summary>A value as a whole number; the fallback if there is none, or it is none.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)] // as KeyMap.TryGetValue
    public long GetInt64(string key, long fallback) => Items.TryGetValue(key, out var value) ? value.Int64 ?? fallback : fallback;

    /// <summary>A value as a number; the fallback if there is none, or it is none.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)] // as KeyMap.TryGetValue
    public double GetDouble(string key, double fallback) => Items.TryGetValue(key, out var value) ? value.Double ?? fallback : fallback;

    /// <summary>A value as a type of the caller's; null if there is none. It is read once for each version.</summary>
    public T? Get<T>(string key, JsonTypeInfo<T> type) where T : class => Items.TryGetValue(key, out var value) ? value.As(type) : null;

    /// <summary>Gives the values of each revision that comes into use, beginning with the one that is; a reader that is slow gets the last one, and never an older one.</summary>
    public async IAsyncEnumerable<IReadOnlyDictionary<string, SteleValue>> WatchAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var following = follower ?? throw new InvalidOperationException("Nothing is followed: call FollowAsync first.");
        for (KeyMap<SteleValue>? last = null; ;)
        {
            // before the look: what comes after it is not missed
            var changed = following.Changed;
            var now = following.Current.Items;
            if (!ReferenceEquals(now, last)) yield return last = now;
            else await changed.WaitAsync(cancellationToken);
        }
    }

    /// <summary>Gives a value whenever it has another version, beginning with the one that it has; null when there is none.</summary>
    public async IAsyncEnumerable<SteleValue?> WatchAsync(string key, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var first = true;
        SteleValue? last = null;
        await foreach (var values in WatchAsync(cancellationToken))
        {
            var now = values.GetValueOrDefault(key);
            if (!first && now?.Version == last?.Version && (now is null) == (last is null)) continue;
            (first, last) = (false, now);
            yield return now;
        }
    }

    KeyMap<SteleValue> Items => follower?.Current.Items ?? Held.Nothing.Items;
}
