using System.Buffers;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Stele.Core.Journal;
using Stele.Core.Json;

namespace Stele.Server.Gateway;

/// <summary>
/// An answer's JSON as it is written: bytes in a pooled buffer, zeroed when it goes back, for they may be a secret's. By hand, because values are canonical JSON already and go
/// through as they are, and because the length must be known before the answer starts.
/// </summary>
internal sealed class JsonText(int capacity = 1024) : IDisposable
{
    byte[] buffer = ArrayPool<byte>.Shared.Rent(capacity);

    /// <summary>Bytes so far.</summary>
    public int Length { get; private set; }

    /// <summary>What was written.</summary>
    public ReadOnlySpan<byte> Written => buffer.AsSpan(0, Length);

    /// <summary>The same, to send.</summary>
    public ReadOnlyMemory<byte> Memory => buffer.AsMemory(0, Length);

    /// <summary>JSON as it is.</summary>
    public JsonText Raw(ReadOnlySpan<byte> json)
    {
        json.CopyTo(Room(json.Length));
        Length += json.Length;
        return this;
    }

    /// <summary>A JSON string, or null.</summary>
    public JsonText Text(string? text)
    {
        if (text is null) return Raw("null"u8);
        var room = Room(text.Length + 2);
        if (text.AsSpan().ContainsAnyExcept(Plain) || System.Text.Ascii.FromUtf16(text, room[1..], out var written) != OperationStatus.Done)
        {
            var canonical = CanonicalJson.FromString(text);
            Raw(canonical);
            CryptographicOperations.ZeroMemory(canonical);
            return this;
        }
        room[0] = (byte)'"';
        room[written + 1] = (byte)'"';
        Length += written + 2;
        return this;
    }

    /// <summary>Bytes as a JSON string, in base64.</summary>
    public JsonText Base64(ReadOnlySpan<byte> bytes)
    {
        var room = Room(System.Buffers.Text.Base64.GetMaxEncodedToUtf8Length(bytes.Length) + 2);
        room[0] = (byte)'"';
        System.Buffers.Text.Base64.EncodeToUtf8(bytes, room[1..], out _, out var written);
        room[written + 1] = (byte)'"';
        Length += written + 2;
        return this;
    }

    /// <summary>Characters of ASCII as they are, without quotes.</summary>
    public JsonText Ascii(string text)
    {
        Length += Encoding.ASCII.GetBytes(text, Room(text.Length));
        return this;
    }

    /// <summary>A whole number.</summary>
    public JsonText Number(long number)
    {
        Utf8Formatter.TryFormat(number, Room(20), out var written);
        Length += written;
        return this;
    }

    /// <summary>true or false.</summary>
    public JsonText Boolean(bool value) => Raw(value ? "true"u8 : "false"u8);

    /// <summary>A moment, as <see cref="Timestamp.ToString"/> writes it, in quotes.</summary>
    public JsonText Time(Timestamp at)
    {
        // the round-trip format has a seventh digit, which is always 0
        var room = Room(32);
        room[0] = (byte)'"';
        at.ToDateTime().TryFormat(room[1..], out _, "O");
        "Z\""u8.CopyTo(room[27..]);
        Length += 29;
        return this;
    }

    /// <summary>A UUID in quotes.</summary>
    public JsonText Id(Guid id)
    {
        var room = Room(38);
        room[0] = (byte)'"';
        id.TryFormat(room[1..], out _);
        room[37] = (byte)'"';
        Length += 38;
        return this;
    }

    /// <summary>Takes back what was written last.</summary>
    public void Cut(int bytes)
    {
        Length -= bytes;
        buffer.AsSpan(Length, bytes).Clear();
    }

    /// <summary>Begins anew in the same buffer.</summary>
    public void Clear() => Cut(Length);

    /// <inheritdoc/>
    public void Dispose()
    {
        Clear();
        ArrayPool<byte>.Shared.Return(buffer);
        buffer = [];
    }

    Span<byte> Room(int bytes)
    {
        if (buffer.Length - Length < bytes)
        {
            var larger = ArrayPool<byte>.Shared.Rent(Math.Max(buffer.Length * 2, Length + bytes));
            Written.CopyTo(larger);
            buffer.AsSpan(0, Length).Clear();
            ArrayPool<byte>.Shared.Return(buffer);
            buffer = larger;
        }
        return buffer.AsSpan(Length);
    }

    static readonly SearchValues<char> Plain = SearchValues.Create(
        [.. Enumerable.Range(0x20, 0x5F).Select(c => (char)c).Where(c => c is not ('"' or '\\'))]);
}
