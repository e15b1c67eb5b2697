using System.Text.Json;
using System.Text.Json.Serialization;

namespace Stele.Client;

/// <summary>What is known of a secret, without its value.</summary>
public sealed record SecretItem
{
    /// <summary>Its path.</summary>
    public required string Path { get; init; }

    /// <summary>Its environment.</summary>
    public string? Environment { get; init; }

    /// <summary>Counts its changes from 1.</summary>
    public long Version { get; init; }

    /// <summary>The org's revision that wrote this version.</summary>
    public long Revision { get; init; }

    /// <summary>When, UTC.</summary>
    public DateTimeOffset? CreatedAt { get; init; }

    /// <summary>The actor's opaque id.</summary>
    public string? CreatedBy { get; init; }

    /// <summary>Until when the value is given out; null: without end.</summary>
    public DateTimeOffset? ExpiresAt { get; init; }

    /// <summary>What somebody noted of it, an object. Not secret.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public JsonElement Metadata { get; init; }

    /// <summary>After how many days a new value is due; null: never.</summary>
    public int? RotationDays { get; init; }

    /// <summary>When that is.</summary>
    public DateTimeOffset? RotationDueAt { get; init; }

    /// <summary><c>active</c>, <c>rotation_due</c>, <c>expiring</c>, <c>expired</c>, <c>deleted</c> or <c>destroyed</c>.</summary>
    public string? Status { get; init; }

    /// <summary>Of a version in a history: <c>set</c>, <c>deleted</c> or <c>undeleted</c>.</summary>
    public string? Kind { get; init; }

    /// <summary>Of a version in a history: why; null if nobody said.</summary>
    public string? ChangeLog { get; init; }
}

/// <summary>One page of secrets, without their values.</summary>
public sealed record SecretPage
{
    /// <summary>In the order of paths, by code point.</summary>
    public required IReadOnlyList<SecretItem> Items { get; init; }

    /// <summary>The revision that is shown.</summary>
    public long Revision { get; init; }

    /// <summary>Where the next page begins; null at the end.</summary>
    public string? NextCursor { get; init; }
}

/// <summary>One page of versions of a secret, newest first, without their values.</summary>
public sealed record SecretHistory
{
    /// <summary>The versions.</summary>
    public required IReadOnlyList<SecretItem> Items { get; init; }

    /// <summary>Where the next page begins; null at the end.</summary>
    public string? NextCursor { get; init; }
}

/// <summary>Which secret to read. All absent: the current version, strongly consistent, of the token's environment.</summary>
public sealed record SecretRead
{
    /// <summary>Null: the token's own, else the org's default.</summary>
    public string? Environment { get; init; }

    /// <summary>A version; null: the current one.</summary>
    public long? Version { get; init; }

    /// <summary><c>strong</c> (the default) or <c>local</c>.</summary>
    public string? Consistency { get; init; }

    /// <summary>For local reads: refuse an answer that was confirmed longer ago. Null: any age.</summary>
    public TimeSpan? StalenessMax { get; init; }
}

/// <summary>Which secrets.</summary>
public sealed record SecretList
{
    /// <summary>Null: the token's own, else the org's default.</summary>
    public string? Environment { get; init; }

    /// <summary>How paths begin; null: all.</summary>
    public string? Prefix { get; init; }

    /// <summary>Only those with this <see cref="SecretItem.Status"/>; null: all that are not deleted.</summary>
    public string? Status { get; init; }

    /// <summary>At most so many, 1 to 1,000; null: 100.</summary>
    public int? Limit { get; init; }

    /// <summary>Where to go on.</summary>
    public string? Cursor { get; init; }
}

/// <summary>A value to keep secret: either <see cref="Text"/> or <see cref="Bytes"/>. The client zeroes every copy that it makes; what is given stays the caller's.</summary>
public sealed record SecretWrite
{
    /// <summary>The value as text.</summary>
    public string? Text { get; init; }

    /// <summary>The value as bytes, at most 1 MiB.</summary>
    public ReadOnlyMemory<byte>? Bytes { get; init; }

