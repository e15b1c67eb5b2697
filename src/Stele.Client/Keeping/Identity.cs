using System.Reflection;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Stele.Client.Following;

namespace Stele.Client.Keeping;

/// <summary>
/// Whose directory it is: the same for every token of one identity, so that a token may be renewed while nobody is looking.
/// Of a JWT that is its issuer and subject; of other tokens the org, because the token itself says no more.
/// </summary>
internal static class Identity
{
    internal static string Of(SteleClientOptions client, FollowPlan plan, string? application)
    {
        var text = new StringBuilder();
        foreach (var part in (string?[])["1", client.Organization, Holder(client.TokenSource?.Invoke() ?? client.Token), plan.Environment, plan.Kind, application ?? Assembly.GetEntryAssembly()?.GetName().Name, .. plan.Prefixes.Order(StringComparer.Ordinal)])
            text.Append(part?.Length ?? -1).Append(':').Append(part).Append('\n');
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())))[..32];
    }

    internal static string Holder(string? token)
    {
        if (token is null) return "";
        if (token.StartsWith("stele_", StringComparison.Ordinal) && token.LastIndexOf('_') is var end and > 6) return token[6..end];
        return token.Split('.') is [_, var claims, _] ? Subject(claims) ?? "" : "";
    }

    static string? Subject(string claims)
    {
        try
        {
            using var document = JsonDocument.Parse(System.Buffers.Text.Base64Url.DecodeFromChars(claims));
            return $"{document.RootElement.GetProperty("iss").GetString()} {document.RootElement.GetProperty("sub").GetString()}";
        }
        catch (Exception e) when (e is JsonException or FormatException or KeyNotFoundException or InvalidOperationException)
        {
            return null;
        }
    }
}
