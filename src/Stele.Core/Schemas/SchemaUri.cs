using System.Text;

namespace Stele.Core.Schemas;

/// <summary>References between schemas: RFC 3986 resolution of texts, section 5.2, without touching anything that is named.</summary>
static class SchemaUri
{
    /// <summary>What a schema without <c>$id</c> is called, so that relative references in it have something to start from.</summary>
    public const string Root = "stele:///schema";

    /// <summary>A reference taken from a base. A fragment comes along.</summary>
    public static string Resolve(string baseUri, string reference)
    {
        var (scheme, authority, path, query, fragment) = Split(reference);
        if (scheme is not null) return Join(scheme, authority, RemoveDots(path), query, fragment);
        var origin = Split(baseUri);
        if (authority is not null) return Join(origin.Scheme, authority, RemoveDots(path), query, fragment);
        if (path.Length == 0) return Join(origin.Scheme, origin.Authority, origin.Path, query ?? origin.Query, fragment);
        if (path[0] != '/')
        {
            var merged = origin.Authority is not null && origin.Path.Length == 0 ? "/" + path : origin.Path[..(origin.Path.LastIndexOf('/') + 1)] + path;
            return Join(origin.Scheme, origin.Authority, RemoveDots(merged), query, fragment);
        }
        return Join(origin.Scheme, origin.Authority, RemoveDots(path), query, fragment);
    }

    /// <summary>The text before <c>#</c> and the one behind it, decoded.</summary>
    public static (string Document, string Fragment) Cut(string uri)
    {
        var at = uri.IndexOf('#', StringComparison.Ordinal);
        return at < 0 ? (uri, "") : (uri[..at], Uri.UnescapeDataString(uri[(at + 1)..]));
    }

    static (string? Scheme, string? Authority, string Path, string? Query, string? Fragment) Split(string uri)
    {
        string? scheme = null, authority = null, query = null, fragment = null;
        if (uri.IndexOf('#', StringComparison.Ordinal) is var hash and >= 0) (uri, fragment) = (uri[..hash], uri[(hash + 1)..]);
        if (uri.IndexOf('?', StringComparison.Ordinal) is var mark and >= 0) (uri, query) = (uri[..mark], uri[(mark + 1)..]);
        var colon = uri.IndexOf(':', StringComparison.Ordinal);
        if (colon > 0 && char.IsAsciiLetter(uri[0]) && uri.AsSpan(0, colon).IndexOf('/') < 0)
            (scheme, uri) = (uri[..colon].ToLowerInvariant(), uri[(colon + 1)..]);
        if (uri.StartsWith("//", StringComparison.Ordinal))
        {
            var end = uri.IndexOf('/', 2);
            if (end < 0) end = uri.Length;
            (authority, uri) = (uri[2..end], uri[end..]);
        }
        return (scheme, authority, uri, query, fragment);
    }

    static string Join(string? scheme, string? authority, string path, string? query, string? fragment)
    {
        var uri = new StringBuilder();
        if (scheme is not null) uri.Append(scheme).Append(':');
        if (authority is not null) uri.Append("//").Append(authority);
        uri.Append(path);
        if (query is not null) uri.Append('?').Append(query);
        if (!string.IsNullOrEmpty(fragment)) uri.Append('#').Append(fragment);
        return uri.ToString();
    }

    static string RemoveDots(string path)
    {
        if (!path.Contains("/.", StringComparison.Ordinal) && !path.StartsWith('.')) return path;
        var kept = new List<string>();
        var segments = path.Split('/');
        for (var i = 0; i < segments.Length; i++)
        {
            var isLast = i == segments.Length - 1;
            switch (segments[i])
            {
                case ".":
                    if (isLast) kept.Add("");
                    break;
                case "..":
                    if (kept.Count > 1 || (kept.Count == 1 && kept[0].Length > 0)) kept.RemoveAt(kept.Count - 1);
                    if (isLast) kept.Add("");
                    break;
                default:
                    kept.Add(segments[i]);
                    break;
            }
        }
        return string.Join('/', kept);
    }
}
