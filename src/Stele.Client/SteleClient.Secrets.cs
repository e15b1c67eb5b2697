using System.Text.Encodings.Web;
using System.Text.Json;

namespace Stele.Client;

/// <summary>Secrets, and the keys by which they are encrypted.</summary>
public sealed partial class SteleClient
{
    // quotes and backslashes are all that JSON asks for: what has to be escaped is copied once more
    static readonly JsonWriterOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Reads a secret, which the server's audit log records; <c>not_found</c> if there is none, <c>gone</c> if it has expired or was destroyed. Dispose of it when it is used.</summary>
    public Task<SteleSecret> GetSecretAsync(string path, SecretRead read, CancellationToken cancellationToken) =>
        transport.GetSecret(SecretPath(path, "", read).ToString(), cancellationToken);

    /// <summary>What is known of a secret, without its value.</summary>
    public Task<SecretItem> GetSecretItemAsync(string path, SecretRead read, CancellationToken cancellationToken) =>
        transport.Get(SecretPath(path, "", read).With("value", "false").ToString(), SteleJson.Default.SecretItem, cancellationToken);

    /// <summary>Writes a value as the secret's next version.</summary>
    public async Task<SecretItem> SetSecretAsync(string path, string? environment, SecretWrite set, CancellationToken cancellationToken)
    {
        using var body = SecretBody(set);
        return await transport.WriteSecret(HttpMethod.Put, SecretPath(path, "", environment).ToString(), body, SteleJson.Default.SecretItem, cancellationToken);
    }

    /// <summary>Has the server make a value that nobody sees.</summary>
    public async Task<SecretItem> GenerateSecretAsync(string path, string? environment, SecretGenerate generate, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(generate);
        using var body = SecretBody(generate.Terms, writer =>
        {
            writer.WriteNumber("length"u8, generate.Length);
            if (generate.Alphabet is { } alphabet) writer.WriteString("alphabet"u8, alphabet);
        });
        return await transport.WriteSecret(HttpMethod.Post, SecretPath(path, "/generate", environment).ToString(), body, SteleJson.Default.SecretItem, cancellationToken);
    }

    /// <summary>One page of what is known of secrets.</summary>
    public Task<SecretPage> ListSecretsAsync(SecretList list, CancellationToken cancellationToken) => transport.Get(PathOf(list), SteleJson.Default.SecretPage, cancellationToken);

    internal Task<(SecretPage Page, string? Place)> ListSecretsAt(SecretList list, CancellationToken cancellation) => transport.GetAt(PathOf(list), SteleJson.Default.SecretPage, cancellation);

    static string PathOf(SecretList list) =>
        new QueryText("/v1/secrets").With("env", list.Environment).With("prefix", list.Prefix).With("status", list.Status).With("limit", list.Limit).With("cursor", list.Cursor).ToString();

    /// <summary>One page of a secret's versions, newest first.</summary>
    public Task<SecretHistory> GetSecretHistoryAsync(string path, string? environment, int? limit, string? cursor, CancellationToken cancellationToken) =>
        transport.Get(SecretPath(path, "/history", environment).With("limit", limit).With("cursor", cursor).ToString(), SteleJson.Default.SecretHistory, cancellationToken);

    /// <summary>Hides a secret, which is a version of its own; only at <paramref name="expectedVersion"/> unless that is null.</summary>
    public Task<SecretDeleted> DeleteSecretAsync(string path, string? environment, long? expectedVersion, string? changeLog, CancellationToken cancellationToken) =>
        transport.Call(HttpMethod.Delete, SecretPath(path, "", environment).With("expected_version", expectedVersion).With("change_log", changeLog).ToString(), null, SteleJson.Default.SecretDeleted, cancellationToken);

    /// <summary>Brings a deleted secret back with the value that it had, as one more version.</summary>
    public Task<SecretItem> UndeleteSecretAsync(string path, string? environment, string? changeLog, CancellationToken cancellationToken) =>
        transport.Write(HttpMethod.Post, SecretPath(path, "/undelete", environment).ToString(), new ReasonBody(changeLog), SteleJson.Default.ReasonBody, SteleJson.Default.SecretItem, cancellationToken);

    /// <summary>Destroys values for good: of these versions, or of all (null). Nothing brings them back.</summary>
    public Task<SecretDestroyed> DestroySecretAsync(string path, string? environment, IReadOnlyList<long>? versions, string? changeLog, CancellationToken cancellationToken) =>
        transport.Write(HttpMethod.Post, SecretPath(path, "/destroy", environment).ToString(), new DestroyBody(versions, changeLog), SteleJson.Default.DestroyBody, SteleJson.Default.SecretDestroyed, cancellationToken);

    /// <summary>Makes a token that yields a secret once, so that it can be handed on unseen.</summary>
    /// <param name="path">The secret.</param>
    /// <param name="environment">Its environment; null: the default one.</param>
    /// <param name="version">A version; null: the current one.</param>
    /// <param name="lifetime">How long it waits to be opened, in whole seconds up to a day; null: five minutes.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public Task<WrappedSecret> WrapSecretAsync(string path, string? environment, long? version, TimeSpan? lifetime, CancellationToken cancellationToken) =>
        transport.Write(HttpMethod.Post, SecretPath(path, "/wrap", environment).ToString(), new WrapBody(version, (long?)lifetime?.TotalSeconds), SteleJson.Default.WrapBody, SteleJson.Default.WrappedSecret, cancellationToken);