    /// <summary>Whether <see cref="Bytes"/> are text in UTF-8, and are to be answered as such.</summary>
    public bool IsText { get; init; }

    /// <summary>What goes with it.</summary>
    public SecretTerms Terms { get; init; } = new();
}

/// <summary>A value for the server to make, so that nobody sees it.</summary>
public sealed record SecretGenerate
{
    /// <summary>Characters, 1 to 4,096.</summary>
    public required int Length { get; init; }

    /// <summary>Of which: 2 to 94 visible ASCII characters, each once. Null: letters and digits.</summary>
    public string? Alphabet { get; init; }

    /// <summary>What goes with it.</summary>
    public SecretTerms Terms { get; init; } = new();
}

/// <summary>What goes with a value.</summary>
public sealed record SecretTerms
{
    /// <summary>Only if the secret is at this version; 0: only if there is none; null: in any case.</summary>
    public long? ExpectedVersion { get; init; }

    /// <summary>Until when it is given out; null: without end.</summary>
    public DateTimeOffset? ExpiresAt { get; init; }

    /// <summary>An object of the caller's, which is not secret; JSON null takes away what there is, null keeps it.</summary>
    public JsonElement? Metadata { get; init; }

    /// <summary>After how many days a new value is due; 0: never any more; null: as it was.</summary>
    public int? RotationDays { get; init; }

    /// <summary>Why.</summary>
    public string? ChangeLog { get; init; }
}

/// <summary>What became of a secret that was deleted; <see cref="SteleClient.UndeleteSecretAsync"/> brings it back.</summary>
public sealed record SecretDeleted
{
    /// <summary>Its path.</summary>
    public required string Path { get; init; }

    /// <summary>Its environment.</summary>
    public string? Environment { get; init; }

    /// <summary>The version that is the deletion.</summary>
    public long Version { get; init; }

    /// <summary>The org's revision.</summary>
    public long Revision { get; init; }

    /// <summary>That it is.</summary>
    public bool Deleted { get; init; }
}

/// <summary>Which values of a secret are gone for good.</summary>
public sealed record SecretDestroyed
{
    /// <summary>Its path.</summary>
    public required string Path { get; init; }

    /// <summary>The versions.</summary>
    public required IReadOnlyList<long> Destroyed { get; init; }

    /// <summary>The org's revision.</summary>
    public long Revision { get; init; }
}

/// <summary>The keys by which secrets are encrypted; never what they are made of.</summary>
public sealed record KeyRing
{
    /// <summary><c>local</c>, <c>vault</c> or <c>aws-kms</c>.</summary>
    public required string Provider { get; init; }

    /// <summary>The provider's versions, oldest first; the last one is in use.</summary>
    public required IReadOnlyList<ProviderKeyVersion> Versions { get; init; }

    /// <summary>The organization's own keys, oldest first; the last one wraps what is written now.</summary>
    public required IReadOnlyList<OrganizationKey> OrganizationKeys { get; init; }
}

/// <summary>A version of the provider's key.</summary>
public sealed record ProviderKeyVersion
{
    /// <summary>Its number.</summary>
    public long Version { get; init; }

    /// <summary>Its id.</summary>
    public required string Id { get; init; }

    /// <summary>Since when it is there, where that is known.</summary>
    public DateTimeOffset? CreatedAt { get; init; }
}

/// <summary>A version of an organization's key.</summary>
public sealed record OrganizationKey
{
    /// <summary>Its number.</summary>
    public long Version { get; init; }

    /// <summary>Whose key wraps it.</summary>
    public required string Provider { get; init; }

    /// <summary>Which key of the provider.</summary>
    public required string KeyId { get; init; }

    /// <summary>Which version of that.</summary>
    public long ProviderVersion { get; init; }

    /// <summary>How often it has wrapped, counted in blocks and ahead of use.</summary>
    public long Wraps { get; init; }

    /// <summary>How many data keys it wraps now.</summary>
    public long DataKeys { get; init; }

    /// <summary>Since when it is there.</summary>
    public DateTimeOffset? CreatedAt { get; init; }

