using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.Options;

namespace Stele.Client.Configuration;

/// <summary>
/// Options as .NET keeps them, with those of no name in a field: what an app reads at every request costs it no search by a name that
/// is empty. Made once, on demand, and forgotten when told, as .NET's own cache does it.
/// </summary>
internal sealed class OptionsAtHand<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicParameterlessConstructor)] TOptions> : IOptionsMonitorCache<TOptions>
    where TOptions : class
{
    readonly OptionsCache<TOptions> named = new();
    volatile Lazy<TOptions>? nameless;

    /// <summary>Those of no name, if they are made.</summary>
    internal TOptions? Nameless => nameless is { IsValueCreated: true } made ? made.Value : null;

    public TOptions GetOrAdd(string? name, Func<TOptions> createOptions)
    {
        if (!string.IsNullOrEmpty(name)) return named.GetOrAdd(name, createOptions);
        if (nameless is { } there) return there.Value;
        var mine = new Lazy<TOptions>(createOptions);
        return (Interlocked.CompareExchange(ref nameless, mine, null) ?? mine).Value;
    }

    public bool TryAdd(string? name, TOptions options) =>
        string.IsNullOrEmpty(name) ? Interlocked.CompareExchange(ref nameless, new Lazy<TOptions>(options), null) is null : named.TryAdd(name, options);

    public bool TryRemove(string? name) => string.IsNullOrEmpty(name) ? Interlocked.Exchange(ref nameless, null) is not null : named.TryRemove(name);

    public void Clear()
    {
        nameless = null;
        named.Clear();
    }
}

/// <summary>.NET's monitor, which looks at what is at hand first.</summary>
internal sealed class MonitorAtHand<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicParameterlessConstructor)] TOptions>(
    IOptionsFactory<TOptions> factory, IEnumerable<IOptionsChangeTokenSource<TOptions>> sources, IOptionsMonitorCache<TOptions> cache) : OptionsMonitor<TOptions>(factory, sources, cache)
    where TOptions : class
{
    // an app's own cache is asked as .NET asks it
    readonly OptionsAtHand<TOptions>? hand = cache as OptionsAtHand<TOptions>;

    public override TOptions Get(string? name) => string.IsNullOrEmpty(name) && hand?.Nameless is { } made ? made : base.Get(name);
}
