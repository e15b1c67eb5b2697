using System.Buffers;
using System.Globalization;
using System.Text;
using Stele.Core.Configs;
using Stele.Core.Flags;
using Stele.Core.Journal;
using Stele.Core.Json;
using Stele.Core.Secrets;

namespace Stele.Core.Watch;

/// <summary>What a frame says.</summary>
public enum WatchFrameKind : byte
{
    /// <summary>A revision, as far as it is seen.</summary>
    Change,
    /// <summary>The past is delivered; what follows happens now.</summary>
    Synced,
    /// <summary>Nothing was to be seen up to here.</summary>
    Progress,
    /// <summary>What was delivered does not hold any more: read anew, at the cursor or later, and go on from it.</summary>
    Reset,
    /// <summary>Something that the client said was refused.</summary>
    Error,
}

/// <summary>
/// One thing that a stream says, with its JSON, written once for all who see the same: <see cref="Members"/> are the members
/// without the braces, because each transport puts its own before them.
/// </summary>
public sealed class WatchFrame
{
    WatchFrame(WatchFrameKind kind, Cursor cursor, byte[] members, string? text = null) => (Kind, Cursor, CursorText, Members) = (kind, cursor, text ?? cursor.ToString(), members);

    /// <summary>What it says.</summary>
    public WatchFrameKind Kind { get; }

    /// <summary>Where the stream is after it.</summary>
    public Cursor Cursor { get; }

    /// <summary>Its text.</summary>
    public string CursorText { get; }

    /// <summary>The members of its JSON object, in UTF-8.</summary>
    public byte[] Members { get; }

    /// <summary>The revision, for a change; null for the others.</summary>
    public WatchRevision? Revision { get; private init; }

    /// <summary>Which of its changes, for a change; empty for the others.</summary>
    public IReadOnlyList<int> Seen { get; private init; } = [];

    /// <summary>A revision, as far as it is seen.</summary>
    public static WatchFrame Change(WatchRevision revision, IReadOnlyList<int> seen)
    {
        var cursor = revision.Record.Cursor;
        var text = cursor.ToString();
        return new WatchFrame(WatchFrameKind.Change, cursor, MembersOf(revision, seen, text), text) { Revision = revision, Seen = seen };
    }

    /// <summary>The past is delivered.</summary>
    public static WatchFrame Synced(Cursor cursor) => new(WatchFrameKind.Synced, cursor, Place(cursor));

    /// <summary>Nothing to be seen up to here.</summary>
    public static WatchFrame Progress(Cursor cursor) => new(WatchFrameKind.Progress, cursor, Place(cursor));

    /// <summary>What was delivered does not hold any more.</summary>
    public static WatchFrame Reset(WatchResetReason reason, Cursor cursor) =>
        new(WatchFrameKind.Reset, cursor, [.. Encoding.UTF8.GetBytes($"\"reason\":\"{reason.Name()}\","), .. Place(cursor)]);

    /// <summary>Something that the client said was refused.</summary>
    /// <param name="id">The id of the subscription that it was about, or null.</param>
    /// <param name="code">A code, as problems have.</param>
    /// <param name="detail">A sentence for people. It may quote what the client sent, U+0000 too.</param>
    public static WatchFrame Error(string? id, string code, string detail) => new(WatchFrameKind.Error, default,
        [.. id is null ? [] : Encoding.UTF8.GetBytes($"\"id\":{Encoding.UTF8.GetString(CanonicalJson.FromString(id))},"), .. Encoding.UTF8.GetBytes($"\"code\":\"{code}\",\"detail\":"), .. CanonicalJson.FromString(detail.Replace('\0', '\uFFFD'))]);

    static byte[] Place(Cursor cursor) => Encoding.UTF8.GetBytes(FormattableString.Invariant($"\"revision\":{cursor.Revision},\"cursor\":\"{cursor}\""));

    static byte[] MembersOf(WatchRevision revision, IReadOnlyList<int> seen, string cursor)
    {
        var json = new ArrayBufferWriter<byte>(256 * (seen.Count + 1));
        Text(json, string.Create(CultureInfo.InvariantCulture, $"\"revision\":{revision.Record.Revision},\"cursor\":\"{cursor}\",\"changes\":["));
        for (var i = 0; i < seen.Count; i++)
        {
            if (i > 0) json.Write(","u8);
            Change(json, revision.Changes[seen[i]]);
        }
        Text(json, $"],\"at\":\"{revision.Record.At}\",\"by\":");
        json.Write(CanonicalJson.FromString(revision.Record.Actor));
        return json.WrittenSpan.ToArray();
    }

    // keys, environments and versions hold nothing that JSON would escape; values are JSON already
    static void Change(ArrayBufferWriter<byte> json, WatchChange change)
    {
        var (value, type) = change.Event.Payload switch
        {
            ConfigSet set => (set.Value, set.ValueType.Name()),
            FlagDefined flag => (flag.Definition, "json"),
            SecretEvent secret when change.Referrer is not null => (Encoding.UTF8.GetBytes($"{{\"$secret\":\"{secret.Path}\"}}"), "json"),
            _ => (null, null),
        };
        Text(json, $"{{\"op\":\"{change.Op}\",\"kind\":\"{change.Kind.Name()}\",\"key\":\"{change.Key}\",\"environment\":\"{change.Environment}\",\"value\":");
        json.Write(value ?? "null"u8);
        Text(json, string.Create(CultureInfo.InvariantCulture, $",\"value_type\":{(type is null ? "null" : $"\"{type}\"")},\"version\":{change.Version},\"old_version\":{change.OldVersion}"));
        if (change.Secret is var (path, version)) Text(json, string.Create(CultureInfo.InvariantCulture, $",\"secret\":{{\"path\":\"{path}\"{(version is null ? "" : $",\"version\":{version}")}}}"));
        if (change.Event.Payload is FlagDefined { Killed: true }) json.Write(",\"killed\":true"u8);
        json.Write(change.Event.Data is null ? ",\"redacted\":true}"u8 : "}"u8);
    }

    static void Text(ArrayBufferWriter<byte> json, string text) => Encoding.UTF8.GetBytes(text, json);
}
