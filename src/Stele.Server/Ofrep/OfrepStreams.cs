using System.Runtime.CompilerServices;
using Stele.Core.Access;
using Stele.Core.Journal;
using Stele.Server.Access;
using Stele.Server.Gateway;
using Stele.Server.Options;

namespace Stele.Server.Ofrep;

/// <summary>The address at which a client is told that answers may have changed. It is the same for a day, since a client that gets another one connects anew.</summary>
internal sealed class OfrepStreams(StreamPasses passes, SteleOptions options)
{
    /// <summary>After how many seconds of a hidden page its stream may be closed: what the protocol takes where nothing is said.</summary>
    const string InactivitySeconds = "120";

    readonly string? publicUrl = options.PublicUrl?.TrimEnd('/');
    readonly ConditionalWeakTable<Principal, Address> addresses = [];

    /// <summary>While it is the same, so is the address.</summary>
    public long Window => passes.WindowNow;

    /// <summary>Writes the member <c>eventStreams</c>; nothing for one who has no way to come in there.</summary>
    public void Write(JsonText json, HttpContext context, Caller caller, string environment)
    {
        var (request, window) = (context.Request, passes.WindowNow);
        if (!addresses.TryGetValue(caller.Principal, out var address) || !address.Fits(request, caller.Org, environment, window))
        {
            if (Make(request, caller, environment, window) is not { } made) return;
            addresses.AddOrUpdate(caller.Principal, address = made);
        }
        json.Raw(address.Member);
    }

    Address? Make(HttpRequest request, Caller caller, string environment, int window)
    {
        var pass = passes.Make(caller.Principal, caller.Org, TokenOf(request));
        // a session's cookie and a client's certificate come by themselves; a JWT has no way
        if (pass is null && request.Headers.Authorization.Count > 0) return null;
        using var json = new JsonText();
        json.Raw(",\"eventStreams\":[{\"type\":\"sse\",\"url\":"u8)
            .Text($"{publicUrl ?? $"{request.Scheme}://{request.Host.Value}"}{StreamPasses.Path}?env={environment}{(pass is null ? "" : $"&{StreamPasses.Parameter}={pass}")}")
            .Raw(",\"inactivityDelaySec\":"u8).Ascii(InactivitySeconds).Raw("}]"u8);
        return new Address(request.Scheme, request.Host, caller.Org, environment, window, json.Written.ToArray());
    }

    static ReadOnlySpan<char> TokenOf(HttpRequest request)
    {
        if (OfrepProblems.ApiKeyOf(request) is { } key && request.Headers.Authorization.Count == 0) return key;
        var authorization = request.Headers.Authorization.ToString().AsSpan();
        return authorization.IndexOf(' ') is var space and > 0 ? authorization[(space + 1)..].Trim() : default;
    }

    sealed record Address(string Scheme, HostString Host, OrgId Org, string Environment, int Window, byte[] Member)
    {
        public bool Fits(HttpRequest request, OrgId org, string environment, int window) =>
            Window == window && Org == org && Environment == environment && Scheme == request.Scheme && Host == request.Host;
    }
}
