using System.Buffers;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text.Json;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Json;
using Stele.Core.Secrets;
using Stele.Server.Configs;
using Stele.Server.Gateway;

namespace Stele.Server.Secrets;

/// <summary>The body of a PUT, and of a generation, which makes the value here.</summary>
internal sealed class SecretBody : IDisposable
{
    static readonly string[] shared = ["expected_version", "expires_at", "metadata", "rotation_days", "change_log"];
    static readonly BodyMembers SetMembers = new(required: [], optional: ["value", "value_base64", .. shared]);
    static readonly BodyMembers GenerateMembers = new(required: ["length"], optional: ["alphabet", .. shared]);

    const string AlphabetDefault = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

    public SecretBuffer? Value { get; private set; }

    public bool IsText { get; private set; }

    public int? ExpectedVersion { get; private set; }

    public Timestamp? ExpiresAt { get; private set; }

    public byte[]? Metadata { get; private set; }

    public int? RotationDays { get; private set; }

    public bool NamesRotation { get; private set; }

    public string? ChangeLog { get; private set; }

    /// <summary>Reads the body of a PUT.</summary>
    public static SecretBody Parse(ReadOnlySpan<byte> utf8, Timestamp now, List<Problem> problems)
    {
        var result = new SecretBody();
        var (before, named) = (problems.Count, 0);
        var body = new JsonBody(utf8, SetMembers, problems);
        while (body.NextMember(out var name))
            switch (name)
            {
                case "value":
                    named++;
                    result.Take(SecretBodies.Text(body.ReadStringToken(), ref body), isText: true);
                    break;
                case "value_base64":
                    named++;
                    result.Take(SecretBodies.Bytes(body.ReadStringToken(), ref body), isText: false);
                    break;
                default:
                    result.TakeShared(name, ref body, now);
                    break;
            }
        if (named != 1 && problems.Count == before) problems.Add(Problem.Body("", named == 0 ? "member.required" : "secret.value", "A secret has one of value, a string, and value_base64."));
        return result;
    }

    /// <summary>Reads the body of a generation.</summary>
    public static SecretBody Generate(ReadOnlySpan<byte> utf8, Timestamp now, List<Problem> problems)
    {
        var result = new SecretBody { IsText = true };
        var (length, alphabet) = (0L, AlphabetDefault);
        var body = new JsonBody(utf8, GenerateMembers, problems);
        while (body.NextMember(out var name))
            switch (name)
            {
                case "length":
                    length = body.ReadInt64(1, SecretLimits.GeneratedCharacters.Value) ?? 0;
                    break;
                case "alphabet":
                    alphabet = body.ReadString() ?? AlphabetDefault;
                    if (alphabet.Length is < 2 or > 94 || alphabet.Any(c => c is < '!' or > '~') || alphabet.Distinct().Count() < alphabet.Length)
                        body.Refuse("generate.alphabet", "An alphabet is 2 to 94 visible ASCII characters, each of them once.");
                    break;
                default:
                    result.TakeShared(name, ref body, now);
                    break;
            }
        if (problems.Count > 0) return result;
        var letters = System.Text.Encoding.ASCII.GetBytes(alphabet);
        result.Value = new SecretBuffer((int)length);
        RandomNumberGenerator.GetItems(letters, result.Value.Span);
        return result;
    }

    /// <inheritdoc/>
    public void Dispose() => Value?.Dispose();

    void Take(SecretBuffer? value, bool isText)
    {
        Value?.Dispose();
        (Value, IsText) = (value, isText);
    }

    void TakeShared(string name, ref JsonBody body, Timestamp now)
    {
        switch (name)
        {
            case "expected_version": ExpectedVersion = (int?)body.ReadInt64(0, int.MaxValue); break;
            case "expires_at": ExpiresAt = SecretBodies.ExpiresAt(ref body, now); break;
            case "metadata": Metadata = SecretBodies.Metadata(ref body); break;
            case "change_log": ChangeLog = ConfigBodies.ChangeLog(ref body); break;
            default:
                NamesRotation = true;
                if (!body.TryReadNull()) RotationDays = (int?)body.ReadInt64(1, SecretLimits.RotationDays.Value);
                break;
        }
    }
}

/// <summary>What the bodies share.</summary>
internal static class SecretBodies
{
    static readonly BodyMembers ReasonMembers = new(required: [], optional: ["change_log"]);
    static readonly BodyMembers DestroyMembers = new(required: [], optional: ["versions", "change_log"]);

    /// <summary>The bytes of a string token, unescaped; null when there is none, or it is too long.</summary>
    public static SecretBuffer? Text(ReadOnlySpan<byte> token, ref JsonBody body)
    {
        return token.Length == 0 ? null : Fits(Unescaped(token), ref body);
    }

    /// <summary>The bytes of a string token, unescaped.</summary>
    public static SecretBuffer Unescaped(ReadOnlySpan<byte> token)
    {
        var buffer = new SecretBuffer(token.Length);
        var reader = new Utf8JsonReader(token);
        reader.Read();
        buffer.Resize(reader.CopyString(buffer.Span));
        return buffer;
    }

