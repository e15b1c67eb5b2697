using System.Data;
using Npgsql;
using Stele.Core.Access;
using Stele.Core.Collections;
using Stele.Core.Configs;
using Stele.Core.Journal;
using Stele.Core.Limits;
using Stele.Core.Orgs;
using Stele.Core.Secrets;
using Stele.Server.Access;
using Stele.Server.Configs;
using Stele.Server.Flags;
using Stele.Server.Orgs;
using Stele.Server.Outbound.Webhooks;
using Stele.Server.Secrets;

namespace Stele.Server.Journal;

/// <summary>Loading: the whole state of an org from its tables, or as much of it as one key needs, in one snapshot with the head.</summary>
internal sealed partial class PostgresJournalStore
{
    public Task<LoadedState> Load(OrgId org, long bytesMax, CancellationToken cancellation) => Read("load", () =>
        InSnapshot(org, null, PostgresParameters.Command(LoadConfigurationSql, org.Value, (int)SteleLimits.InlineValueBytes.Value), bytesMax, timeoutSeconds: 0, Volatile.Read(ref replaced).Token));

    // in the order of the primary key. A large value is hashed where it is, and does not travel
    const string LoadConfigurationSql = """
        SELECT environment, key, CASE WHEN octet_length(value) <= $2 THEN value END, value_type, version, revision, updated_at, updated_by, change_log, created_at, id,
               octet_length(value), CASE WHEN octet_length(value) > $2 THEN sha256(convert_to(value, 'UTF8')) END, schema_definition
        FROM stele.configuration WHERE org_id = $1 ORDER BY environment, key
        """;

    public async Task<OrgState?> LoadKey(OrgId org, Principal principal, string? environment, string key, CancellationToken cancellation) => (await Read("load_key", () =>
        InSnapshot(org, principal, PostgresParameters.Command(LoadKeySql, org.Value, (int)SteleLimits.InlineValueBytes.Value, environment ?? "", key), long.MaxValue, SecondsForRead, cancellation))).State;

    const string LoadKeySql = """
        SELECT environment, key, CASE WHEN octet_length(value) <= $2 THEN value END, value_type, version, revision, updated_at, updated_by, change_log, created_at, id,
               octet_length(value), CASE WHEN octet_length(value) > $2 THEN sha256(convert_to(value, 'UTF8')) END, schema_definition
        FROM stele.configuration
        WHERE org_id = $1 AND environment = coalesce(nullif($3, ''), (SELECT s.default_environment FROM stele.org_setting s WHERE s.org_id = $1)) AND key = $4
        """;

