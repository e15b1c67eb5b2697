using System.Text;
using System.Text.Json;

namespace Stele.Client;

/// <summary>
/// A secret with its value. Dispose of it as soon as it is used: its memory is zeroed then. What <see cref="GetText"/> gives is
/// a string of .NET, which nobody can zero; who can use <see cref="Bytes"/> is better off.
/// </summary>
public sealed class SteleSecret : IDisposable
{
    readonly SecretBuffer value;
    bool disposed;

    SteleSecret(SecretItem item, SecretBuffer value, bool isText) => (Item, this.value, IsText) = (item, value, isText);

    /// <summary>What is known of it.</summary>
    public SecretItem Item { get; }

    /// <summary>Whether it was given as text.</summary>
    public bool IsText { get; }

    /// <summary>The value; of a text its UTF-8. Only until <see cref="Dispose"/>.</summary>
    public ReadOnlyMemory<byte> Bytes => disposed ? throw new ObjectDisposedException(nameof(SteleSecret)) : value.Memory;

    /// <summary>The value as text, which stays in memory until the garbage collector needs the place.</summary>
    public string GetText() => Encoding.UTF8.GetString(Bytes.Span);

    /// <summary>Never the value.</summary>
    public override string ToString() => $"secret {Item.Path}, version {Item.Version}";

    /// <summary>Zeroes the value.</summary>
    public void Dispose()
    {
        disposed = true;
        value.Dispose();
    }

    /// <summary>Out of an answer. <see cref="JsonException"/> if it holds none.</summary>
    internal static SteleSecret Read(ReadOnlySpan<byte> answer)
    {
        var item = JsonSerializer.Deserialize(answer, SteleJson.Default.SecretItem) ?? throw new JsonException("null");
        var reader = new Utf8JsonReader(answer, new JsonReaderOptions { MaxDepth = 512 });
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var (isText, isBytes) = (reader.ValueTextEquals("value"u8), reader.ValueTextEquals("value_base64"u8));
            reader.Read();
            if (isText || isBytes) return new SteleSecret(item, Value(ref reader, isText), isText);
            reader.Skip();
        }
        throw new JsonException("there is no value in it");
    }

    static SecretBuffer Value(ref Utf8JsonReader reader, bool isText)
    {
        var text = new SecretBuffer(reader.ValueSpan.Length);
        text.Advance(reader.CopyString(text.GetSpan(Math.Max(1, reader.ValueSpan.Length))));
        if (isText) return text;
        using (text)
        {
            var bytes = new SecretBuffer(System.Buffers.Text.Base64.GetMaxDecodedFromUtf8Length(text.Length));
            if (System.Buffers.Text.Base64.DecodeFromUtf8(text.Span, bytes.GetSpan(Math.Max(1, text.Length)), out _, out var written) != System.Buffers.OperationStatus.Done)
            {
                bytes.Dispose();
                throw new JsonException("value_base64 is no base64");
            }
            bytes.Advance(written);
            return bytes;
        }
    }
}