    /// <summary>Takes a wrapped secret out, once. Asked once: a second attempt is an alarm at the server. Dispose of it when it is used.</summary>
    public Task<SteleSecret> UnwrapSecretAsync(string wrapToken, CancellationToken cancellationToken) =>
        transport.Unwrap(JsonSerializer.SerializeToUtf8Bytes(new UnwrapBody(wrapToken), SteleJson.Default.UnwrapBody), cancellationToken);

    /// <summary>Whether a value ever was a secret here, and of which; for whoever may read the audit log. Only the value in <paramref name="value"/> is read.</summary>
    public async Task<SecretSearch> SearchSecretsAsync(SecretWrite value, CancellationToken cancellationToken)
    {
        using var body = SecretBody(value with { Terms = new SecretTerms() });
        return await transport.WriteSecret(HttpMethod.Post, "/v1/audit/secrets", body, SteleJson.Default.SecretSearch, cancellationToken);
    }

    /// <summary>The keys that there are, and what each is used for; for operators.</summary>
    public Task<KeyRing> GetKeysAsync(CancellationToken cancellationToken) => transport.Get("/v1/keys", SteleJson.Default.KeyRing, cancellationToken);

    /// <summary>Makes a new version of the key, which wraps from now on; for operators.</summary>
    public Task<KeyRing> RotateKeysAsync(CancellationToken cancellationToken) => transport.Call(HttpMethod.Post, "/v1/keys/rotate", null, SteleJson.Default.KeyRing, cancellationToken);

    /// <summary>Moves up to <paramref name="limit"/> data keys (null: 1,000; at most 10,000) to the newest version: call it until none remain. For operators.</summary>
    public Task<RewrapStep> RewrapKeysAsync(int? limit, CancellationToken cancellationToken) =>
        transport.Write(HttpMethod.Post, "/v1/keys/rewrap", new RewrapBody(limit), SteleJson.Default.RewrapBody, SteleJson.Default.RewrapStep, cancellationToken);

    /// <summary>Takes an old version of the provider's key away for good; refused while anything needs it. For operators.</summary>
    public Task<KeyRing> RetireKeyAsync(long version, CancellationToken cancellationToken) =>
        transport.Write(HttpMethod.Post, "/v1/keys/retire", new RetireBody(version), SteleJson.Default.RetireBody, SteleJson.Default.KeyRing, cancellationToken);

    /// <summary>Where new values go, and how many lie in each store; for operators.</summary>
    public Task<SecretStore> GetSecretStoreAsync(CancellationToken cancellationToken) => transport.Get("/v1/secret-store", SteleJson.Default.SecretStore, cancellationToken);

    /// <summary>Moves some values to the store that new ones go to: call it with <see cref="SecretMoveStep.Next"/> until there is none. For operators.</summary>
    /// <param name="to"><c>database</c> or <c>vault-kv</c>: where new values go; <c>conflict</c> if they go elsewhere.</param>
    /// <param name="limit">How many values it looks at, at most 1,000; null: 100.</param>
    /// <param name="after">What the step before gave; null: from the first on.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public Task<SecretMoveStep> MoveSecretsAsync(string to, int? limit, string? after, CancellationToken cancellationToken) =>
        transport.Write(HttpMethod.Post, "/v1/secret-store/move", new MoveBody(to, limit, after), SteleJson.Default.MoveBody, SteleJson.Default.SecretMoveStep, cancellationToken);

    static SecretBuffer SecretBody(SecretWrite set)
    {
        ArgumentNullException.ThrowIfNull(set);
        if (set.Text is null == set.Bytes is null) throw new ArgumentException("A secret has one of Text and Bytes.", nameof(set));
        return SecretBody(set.Terms, writer =>
        {
            if (set.Text is { } text) writer.WriteString("value"u8, text);
            else if (set.IsText) writer.WriteString("value"u8, set.Bytes!.Value.Span);
            else writer.WriteBase64String("value_base64"u8, set.Bytes!.Value.Span);
        });
    }

    static SecretBuffer SecretBody(SecretTerms terms, Action<Utf8JsonWriter> value)
    {
        var buffer = new SecretBuffer(1_024);
        using var writer = new Utf8JsonWriter(buffer, Plain);
        writer.WriteStartObject();
        value(writer);
        if (terms.ExpectedVersion is { } expected) writer.WriteNumber("expected_version"u8, expected);
        if (terms.ExpiresAt is { } end) writer.WriteString("expires_at"u8, QueryText.Time(end));
        if (terms.RotationDays is 0) writer.WriteNull("rotation_days"u8);
        else if (terms.RotationDays is { } days) writer.WriteNumber("rotation_days"u8, days);
        if (terms.ChangeLog is { } why) writer.WriteString("change_log"u8, why);
        if (terms.Metadata is { } metadata)
        {
            writer.WritePropertyName("metadata"u8);
            metadata.WriteTo(writer);
        }
        writer.WriteEndObject();
        return buffer;
    }

    static QueryText SecretPath(string path, string below, SecretRead read) => SecretPath(path, below, read.Environment).With("version", read.Version).With("consistency", read.Consistency)
        .With("max_staleness", read.StalenessMax is { } age ? FormattableString.Invariant($"{age.TotalMilliseconds:0}ms") : null);

    static QueryText SecretPath(string path, string below, string? environment) => new QueryText($"/v1/secrets/{Uri.EscapeDataString(path)}{below}").With("env", environment);
}