    async Task<LoadedState> InSnapshot(OrgId org, Principal? principal, NpgsqlBatchCommand configurations, long bytesMax, int timeoutSeconds, CancellationToken cancellation)
    {
        await using var connection = await Open(app, cancellation);
        await using var transaction = await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, cancellation);
        await using var batch = InOrg(connection, org, timeoutSeconds);
        foreach (var sql in (string[])[LoadHeadSql, LoadOrgSql, LoadEnvironmentsSql])
            batch.BatchCommands.Add(PostgresParameters.Command(sql, org.Value));
        AccessQueries.Load(batch, org, principal);
        WebhookProjection.Load(batch, org);
        batch.BatchCommands.Add(FlagQueries.Load(org, all: principal is null));
        batch.BatchCommands.Add(SecretQueries.Load(org, all: principal is null));
        batch.BatchCommands.Add(configurations);
        await using var reader = await batch.ExecuteReaderAsync(cancellation);
        await reader.NextResultAsync(cancellation);
        if (!await reader.ReadAsync(cancellation)) return new LoadedState(null, 0);
        var head = ReadHead(reader);
        // the last revision's row may be archived, and then it was not today
        var today = reader.IsDBNull(7) ? default : default(WriteDay).After(Timestamp.From(reader.GetDateTime(7)), reader.GetInt64(8) + 1);
        await reader.NextResultAsync(cancellation);
        var empty = new OrgState
        {
            Org = org, Incarnation = head.Incarnation, Fence = head.Fence, Format = head.Format, LastAt = head.LastAt,
            Place = new JournalPlace(head.Revision, head.Chain), Today = today,
        };
        if (await reader.ReadAsync(cancellation)) empty = ReadOrg(reader, empty);
        await reader.NextResultAsync(cancellation);
        var environments = new Dictionary<string, EnvironmentState>(StringComparer.Ordinal);
        var gone = new List<string>();
        while (await reader.ReadAsync(cancellation))
        {
            var environment = new EnvironmentState(reader.GetString(0), reader.IsDBNull(1) ? null : reader.GetString(1), reader.GetInt32(2), reader.GetInt32(5),
                Timestamp.From(reader.GetDateTime(3)), reader.GetInt64(4));
            environments.Add(environment.Name, environment);
            if (reader.GetBoolean(6)) gone.Add(environment.Name);
        }
        var access = await AccessQueries.Read(reader, cancellation);
        var webhooks = await WebhookProjection.Read(reader, cancellation);
        await reader.NextResultAsync(cancellation);
        var flags = await FlagQueries.Read(reader, environments, cancellation);
        await reader.NextResultAsync(cancellation);
        var secrets = await SecretQueries.Read(reader, environments, cancellation);
        await reader.NextResultAsync(cancellation);
        var bytes = access.MemoryBytes + flags + secrets + await ReadConfigurations(reader, environments, bytesMax, cancellation);
        if (bytes > bytesMax)
        {
            // the rest may be gigabytes, all of which closing the reader would read
            batch.Cancel();
            return new LoadedState(null, bytes);
        }
        var deleted = new List<EnvironmentState>(gone.Count);
        foreach (var name in gone)
            if (environments.Remove(name, out var environment)) deleted.Add(environment);
        return new LoadedState(empty with
        {
            Environments = SortedMap<EnvironmentState>.Empty.SetAll(environments.Values), DeletedEnvironments = SortedMap<EnvironmentState>.Empty.SetAll(deleted), Access = access, Webhooks = webhooks,
        }, bytes);
    }

    static OrgState ReadOrg(NpgsqlDataReader reader, OrgState empty) => empty with
    {
        Name = reader.GetString(0), Settings = new OrgSettings(reader.GetString(1), (string[])reader[4], OrgProjection.Limits(reader.GetString(5))),
        Version = reader.GetInt32(2), ArchivedAt = reader.IsDBNull(3) ? null : Timestamp.From(reader.GetDateTime(3)), FormerNames = (string[])reader[6],
        CreatedAt = Timestamp.From(reader.GetDateTime(7)),
    };

    const string LoadHeadSql = """
        SELECT h.org_id, h.incarnation, h.fence, h.revision, h.chain, h.last_at, h.format, r.at,
               CASE WHEN r.at IS NOT NULL THEN stele.revision_at($1, date_trunc('day', r.at, 'UTC') - interval '1 microsecond') END
        FROM stele.journal_head h LEFT JOIN stele.revision r ON r.org_id = h.org_id AND r.revision = h.revision WHERE h.org_id = $1
        """;

    const string LoadOrgSql = """
        SELECT o.name, s.default_environment, o.version, o.archived_at, s.protected_environments, s.limits::text,
               ARRAY(SELECT n.name FROM stele.org_name n WHERE n.org_id = $1 AND n.name <> o.name ORDER BY n.name), o.created_at
        FROM stele.org o JOIN stele.org_setting s ON s.org_id = o.org_id WHERE o.org_id = $1
        """;

    const string LoadEnvironmentsSql = """
        SELECT name, description, ordinal, created_at, revision, version, false FROM stele.environment WHERE org_id = $1
        UNION ALL SELECT name, NULL, 0, created_at, revision, version, true FROM stele.deleted_environment WHERE org_id = $1
        """;

    // environment after environment, each with its keys in order; ends early past the bound
    static async Task<long> ReadConfigurations(NpgsqlDataReader reader, Dictionary<string, EnvironmentState> environments, long bytesMax, CancellationToken cancellation)
    {
        long before = 0;
        LoadingEnvironment? loading = null;
        var texts = new SharedTexts();
        while (await reader.ReadAsync(cancellation))
        {
            var name = texts.Of(reader.GetString(0));
            if (loading?.Name != name)
            {
                before += Finish(loading, environments);
                loading = new LoadingEnvironment(name);
            }
            loading.Take(reader, texts);
            if (before + loading.Bytes > bytesMax) return before + loading.Bytes;
        }
        return before + Finish(loading, environments);
    }

    static long Finish(LoadingEnvironment? loading, Dictionary<string, EnvironmentState> environments) =>
        loading is null ? 0 : (environments[loading.Name] = loading.Finish(environments[loading.Name])).MemoryBytes - environments[loading.Name].Flags.MemoryBytes - environments[loading.Name].Secrets.MemoryBytes;

    /// <summary>An environment that is being loaded.</summary>
    sealed class LoadingEnvironment(string name)
    {
        readonly List<ConfigEntry> entries = [];
        readonly List<KeySchema> schemas = [];
        readonly List<SecretUse> uses = [];
        readonly Tombstones.Builder deleted = Tombstones.None.ToBuilder();
        long entryBytes, valueBytes, schemaBytes, useBytes, changedRevision;
        int deletedCount;

        public string Name => name;

        public long Bytes => entryBytes + schemaBytes + useBytes + (long)deletedCount * Tombstones.EachBytes;

        public void Take(NpgsqlDataReader reader, SharedTexts texts)
        {
            if (!ConfigValueTypes.TryParse(texts.Of(reader.GetString(3)), out var type)) throw new InvalidDataException("configuration.value_type is none");
            var (version, revision) = ((int)reader.GetInt64(4), reader.GetInt64(5));
            changedRevision = Math.Max(changedRevision, revision);
            if (reader.IsDBNull(11))
            {
                deleted.Add(reader.GetString(1), new Tombstone(version, revision, reader.GetInt64(10)));
                deletedCount++;
                return;
            }
            var large = reader.IsDBNull(2);
            var entry = new ConfigEntry(reader.GetString(1), large ? null : ConfigProjection.Value(reader.GetString(2), type), type, version, revision,
                Timestamp.From(reader.GetDateTime(6)), texts.Of(reader.GetString(7)), reader.IsDBNull(8) ? null : texts.Of(reader.GetString(8)),
                Timestamp.From(reader.GetDateTime(9)), reader.GetInt64(10));
            if (large) entry = entry with { Reference = ValueReference.Read((byte[])reader[12], reader.GetInt32(11)) };
            entries.Add(entry);
            entryBytes += entry.MemoryBytes;
            valueBytes += entry.ValueBytes;
            if (SecretUse.Of(entry) is { } use)
            {
                uses.Add(use);
                useBytes += use.MemoryBytes;
            }
            if (reader.IsDBNull(13)) return;
            schemas.Add(new KeySchema(entry.Key, texts.Schema(reader.GetString(13))));
            schemaBytes += schemas[^1].MemoryBytes;
        }

        public EnvironmentState Finish(EnvironmentState empty) => empty with
        {
            Configs = SortedMap<ConfigEntry>.FromSorted(entries),
            Deleted = deleted.ToTombstones(),
            ConfigBytes = entryBytes,
            ValueBytes = valueBytes,
            Schemas = SortedMap<KeySchema>.FromSorted(schemas),
            SchemaBytes = schemaBytes,
            SecretUses = SecretUse.Map(uses),
            SecretUseBytes = useBytes,
            ChangedRevision = Math.Max(empty.ChangedRevision, changedRevision),
        };
    }

    /// <summary>Texts of few kinds, such as actors and change logs, repeat in their thousands: one string for most that are equal.</summary>
    sealed class SharedTexts
    {
        const int Slots = 1 << 12;
        readonly string?[] slots = new string?[Slots];
        readonly Dictionary<string, ConfigSchema> schemas = new(StringComparer.Ordinal);

        /// <summary>Many keys may have one schema.</summary>
        public ConfigSchema Schema(string text)
        {
            if (!schemas.TryGetValue(text, out var schema)) schemas.Add(text, schema = ConfigSchema.Stored(System.Text.Encoding.UTF8.GetBytes(text)));
            return schema;
        }

        public string Of(string text)
        {
            ref var slot = ref slots[text.GetHashCode(StringComparison.Ordinal) & (Slots - 1)];
            if (slot != text) slot = text;
            return slot;
        }
    }
}
