using System.Text.Json;
using Stele.Core.Faults;
using Stele.Core.Flags;

namespace Stele.Server.Ofrep;

/// <summary>
/// The body of an OFREP request: <c>{"context":{…}}</c>. The protocol lets it be absent, and lets members come that we do not know; none of them
/// could be a condition. The content type is not looked at: a body that is not JSON says so by itself.
/// </summary>
internal static class OfrepBody
{
    const string ContextPointer = "/context";

    static readonly JsonReaderOptions anyDepth = new() { MaxDepth = int.MaxValue };

    /// <summary>Finds the bytes of the context; empty: there is none. The refusal, or null.</summary>
    public static OfrepRefusal? Find(ReadOnlySpan<byte> body, out ReadOnlySpan<byte> context)
    {
        context = default;
        if (body.IsEmpty) return null;
        try
        {
            var reader = new Utf8JsonReader(body, anyDepth);
            reader.Read();
            if (reader.TokenType != JsonTokenType.StartObject) return new OfrepRefusal(FlagErrorCode.ParseError, "The body is an object with the member context.");
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var isContext = reader.ValueTextEquals("context"u8);
                reader.Read();
                var start = (int)reader.TokenStartIndex;
                reader.Skip();
                if (isContext) context = body[start..(int)reader.BytesConsumed];
            }
            // throws unless nothing but white space follows
            reader.Read();
            return null;
        }
        catch (JsonException e)
        {
            return new OfrepRefusal(FlagErrorCode.ParseError, $"The body is not JSON: it breaks off after {e.BytePositionInLine} bytes of line {e.LineNumber + 1}.");
        }
        catch (InvalidOperationException)
        {
            // the runtime's word for a name that is syntax, and no text
            return new OfrepRefusal(FlagErrorCode.ParseError, "The name of a member quotes half of a character (a lone surrogate).");
        }
    }

    /// <summary>Reads a context that was found. The refusal, or null.</summary>
    public static OfrepRefusal? Read(ReadOnlySpan<byte> utf8, out FlagContext context)
    {
        context = FlagContext.Empty;
        if (utf8.IsEmpty) return null;
        if (FlagContext.Parse(utf8, ContextPointer).TryGet(out var parsed, out var fault))
        {
            context = parsed;
            return null;
        }
        return new OfrepRefusal(FlagErrorCode.InvalidContext, fault.Problems is [var first, ..] ? $"{first.Name}: {first.Message}" : fault.Detail);
    }
}

/// <summary>Why an OFREP request cannot be answered, in its own words.</summary>
internal sealed record OfrepRefusal(FlagErrorCode Code, string Details);
