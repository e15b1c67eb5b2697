using Stele.Core.Access;

namespace Stele.Core.Watch;

/// <summary>What may be watched. On the wire by name, in <c>kinds</c>.</summary>
[Flags]
public enum WatchKinds : byte
{
    /// <summary>Nothing.</summary>
    None = 0,
    /// <summary>Configuration.</summary>
    Config = 1,
    /// <summary>Flags.</summary>
    Flag = 2,
    /// <summary>Secrets: that one was rotated, never its value.</summary>
    Secret = 4,
    /// <summary>All of them, which is what no <c>kinds</c> means.</summary>
    All = Config | Flag | Secret,
}

/// <summary>The names of kinds, and what their changes are seen by.</summary>
public static class WatchKindNames
{
    /// <summary>Each kind by itself, in order.</summary>
    public static IReadOnlyList<WatchKinds> Each { get; } = [WatchKinds.Config, WatchKinds.Flag, WatchKinds.Secret];

    /// <summary>The name of one kind, on the wire and at the beginning of its streams.</summary>
    public static string Name(this WatchKinds kind) => kind switch
    {
        WatchKinds.Config => "config",
        WatchKinds.Flag => "flag",
        WatchKinds.Secret => "secret",
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "not one kind"),
    };

    /// <summary>The kind of a name; <see cref="WatchKinds.None"/> if it is none.</summary>
    public static WatchKinds Parse(ReadOnlySpan<char> name) => name switch
    {
        "config" => WatchKinds.Config,
        "flag" => WatchKinds.Flag,
        "secret" => WatchKinds.Secret,
        _ => WatchKinds.None,
    };

    /// <summary>The permission that a change of this kind is shown by.</summary>
    public static Permission Permission(this WatchKinds kind) => kind switch
    {
        WatchKinds.Config => Access.Permission.ConfigRead,
        WatchKinds.Flag => Access.Permission.FlagRead,
        WatchKinds.Secret => Access.Permission.SecretRead,
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "not one kind"),
    };
}
