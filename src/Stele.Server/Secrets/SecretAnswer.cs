using System.Buffers;
using Stele.Server.Gateway;

namespace Stele.Server.Secrets;

/// <summary>Sends a value: the whole answer in one buffer, which is zeroed.</summary>
internal static class SecretAnswer
{
    /// <summary>Sends an object that is still open, with a value as its last member.</summary>
    public static async Task Send(HttpContext context, JsonText open, SecretBuffer value, bool isText)
    {
        using var whole = Whole(open, value, isText);
        var response = context.Response;
        response.ContentType = Answer.Json;
        response.Headers.CacheControl = "no-store";
        response.ContentLength = whole.Length;
        if (whole.Length <= Answer.CopyBytesMax)
        {
            response.BodyWriter.Write(whole.Span);
            return;
        }
        await response.StartAsync();
        await response.BodyWriter.WriteAsync(whole.Memory);
    }

    static SecretBuffer Whole(JsonText open, SecretBuffer value, bool isText)
    {
        using (open)
        using (var member = SecretJson.Value(value.Span, isText))
        {
            var whole = new SecretBuffer(open.Length + member.Length + 1);
            open.Written.CopyTo(whole.Span);
            member.Span.CopyTo(whole.Span[open.Length..]);
            whole.Span[^1] = (byte)'}';
            return whole;
        }
    }
}
