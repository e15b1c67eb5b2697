using Stele.Core.Limits;

namespace Stele.Core.Webhooks;

/// <summary>What the address of a webhook must be. Where its name leads to is looked at when it is connected to, not here.</summary>
public static class WebhookUrl
{
    /// <summary>The rule that an address breaks and a sentence about it, or null.</summary>
    public static (string Rule, string Message)? Check(string text)
    {
        if (text.Length > WebhookLimits.UrlCharacters.Value) return ("url.length", $"An address has at most {WebhookLimits.UrlCharacters.Value} characters; this one has {text.Length}.");
        if (text.AsSpan().ContainsAnyExceptInRange('!', '~') || !Uri.TryCreate(text, UriKind.Absolute, out var url) || url.Host.Length == 0 || url.Scheme is not ("https" or "http"))
            return ("url.form", "An address is an absolute https URL, in printable ASCII without spaces.");
        // it would be shown to whoever may see webhooks, and stand in the journal
        if (url.UserInfo.Length > 0) return ("url.credentials", "An address holds no user and no password: what is sent is signed instead.");
        // a fragment is never sent
        return url.Fragment.Length > 0 ? ("url.fragment", "An address holds no fragment.") : null;
    }
}