    /// <summary>Since when it wraps nothing any more; null: it does.</summary>
    public DateTimeOffset? UnusedSince { get; init; }
}

/// <summary>What one step of a rewrap did.</summary>
public sealed record RewrapStep
{
    /// <summary>The version to which data keys are moved.</summary>
    public long Version { get; init; }

    /// <summary>How many this step moved.</summary>
    public long Moved { get; init; }

    /// <summary>How many are still wrapped by older versions; 0: none.</summary>
    public long Remaining { get; init; }
}

/// <summary>A token that yields a secret once.</summary>
public sealed record WrappedSecret
{
    /// <summary>The token, shown this once; whoever has it, has the secret.</summary>
    public required string WrapToken { get; init; }

    /// <summary>How long it can be opened.</summary>
    public DateTimeOffset? ExpiresAt { get; init; }

    /// <summary>The secret's path.</summary>
    public string? Path { get; init; }

    /// <summary>Its environment.</summary>
    public string? Environment { get; init; }

    /// <summary>The version that is wrapped.</summary>
    public long Version { get; init; }

    /// <summary>Never the token.</summary>
    public override string ToString() => $"wrap of secret {Path}, version {Version}, until {ExpiresAt:u}";
}

/// <summary>Where a value was once.</summary>
public sealed record SecretSearch
{
    /// <summary>Whether it ever was anywhere.</summary>
    public bool Found { get; init; }

    /// <summary>Where, the newest first, up to 100.</summary>
    public required IReadOnlyList<FoundSecret> Items { get; init; }

    /// <summary>Whether there are more.</summary>
    public bool More { get; init; }
}

/// <summary>A version of a secret that had a value.</summary>
public sealed record FoundSecret
{
    /// <summary>The path.</summary>
    public required string Path { get; init; }

    /// <summary>The environment.</summary>
    public string? Environment { get; init; }

    /// <summary>The version that brought the value.</summary>
    public long Version { get; init; }

    /// <summary>When.</summary>
    public DateTimeOffset? CreatedAt { get; init; }

    /// <summary>Whether it was destroyed since.</summary>
    public bool Destroyed { get; init; }
}

/// <summary>Where values lie.</summary>
public sealed record SecretStore
{
    /// <summary>Where new values go: <c>database</c> or <c>vault-kv</c>.</summary>
    public required string Store { get; init; }

    /// <summary>Values that lie in the database.</summary>
    public long Database { get; init; }

    /// <summary>Values that lie in Vault.</summary>
    public long VaultKv { get; init; }

    /// <summary>Copies in Vault that are to be hidden, shown or ended, as the journal says.</summary>
    public long Pending { get; init; }
}

/// <summary>What one step of a move between stores did.</summary>
public sealed record SecretMoveStep
{
    /// <summary>The store to which values are moved.</summary>
    public required string To { get; init; }

    /// <summary>How many this step moved.</summary>
    public long Moved { get; init; }

    /// <summary>How many still lie in the other store.</summary>
    public long Remaining { get; init; }

    /// <summary>Values that stayed where they are, and why; up to 20 of a step.</summary>
    public required IReadOnlyList<SkippedSecret> Skipped { get; init; }

    /// <summary>Where the next step goes on; null: this one saw the last value.</summary>
    public string? Next { get; init; }
}

/// <summary>A value that a move left where it is.</summary>
public sealed record SkippedSecret
{
    /// <summary>The path.</summary>
    public required string Path { get; init; }

    /// <summary>The environment.</summary>
    public string? Environment { get; init; }

    /// <summary>The version that brought the value.</summary>
    public long Version { get; init; }

    /// <summary>Why it stayed.</summary>
    public string? Reason { get; init; }
}

internal sealed record MoveBody(string To, int? Limit, string? After);

internal sealed record WrapBody(long? Version, long? TtlSeconds);

internal sealed record UnwrapBody(string WrapToken);

internal sealed record ReasonBody(string? ChangeLog);

internal sealed record DestroyBody(IReadOnlyList<long>? Versions, string? ChangeLog);

internal sealed record RewrapBody(int? Limit);

internal sealed record RetireBody(long Version);
