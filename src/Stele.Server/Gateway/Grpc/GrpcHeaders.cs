using System.Globalization;
using System.Text;

namespace Stele.Server.Gateway.Grpc;

/// <summary>What gRPC says in headers: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md.</summary>
internal static class GrpcHeaders
{
    public const string ContentType = "application/grpc", Gzip = "gzip", Identity = "identity";

    public const string Timeout = "grpc-timeout", Encoding = "grpc-encoding", AcceptEncoding = "grpc-accept-encoding",
        Status = "grpc-status", Message = "grpc-message", Details = "grpc-status-details-bin";

    const int TimeoutDigitsMax = 8;

    // what a timer can count; nobody waits that long
    static readonly TimeSpan TimeoutMax = TimeSpan.FromDays(30);

    // of the call itself, not of the operation; the conditions of HTTP are fields of the messages, and gRPC has no cookies
    static readonly string[] ofTheCall =
        ["content-type", "content-length", "te", "if-match", "if-none-match", "cookie", "origin", "accept-encoding", "accept", "range", "transfer-encoding", "connection", "upgrade"];

    // of an answer as HTTP has it
    static readonly string[] ofTheAnswer =
    [
        "content-type", "content-length", "etag", "allow", "www-authenticate", "transfer-encoding", "connection", "set-cookie", "vary",
        "cache-control", "x-content-type-options", "content-security-policy", "referrer-policy", "strict-transport-security",
    ];

    /// <summary>Whether a content type is gRPC's with messages of protobuf.</summary>
    public static bool IsGrpc(string? contentType)
    {
        if (contentType is null || !contentType.StartsWith(ContentType, StringComparison.OrdinalIgnoreCase)) return false;
        var rest = contentType.AsSpan(ContentType.Length);
        return rest.IsEmpty || rest[0] is ';' or ' ' || rest.Equals("+proto", StringComparison.OrdinalIgnoreCase) || rest.StartsWith("+proto;", StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>The metadata of a call as headers of the operation.</summary>
    public static HeaderDictionary Inward(IHeaderDictionary headers)
    {
        var inner = new HeaderDictionary(headers.Count);
        foreach (var (name, values) in headers)
            if (!name.StartsWith(':') && !name.StartsWith("grpc-", StringComparison.OrdinalIgnoreCase) && !ofTheCall.Contains(name, StringComparer.OrdinalIgnoreCase)) inner[name] = values;
        return inner;
    }

    /// <summary>The headers of an answer as metadata.</summary>
    public static void Outward(IHeaderDictionary inner, IHeaderDictionary headers)
    {
        foreach (var (name, values) in inner)
            if (!ofTheAnswer.Contains(name, StringComparer.OrdinalIgnoreCase)) headers[name] = values;
    }

    /// <summary>The name of the first entry of binary metadata that is not base64, or null.</summary>
    public static string? BrokenBinary(IHeaderDictionary headers)
    {
        foreach (var (name, values) in headers)
            if (name.EndsWith("-bin", StringComparison.OrdinalIgnoreCase))
                foreach (var line in values)
                    foreach (var range in line.AsSpan().Split(','))
                        if (!IsBase64(line.AsSpan()[range].Trim())) return name;
        return null;
    }

    /// <summary>Reads grpc-timeout: at most eight digits and a unit. Longer than a timer counts is as long as it counts.</summary>
    public static bool TryTimeout(string text, out TimeSpan timeout)
    {
        timeout = default;
        if (text.Length is < 2 or > TimeoutDigitsMax + 1 || !long.TryParse(text.AsSpan(0, text.Length - 1), NumberStyles.None, CultureInfo.InvariantCulture, out var count)) return false;
        var seconds = text[^1] switch
        {
            'H' => 3_600.0,
            'M' => 60,
            'S' => 1,
            'm' => 1e-3,
            'u' => 1e-6,
            'n' => 1e-9,
            _ => 0,
        };
        if (seconds == 0) return false;
        timeout = TimeSpan.FromSeconds(Math.Min(count * seconds, TimeoutMax.TotalSeconds));
        return true;
    }

    /// <summary>A message as grpc-message has it: UTF-8, with all that is not visible ASCII, and %, percent-encoded.</summary>
    public static string Percent(string message)
    {
        if (!message.AsSpan().ContainsAnyExceptInRange(' ', '~') && !message.Contains('%')) return message;
        var text = new StringBuilder(message.Length + 16);
        foreach (var b in System.Text.Encoding.UTF8.GetBytes(message))
            if (b is >= (byte)' ' and <= (byte)'~' and not (byte)'%') text.Append((char)b);
            else text.Append('%').Append(b.ToString("X2", CultureInfo.InvariantCulture));
        return text.ToString();
    }

    // with or without padding
    static bool IsBase64(ReadOnlySpan<char> text)
    {
        text = text.TrimEnd('=');
        foreach (var c in text)
            if (!char.IsAsciiLetterOrDigit(c) && c is not ('+' or '/')) return false;
        return text.Length % 4 != 1;
    }
}