    /// <summary>The bytes that a string token is the base64 of (RFC 4648, 4: padded, and nothing else among it).</summary>
    public static SecretBuffer? Bytes(ReadOnlySpan<byte> token, ref JsonBody body)
    {
        if (token.Length == 0) return null;
        using var text = Unescaped(token);
        var buffer = new SecretBuffer(Base64.GetMaxDecodedFromUtf8Length(text.Length));
        if (text.Length % 4 == 0 && Base64.DecodeFromUtf8(text.Span, buffer.Span, out var read, out var written) == OperationStatus.Done && read == text.Length && IsCanonical(text.Span, buffer.Span[..written]))
        {
            buffer.Resize(written);
            return Fits(buffer, ref body);
        }
        buffer.Dispose();
        body.Refuse("secret.base64", "value_base64 is base64 with padding, of the alphabet A-Z a-z 0-9 + /, and without white space.");
        return null;
    }

    /// <summary>When a secret ends: null for never. It lies in the future.</summary>
    public static Timestamp? ExpiresAt(ref JsonBody body, Timestamp now)
    {
        if (body.TryReadNull() || body.ReadString() is not { } text) return null;
        if (!Timestamp.TryParse(text, out var at)) body.Refuse("expires_at.time", "expires_at is a time of RFC 3339, such as 2026-01-31T14:03:00Z, or null.");
        else if (at <= now) body.Refuse("expires_at.past", "expires_at lies in the past.");
        return at;
    }

    /// <summary>A secret's own metadata; null clears it.</summary>
    public static byte[]? Metadata(ref JsonBody body)
    {
        if (body.TryReadNull()) return SecretEntry.NoMetadata;
        if (body.ReadJson() is not { } metadata) return null;
        if (metadata[0] != '{') body.Refuse("secret.metadata", "metadata is a JSON object.");
        else if (metadata.Length > SecretLimits.MetadataBytes.Value) body.Refuse("secret.metadata", $"metadata has at most {SecretLimits.MetadataBytes.Value} bytes as canonical JSON; this has {metadata.Length}.");
        else if (Entries(metadata) is var count && count > SecretLimits.MetadataEntries.Value) body.Refuse("secret.metadata", $"metadata has at most {SecretLimits.MetadataEntries.Value} members; this has {count}.");
        return metadata;
    }

    /// <summary>A body that may say why.</summary>
    public static string? Reason(ReadOnlySpan<byte> utf8, List<Problem> problems)
    {
        string? reason = null;
        var body = new JsonBody(utf8, ReasonMembers, problems);
        while (body.NextMember(out _)) reason = ConfigBodies.ChangeLog(ref body);
        return reason;
    }

    /// <summary>Which versions are to be destroyed; null: all.</summary>
    public static (List<int>? Versions, string? Reason) Destroy(ReadOnlySpan<byte> utf8, List<Problem> problems)
    {
        List<int>? versions = null;
        string? reason = null;
        var body = new JsonBody(utf8, DestroyMembers, problems);
        while (body.NextMember(out var name))
        {
            if (name == "change_log")
            {
                reason = ConfigBodies.ChangeLog(ref body);
                continue;
            }
            versions = [];
            body.BeginArray();
            while (body.NextItem())
                if (body.ReadInt64(1, int.MaxValue) is { } version) versions.Add((int)version);
        }
        if (versions is { Count: 0 } && problems.Count == 0) problems.Add(Problem.Body("/versions", "versions.empty", "Name at least one version; without versions all are destroyed."));
        if (versions?.Count > SecretLimits.DestroyedVersions.Value) problems.Add(Problem.Body("/versions", "versions.count", $"A request names at most {SecretLimits.DestroyedVersions.Value} versions; this one names {versions.Count}."));
        return (versions, reason);
    }

    static int Entries(byte[] metadata)
    {
        using var document = JsonDocument.Parse(metadata);
        return document.RootElement.EnumerateObject().Count();
    }

    static SecretBuffer? Fits(SecretBuffer value, ref JsonBody body)
    {
        if (value.Length <= SecretLimits.ValueBytes.Value) return value;
        body.Refuse("secret.bytes", $"A secret has at most {SecretLimits.ValueBytes.Value} bytes; this one has {value.Length}.");
        value.Dispose();
        return null;
    }

    // bits that padding leaves over are zero: one text for one value
    static bool IsCanonical(ReadOnlySpan<byte> text, ReadOnlySpan<byte> value)
    {
        var rest = value.Length % 3;
        if (rest == 0) return text.IndexOf((byte)'=') < 0;
        Span<byte> last = stackalloc byte[4];
        Base64.EncodeToUtf8(value[^rest..], last, out _, out _);
        return text[^4..].SequenceEqual(last) && text.IndexOf((byte)'=') >= text.Length - 2;
    }
}
