using System.Collections.Frozen;

namespace Stele.Server.Gateway.Grpc;

/// <summary>A part of a path.</summary>
/// <param name="Text">What it says; of a part in braces, what the route calls it.</param>
/// <param name="Field">The field that it is taken from; null: it is only text.</param>
internal readonly record struct GrpcPathPart(string Text, string? Field)
{
    /// <summary>Reads <c>orgs</c>, <c>{name}</c> or <c>{name=org}</c>.</summary>
    public static GrpcPathPart Parse(string part)
    {
        if (!part.StartsWith('{')) return new GrpcPathPart(part, null);
        return part.Trim('{', '}').Split('=') is [var name, var field] ? new GrpcPathPart(name, field) : new GrpcPathPart(part.Trim('{', '}'), part.Trim('{', '}'));
    }
}

/// <summary>An <c>option (http)</c>, read: <c>PUT /v1/config/{key}?env</c>.</summary>
internal sealed class GrpcRoute
{
    readonly FrozenSet<string> inPath, inQuery;

    GrpcRoute(string verb, string pattern, string[] query)
    {
        Verb = verb;
        Path = [.. pattern.Split('/').Skip(1).Select(GrpcPathPart.Parse)];
        Pattern = string.Concat(Path.Select(part => part.Field is null ? $"/{part.Text}" : $"/{{{part.Text}}}"));
        inPath = Path.Where(part => part.Field is not null).Select(part => part.Field!).ToFrozenSet(StringComparer.Ordinal);
        inQuery = query.ToFrozenSet(StringComparer.Ordinal);
    }

    /// <summary>The method of HTTP.</summary>
    public string Verb { get; }

    /// <summary>As the route is mapped.</summary>
    public string Pattern { get; }

    /// <summary>Its parts.</summary>
    public GrpcPathPart[] Path { get; }

    /// <summary>Whether what is in neither path nor query is a body.</summary>
    public bool HasBody => Verb is not ("GET" or "DELETE");

    /// <summary>Reads one.</summary>
    public static GrpcRoute Parse(string option)
    {
        if (option.Split(' ') is not [var verb, var rest]) throw new FormatException($"'{option}' is not a method and a path");
        return rest.Split('?', 2) is [var path, var query] ? new GrpcRoute(verb, path, query.Split('&')) : new GrpcRoute(verb, rest, []);
    }

    /// <summary>Whether a field is a part of the path.</summary>
    public bool IsInPath(string field) => inPath.Contains(field);

    /// <summary>Whether a field that is not in the path is in the query.</summary>
    public bool IsInQuery(string field) => !HasBody || inQuery.Contains(field);
}
