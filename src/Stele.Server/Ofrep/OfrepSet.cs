using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Stele.Core.Access;
using Stele.Core.Flags;
using Stele.Server.Gateway;

namespace Stele.Server.Ofrep;

/// <summary>The flags of an environment at one revision, ready to answer: made when they are first asked for, and thrown away with the state.</summary>
internal sealed class OfrepSet
{
    static readonly ConditionalWeakTable<EnvironmentFlags, OfrepSet> sets = [];

    readonly EnvironmentFlags flags;
    readonly string environment;
    readonly OfrepMetadata metadata;
    readonly long sharedRevision, common;
    readonly ConcurrentDictionary<string, OfrepFlag> byName = new(StringComparer.Ordinal);
    readonly ConditionalWeakTable<Rights, OfrepVisible> visible = [];
    OfrepVisible? all;

    OfrepSet(EnvironmentFlags flags, string environment)
    {
        (this.flags, this.environment) = (flags, environment);
        metadata = new OfrepMetadata(flags.Metadata);
        common = Math.Max(RevisionOf(FlagKey.KillSwitchText), RevisionOf(FlagKey.MetadataText));
        foreach (var rule in flags.Items.StartingWith(FlagKey.RulePrefix)) sharedRevision = Math.Max(sharedRevision, rule.Revision);
    }

    /// <summary>What is evaluated.</summary>
    public FlagSet Flags => flags.Set;

    /// <summary>The revision that last changed any of it.</summary>
    public long Revision => flags.ChangedRevision;

    /// <summary>The set's metadata: members as JSON with a comma behind each.</summary>
    public ReadOnlySpan<byte> Metadata => metadata.Members;

    /// <summary>Of the flags of an environment.</summary>
    public static OfrepSet Of(EnvironmentFlags flags, string environment) =>
        sets.TryGetValue(flags, out var set) ? set : sets.GetValue(flags, made => new OfrepSet(made, environment));

    /// <summary>A flag, or null.</summary>
    public OfrepFlag? Find(string name)
    {
        if (byName.TryGetValue(name, out var found)) return found;
        return flags.Set.Flags.TryGetValue(name, out var flag) ? byName.GetOrAdd(flag.Name, static (_, made) => made.set.Make(made.flag), (set: this, flag)) : null;
    }

    /// <summary>Those that somebody with these rights may read.</summary>
    public OfrepVisible VisibleTo(Rights rights)
    {
        if (rights.Status == RightsStatus.Everything) return all ??= Visible(null);
        return visible.TryGetValue(rights, out var known) ? known : visible.GetValue(rights, some => Visible(some));
    }

    OfrepVisible Visible(Rights? rights)
    {
        var list = new List<OfrepFlag>(flags.Set.Flags.Count);
        foreach (var flag in flags.Set.Flags)
            if (rights is null || rights.Allows(Permission.FlagRead, environment, flag.Name)) list.Add(Find(flag.Name)!);
        return new OfrepVisible([.. list], isAll: list.Count == flags.Set.Flags.Count);
    }

    OfrepFlag Make(Flag flag)
    {
        var definition = flag.Definition;
        var isStatic = definition is { IsStatic: true, Broken: null, Enabled: true } && !flag.Killed && !flags.Set.Killed;
        return new OfrepFlag(flag, metadata, EffectiveSince(flag), isStatic);
    }

    /// <summary>
    /// The revision since which a flag answers as it does, so that a client is not told that all flags changed when one did. Where a rule reads
    /// other flags it is that of the whole set: too late a revision is right as well.
    /// </summary>
    long EffectiveSince(Flag flag)
    {
        if (flag.Definition.Prerequisites.Any()) return flags.ChangedRevision;
        var since = Math.Max(common, RevisionOf(flag.Name));
        return flag.Definition.SharedRules.Any() ? Math.Max(since, SharedReadFlags() ? flags.ChangedRevision : sharedRevision) : since;
    }

    bool SharedReadFlags()
    {
        foreach (var rule in flags.Set.Rules)
            if (rule.Prerequisites.Any()) return true;
        return false;
    }

    long RevisionOf(string key) => flags.Item(key)?.Revision ?? flags.Deleted.Find(key)?.Revision ?? 0;
}

/// <summary>The metadata that all flags of a set have: members as JSON, with a comma behind each.</summary>
internal sealed class OfrepMetadata
{
    readonly List<(string Name, Range At)> names = [];

    public OfrepMetadata(byte[]? canonical)
    {
        if (canonical is not { Length: > 2 }) return;
        using var document = JsonDocument.Parse(canonical);
        using var text = new JsonText(canonical.Length);
        foreach (var member in document.RootElement.EnumerateObject())
        {
            var begin = text.Length;
            text.Text(member.Name).Raw(":"u8).Raw(Encoding.UTF8.GetBytes(member.Value.GetRawText())).Raw(","u8);
            names.Add((member.Name, begin..text.Length));
        }
        Members = text.Written.ToArray();
    }

    /// <summary>All of them.</summary>
    public byte[] Members { get; } = [];

    /// <summary>Writes those that a flag has not itself.</summary>
    public void Write(JsonText json, IReadOnlyDictionary<string, byte[]> own)
    {
        if (own.Count == 0)
        {
            json.Raw(Members);
            return;
        }
        foreach (var (name, at) in names)
            if (!own.ContainsKey(name)) json.Raw(Members.AsSpan(at));
    }
}

/// <summary>The flags that somebody may read.</summary>
internal sealed class OfrepVisible
{
    public OfrepVisible(OfrepFlag[] flags, bool isAll)
    {
        Flags = flags;
        if (isAll) return;
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var flag in flags)
        {
            hash.AppendData(Encoding.UTF8.GetBytes(flag.Flag.Name));
            hash.AppendData([0]);
        }
        Mark = hash.GetHashAndReset();
    }

    /// <summary>In order of name.</summary>
    public OfrepFlag[] Flags { get; }

    /// <summary>Differs for those who may read others; empty for those who may read all.</summary>
    public byte[] Mark { get; } = [];
}
