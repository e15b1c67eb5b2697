using System.Buffers;
using Stele.Server.Gateway;

namespace Stele.Server.Secrets;

/// <summary>Sends a value: the whole answer in one buffer, which is zeroed.</summary>
internal static class SecretAnswer
{
    /// <summary>Sends an object that is still open, with a value as its last member: <c>value</c>, or <c>value_base64</c> for what is no text.</summary>
    public static Task Send(HttpContext context, JsonText open, SecretBuffer value, bool isText) => Send(context, open, SecretJson.Value(isText ? "value" : "value_base64", value.Span, isText));

    /// <summary>The same, with its last member written already; that is disposed of.</summary>
    public static async Task Send(HttpContext context, JsonText open, SecretBuffer member)
    {
        using var whole = Whole(open, member);
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

    static SecretBuffer Whole(JsonText open, SecretBuffer member)
    {
        using (open)
        using (member)
        {
            var whole = new SecretBuffer(open.Length + member.Length + 1);
            open.Written.CopyTo(whole.Span);
            member.Span.CopyTo(whole.Span[open.Length..]);
            whole.Span[^1] = (byte)'}';
            return whole;
        }
    }
}
