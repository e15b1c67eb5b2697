using System.Buffers.Text;
using System.Text;
using Stele.Core.Journal;
using Stele.Core.Limits;
using Stele.Core.Secrets;
using Stele.Server.Gateway;

namespace Stele.Server.Secrets;

/// <summary>Secrets as answers spell them. A value is written into a buffer of its own, which is zeroed when it is sent.</summary>
internal static class SecretJson
{
    /// <summary>What is known of a secret; the object is left open.</summary>
    public static JsonText Open(JsonText json, string environment, SecretEntry entry, Timestamp now)
    {
        json.Raw("{\"path\":\""u8).Ascii(entry.Path)
            .Raw("\",\"environment\":\""u8).Ascii(environment)
            .Raw("\",\"version\":"u8).Number(entry.Version)
            .Raw(",\"revision\":"u8).Number(entry.Revision)
            .Raw(",\"created_at\":"u8).Time(entry.CreatedAt)
            .Raw(",\"created_by\":"u8).Text(entry.CreatedBy);
        if (entry.ExpiresAt is { } expires) json.Raw(",\"expires_at\":"u8).Time(expires);
        json.Raw(",\"metadata\":"u8).Raw(entry.Metadata);
        if (entry.RotationDays is { } days) json.Raw(",\"rotation_days\":"u8).Number(days);
        if (entry.RotationDueAt is { } due) json.Raw(",\"rotation_due_at\":"u8).Time(due);
        return json.Raw(",\"status\":\""u8).Ascii(StatusOf(entry, now)).Raw("\""u8);
    }

    /// <summary>How a secret stands: deleted, destroyed, expired, expiring (within the limit secret.warning_days), rotation_due, or active.</summary>
    public static string StatusOf(SecretEntry entry, Timestamp now)
    {
        if (entry.IsDeleted) return "deleted";
        if (entry.IsDestroyed) return "destroyed";
        if (entry.ExpiresAt <= now) return "expired";
        if (entry.ExpiresAt is { } expires && expires.Microseconds - now.Microseconds < SecretLimits.WarningDays.Value * 86_400_000_000L) return "expiring";
        return entry.RotationDueAt <= now ? "rotation_due" : "active";
    }

    /// <summary>The statuses that there are.</summary>
    public static IReadOnlyList<string> Statuses { get; } = ["active", "rotation_due", "expiring", "expired", "deleted", "destroyed"];

    /// <summary>A version in a secret's history.</summary>
    public static void Version(JsonText json, string environment, SecretVersion version, Timestamp now) =>
        Open(json, environment, version.Entry, now).Raw(",\"kind\":\""u8).Ascii(version.Kind).Raw("\",\"change_log\":"u8).Text(version.ChangeLog).Raw("}"u8);

    /// <summary>A value as a member: a JSON string, or base64.</summary>
    public static SecretBuffer Value(string called, ReadOnlySpan<byte> value, bool isText)
    {
        var name = Encoding.ASCII.GetBytes($",\"{called}\":\"");
        var length = isText ? EscapedLength(value) : Base64.GetMaxEncodedToUtf8Length(value.Length);
        var member = new SecretBuffer(name.Length + length + 1);
        name.CopyTo(member.Span);
        if (isText) Escape(value, member.Span[name.Length..]);
        else Base64.EncodeToUtf8(value, member.Span[name.Length..], out _, out _);
        member.Span[^1] = (byte)'"';
        return member;
    }

    static int EscapedLength(ReadOnlySpan<byte> text)
    {
        var length = text.Length;
        foreach (var c in text)
            if (c is (byte)'"' or (byte)'\\') length++;
            else if (c < 0x20) length += 5;
        return length;
    }

    static void Escape(ReadOnlySpan<byte> text, Span<byte> to)
    {
        var next = 0;
        foreach (var c in text)
            if (c is (byte)'"' or (byte)'\\')
            {
                to[next++] = (byte)'\\';
                to[next++] = c;
            }
            else if (c < 0x20)
            {
                "\\u00"u8.CopyTo(to[next..]);
                to[next + 4] = "01"u8[c >> 4];
                to[next + 5] = "0123456789abcdef"u8[c & 0xF];
                next += 6;
            }
            else
            {
                to[next++] = c;
            }
    }
}
