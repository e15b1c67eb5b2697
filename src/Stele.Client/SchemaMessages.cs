using System.Text.Json;

namespace Stele.Client;

/// <summary>A rule of a schema that a value breaks.</summary>
public sealed record SchemaError
{
    /// <summary>JSON pointer (RFC 6901) into the value; empty: all of it.</summary>
    public required string InstanceLocation { get; init; }

    /// <summary>JSON pointer of the keyword, by the way on which the evaluation came, through references.</summary>
    public required string KeywordLocation { get; init; }

    /// <summary>A sentence for people.</summary>
    public required string Message { get; init; }
}

/// <summary>Whether a value keeps to a schema.</summary>
public sealed record SchemaVerdict
{
    /// <summary>Whether it does.</summary>
    public required bool Valid { get; init; }

    /// <summary>What it breaks; at most 32.</summary>
    public required IReadOnlyList<SchemaError> Errors { get; init; }
}

/// <summary>Which stored values to hold against a schema.</summary>
public sealed record SchemaCheck
{
    /// <summary>The schema.</summary>
    public required JsonElement Schema { get; init; }

    /// <summary>Null: the token's own environment, else the org's default.</summary>
    public string? Environment { get; init; }

    /// <summary>Keys that begin with this text. Null: all.</summary>
    public string? Prefix { get; init; }

    /// <summary>Refused values of a page, 1 to 1,000; null: 100.</summary>
    public int? Limit { get; init; }

    /// <summary>The <see cref="SchemaCheckPage.NextCursor"/> of the page before; null: the first page.</summary>
    public string? Cursor { get; init; }
}

/// <summary>A page of values that a schema would refuse, all of one revision. It may end early, and be empty.</summary>
public sealed record SchemaCheckPage
{
    /// <summary>In the order of keys.</summary>
    public required IReadOnlyList<RefusedValue> Items { get; init; }

    /// <summary>How many values this page looked at.</summary>
    public long Checked { get; init; }

    /// <summary>The revision that all pages show.</summary>
    public long Revision { get; init; }

    /// <summary>For the next page; null on the last.</summary>
    public string? NextCursor { get; init; }
}

/// <summary>A value that a schema would refuse.</summary>
public sealed record RefusedValue
{
    /// <summary>Its key.</summary>
    public required string Key { get; init; }

    /// <summary>The key's version.</summary>
    public long Version { get; init; }

    /// <summary>What it breaks.</summary>
    public required IReadOnlyList<SchemaError> Errors { get; init; }
}

sealed record SchemaBody(JsonElement Schema);

sealed record SchemaDryRun(JsonElement Schema, JsonElement Value);
