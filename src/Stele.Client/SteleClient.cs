using System.Runtime.CompilerServices;
using System.Text.Json;

namespace Stele.Client;

/// <summary>
/// Stele over HTTP. Safe for use by many callers at once; make one and keep it. Every method throws
/// <see cref="SteleException"/> on refusal or without an answer, and retries what may be retried: writes carry an
/// idempotency key that all attempts share. <c>environment</c> null is the token's own, else the org's default.
/// </summary>
public sealed partial class SteleClient : IDisposable
{
    readonly HttpClient http;
    readonly SteleTransport transport;
    readonly SteleClientOptions options;

    /// <summary>A client with connections of its own.</summary>
    public SteleClient(SteleClientOptions options)
        : this(options, new SocketsHttpHandler
        {
            ConnectTimeout = TimeSpan.FromSeconds(5),
            PooledConnectionLifetime = TimeSpan.FromMinutes(5), // so that a name that moves is looked up again
            AllowAutoRedirect = false, // a token is for the server it was given for
            UseCookies = false, // a session is given, as a token is
            UseProxy = !options.Url.IsLoopback,
        })
    {
    }

    /// <summary>A client over a handler of the caller's, which it disposes of.</summary>
    public SteleClient(SteleClientOptions options, HttpMessageHandler handler)
    {
        ArgumentNullException.ThrowIfNull(options);
        this.options = options;
        http = new HttpClient(handler, disposeHandler: true) { Timeout = Timeout.InfiniteTimeSpan };
        if (options.Name is { Length: > 0 } name) http.DefaultRequestHeaders.UserAgent.ParseAdd(string.Concat(name.Select(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-' ? c : '_')));
        http.DefaultRequestHeaders.UserAgent.ParseAdd($"stele-client/{typeof(SteleClient).Assembly.GetName().Version?.ToString(3)}");
        transport = new SteleTransport(http, options, Random.Shared.NextDouble);
        Flags = new SteleFlags(options.Clock);
    }

    /// <summary>Reads a value; <c>not_found</c> if there is none, or it is deleted.</summary>
    public Task<ConfigItem> GetConfigAsync(string key, ConfigRead read, CancellationToken cancellationToken) =>
        transport.Get(ConfigPath(key, "", read.Environment)
            .With("consistency", read.Consistency)
            .With("max_staleness", read.StalenessMax is { } age ? FormattableString.Invariant($"{age.TotalMilliseconds:0}ms") : null)
            .With("version", read.Version).With("revision", read.Revision).With("at", read.At).ToString(), SteleJson.Default.ConfigItem, cancellationToken);

    /// <summary>Writes a value as the key's next version.</summary>
    public Task<ConfigItem> SetConfigAsync(string key, string? environment, ConfigSet set, CancellationToken cancellationToken) =>
        transport.Write(HttpMethod.Put, ConfigPath(key, "", environment).ToString(), set, SteleJson.Default.ConfigSet, SteleJson.Default.ConfigItem, cancellationToken);

    /// <summary>Deletes a value, which is a version of its own; only at <paramref name="expectedVersion"/> unless that is null.</summary>
    public Task<ConfigDeleted> DeleteConfigAsync(string key, string? environment, long? expectedVersion, CancellationToken cancellationToken) =>
        transport.Call(HttpMethod.Delete, ConfigPath(key, "", environment).With("expected_version", expectedVersion).ToString(), null, SteleJson.Default.ConfigDeleted, cancellationToken);

    /// <summary>One page of values.</summary>
    public Task<ConfigPage> ListConfigAsync(ConfigList list, CancellationToken cancellationToken) => transport.Get(PathOf(list), SteleJson.Default.ConfigPage, cancellationToken);

    internal Task<(ConfigPage Page, string? Place)> ListConfigAt(ConfigList list, CancellationToken cancellation) => transport.GetAt(PathOf(list), SteleJson.Default.ConfigPage, cancellation);

    static string PathOf(ConfigList list) => new QueryText("/v1/config").With("env", list.Environment).With("prefix", list.Prefix)
        .With("keys_only", list.KeysOnly ? "true" : null).With("limit", list.Limit).With("cursor", list.Cursor)
        .With("revision", list.Revision).With("at", list.At).ToString();

    /// <summary>All values, page by page as they are taken, all of one revision.</summary>
    public async IAsyncEnumerable<ConfigItem> ListAllConfigAsync(ConfigList list, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        for (var page = await ListConfigAsync(list, cancellationToken); ; page = await ListConfigAsync(list with { Cursor = page.NextCursor }, cancellationToken))
        {
            foreach (var item in page.Items) yield return item;
            if (page.NextCursor is null) yield break;
        }
    }

    /// <summary>One page of a key's versions, newest first.</summary>
    public Task<ConfigHistory> GetConfigHistoryAsync(string key, string? environment, int? limit, string? cursor, CancellationToken cancellationToken) =>
        transport.Get(ConfigPath(key, "/history", environment).With("limit", limit).With("cursor", cursor).ToString(), SteleJson.Default.ConfigHistory, cancellationToken);

    /// <summary>Writes an old value as a new version.</summary>
    public Task<ConfigItem> RollbackConfigAsync(string key, string? environment, ConfigRollback rollback, CancellationToken cancellationToken) =>
        transport.Write(HttpMethod.Post, ConfigPath(key, "/rollback", environment).ToString(), rollback, SteleJson.Default.ConfigRollback, SteleJson.Default.ConfigItem, cancellationToken);

    /// <summary>Applies changes, all or none, as one revision.</summary>
    public Task<ChangeSetResult> ApplyChangesAsync(string? environment, ChangeSet changes, CancellationToken cancellationToken) => ApplyChangesAsync(environment, changes, dryRun: false, cancellationToken);

    /// <summary>The same; with <paramref name="dryRun"/> nothing is written, and the answer is what would be, or why not.</summary>
    public Task<ChangeSetResult> ApplyChangesAsync(string? environment, ChangeSet changes, bool dryRun, CancellationToken cancellationToken) =>
        transport.Write(HttpMethod.Post, new QueryText("/v1/changes").With("env", environment).With("dry_run", dryRun ? "true" : null).ToString(), changes, SteleJson.Default.ChangeSet, SteleJson.Default.ChangeSetResult, cancellationToken);

    /// <summary>
    /// The same, answered when everybody who watches what it changed has applied or refused it, or the time is over: <see cref="ChangeSetResult.Convergence"/>
    /// tells. The write stands in any case.
    /// </summary>
    public Task<ChangeSetResult> ApplyChangesAsync(string? environment, ChangeSet changes, ChangeWait wait, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(wait);
        var path = new QueryText("/v1/changes").With("env", environment).With("wait_for", "subscribers").With("timeout", FormattableString.Invariant($"{wait.Timeout.TotalMilliseconds:0}ms")).With("min_subscribers", wait.SubscribersMin).ToString();
        return transport.Write(HttpMethod.Post, path, changes, SteleJson.Default.ChangeSet, SteleJson.Default.ChangeSetResult, cancellationToken, wait.Timeout);
    }

    /// <summary>Puts everything under a prefix back as it was at a revision, as one new revision.</summary>
    public Task<ChangeSetResult> RollbackAsync(string? environment, Rollback rollback, CancellationToken cancellationToken) =>
        transport.Write(HttpMethod.Post, new QueryText("/v1/rollback").With("env", environment).ToString(), rollback, SteleJson.Default.Rollback, SteleJson.Default.ChangeSetResult, cancellationToken);

    /// <summary>One page of what differs between two states.</summary>
    public Task<Difference> DiffAsync(DifferenceRead read, CancellationToken cancellationToken) =>
        transport.Get(new QueryText("/v1/diff").With("from", read.From).With("to", read.To).With("prefix", read.Prefix)
            .With("limit", read.Limit).With("cursor", read.Cursor).ToString(), SteleJson.Default.Difference, cancellationToken);

    /// <summary>The org's environments, up to a thousand.</summary>
    public Task<EnvironmentList> ListEnvironmentsAsync(CancellationToken cancellationToken) =>
        transport.Get("/v1/environments?limit=1000", SteleJson.Default.EnvironmentList, cancellationToken);

    /// <summary>An environment.</summary>
    public Task<EnvironmentItem> GetEnvironmentAsync(string name, CancellationToken cancellationToken) => transport.Get(EnvironmentPath(name).ToString(), SteleJson.Default.EnvironmentItem, cancellationToken);

    /// <summary>Makes an environment.</summary>
    public Task<EnvironmentItem> CreateEnvironmentAsync(string name, string? description, CancellationToken cancellationToken) =>
        transport.Write(HttpMethod.Post, "/v1/environments", new NewEnvironment(name, description), SteleJson.Default.NewEnvironment, SteleJson.Default.EnvironmentItem, cancellationToken);

    /// <summary>Says anew what an environment is for; null: nothing.</summary>
    public Task<EnvironmentItem> DescribeEnvironmentAsync(string name, string? description, CancellationToken cancellationToken) =>
        transport.Write(HttpMethod.Patch, EnvironmentPath(name).ToString(), new EnvironmentDescription(description), SteleJson.Default.EnvironmentDescription, SteleJson.Default.EnvironmentItem, cancellationToken);

    /// <summary>Puts the environments in an order, which names all of them.</summary>
    public Task<EnvironmentList> ReorderEnvironmentsAsync(IReadOnlyList<string> order, CancellationToken cancellationToken) =>
        transport.Write(HttpMethod.Post, "/v1/environments/reorder", new EnvironmentOrder(order), SteleJson.Default.EnvironmentOrder, SteleJson.Default.EnvironmentList, cancellationToken);

    /// <summary>Deletes an environment with its keys; one that has any only if <paramref name="confirm"/> is its name. History stays.</summary>
    public Task<EnvironmentDeleted> DeleteEnvironmentAsync(string name, string? confirm, string? changeLog, CancellationToken cancellationToken) =>
        transport.Call(HttpMethod.Delete, EnvironmentPath(name).With("confirm", confirm).With("change_log", changeLog).ToString(), null, SteleJson.Default.EnvironmentDeleted, cancellationToken);

    /// <summary>Makes an organization; only with a root token.</summary>
    public Task<OrgItem> CreateOrgAsync(NewOrg org, CancellationToken cancellationToken) =>
        transport.Write(HttpMethod.Post, "/v1/orgs", org, SteleJson.Default.NewOrg, SteleJson.Default.OrgItem, cancellationToken);

    /// <summary>One page of organizations: all with a root token, else the own one.</summary>
    public Task<OrgPage> ListOrgsAsync(bool archived, int? limit, string? cursor, CancellationToken cancellationToken) =>
        transport.Get(new QueryText("/v1/orgs").With("archived", archived ? "true" : null).With("limit", limit).With("cursor", cursor).ToString(), SteleJson.Default.OrgPage, cancellationToken);

    /// <summary>An organization, by a name that it has or had.</summary>
    public Task<OrgItem> GetOrgAsync(string name, CancellationToken cancellationToken) => transport.Get(OrgPath(name, ""), SteleJson.Default.OrgItem, cancellationToken);

    /// <summary>Gives an organization another name; the old one still leads to it.</summary>
    public Task<OrgItem> RenameOrgAsync(string name, string newName, string? changeLog, CancellationToken cancellationToken) =>
        transport.Write(HttpMethod.Patch, OrgPath(name, ""), new OrgChange(newName, changeLog), SteleJson.Default.OrgChange, SteleJson.Default.OrgItem, cancellationToken);

    /// <summary>Closes an organization: it answers <c>gone</c> until it is opened again.</summary>
    public Task<OrgItem> ArchiveOrgAsync(string name, string? changeLog, CancellationToken cancellationToken) =>
        transport.Write(HttpMethod.Post, OrgPath(name, "/archive"), new OrgChange(null, changeLog), SteleJson.Default.OrgChange, SteleJson.Default.OrgItem, cancellationToken);

    /// <summary>Opens an archived organization again; only with a root token.</summary>
    public Task<OrgItem> UnarchiveOrgAsync(string name, string? changeLog, CancellationToken cancellationToken) =>
        transport.Write(HttpMethod.Post, OrgPath(name, "/unarchive"), new OrgChange(null, changeLog), SteleJson.Default.OrgChange, SteleJson.Default.OrgItem, cancellationToken);

    /// <summary>The org's settings.</summary>
    public Task<OrgSettings> GetSettingsAsync(CancellationToken cancellationToken) => transport.Get("/v1/settings", SteleJson.Default.OrgSettings, cancellationToken);

    /// <summary>Changes settings.</summary>
    public Task<OrgSettings> ChangeSettingsAsync(OrgSettingsChange change, CancellationToken cancellationToken) =>
        transport.Write(HttpMethod.Patch, "/v1/settings", change, SteleJson.Default.OrgSettingsChange, SteleJson.Default.OrgSettings, cancellationToken);

    /// <summary>One page of the journal, oldest first.</summary>
    public Task<EventPage> ListEventsAsync(EventRead read, CancellationToken cancellationToken) =>
        transport.Get(new QueryText("/v1/events").With("after_revision", read.AfterRevision).With("limit", read.Limit).With("cursor", read.Cursor).ToString(), SteleJson.Default.EventPage, cancellationToken);

    /// <summary>One page of journal and audit log as one: who did what, and who was refused.</summary>
    public Task<AuditPage> ListAuditAsync(AuditRead read, CancellationToken cancellationToken) =>
        transport.Get(AuditPath(read).With("limit", read.Limit).With("cursor", read.Cursor).ToString(), SteleJson.Default.AuditPage, cancellationToken);

    /// <summary>All of journal and audit log that fits, of any length, given to <paramref name="take"/> as it comes; limit and cursor are not read. <c>unreachable</c> when it breaks off.</summary>
    /// <param name="read">What.</param>
    /// <param name="format"><c>jsonl</c> or <c>csv</c>.</param>
    /// <param name="take">Reads the stream to its end.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public Task ExportAuditAsync(AuditRead read, string format, Func<Stream, Task> take, CancellationToken cancellationToken) =>
        transport.Download(AuditPath(read).With("format", format).ToString(), take, cancellationToken);

    /// <summary>One page of what the org used, by UTC day, newest first; both days are included, and null: the last 30.</summary>
    public Task<UsagePage> ListUsageAsync(DateOnly? from, DateOnly? to, string? cursor, CancellationToken cancellationToken) =>
        transport.Get(new QueryText("/v1/usage").With("from", Day(from)).With("to", Day(to)).With("limit", 1_000).With("cursor", cursor).ToString(), SteleJson.Default.UsagePage, cancellationToken);

    /// <summary>One page of how many changes there were, by UTC day, environment and actor; both days are included, and null: the last 30.</summary>
    public Task<ChangeCountPage> CountChangesAsync(DateOnly? from, DateOnly? to, string? environment, string? cursor, CancellationToken cancellationToken) =>
        transport.Get(new QueryText("/v1/stats/changes").With("from", Day(from)).With("to", Day(to)).With("env", environment).With("limit", 1_000).With("cursor", cursor).ToString(), SteleJson.Default.ChangeCountPage, cancellationToken);

    /// <summary>Whether the node can serve strong reads, or local ones; <c>unavailable</c> if it cannot. Needs no token.</summary>
    public Task<NodeHealth> GetReadinessAsync(bool local, CancellationToken cancellationToken) => transport.Get(local ? "/readyz?consistency=local" : "/readyz", SteleJson.Default.NodeHealth, cancellationToken);

    /// <summary>Whether the process answers. Needs no token.</summary>
    public Task<NodeHealth> GetHealthAsync(CancellationToken cancellationToken) => transport.Get("/healthz", SteleJson.Default.NodeHealth, cancellationToken);

    /// <summary>The node's metrics in Prometheus' text format, given to <paramref name="take"/>.</summary>
    public Task GetMetricsAsync(Func<Stream, Task> take, CancellationToken cancellationToken) => transport.Download("/metrics", take, cancellationToken);

    /// <summary>The description of the server's API, OpenAPI 3.1, given to <paramref name="take"/>.</summary>
    public Task GetOpenApiAsync(Func<Stream, Task> take, CancellationToken cancellationToken) => transport.Download("/openapi/v1.json", take, cancellationToken);

    /// <summary>How the node is; its members may grow.</summary>
    public Task<JsonElement> GetStatusAsync(CancellationToken cancellationToken) => transport.Get("/v1/status", SteleJson.Default.JsonElement, cancellationToken);

    /// <summary>The limits in force.</summary>
    public Task<LimitList> ListLimitsAsync(CancellationToken cancellationToken) => transport.Get("/v1/limits", SteleJson.Default.LimitList, cancellationToken);

    /// <summary>Whether the server takes writes.</summary>
    public Task<WriteMode> GetWriteModeAsync(CancellationToken cancellationToken) => transport.Get(ReadOnlyPath, SteleJson.Default.WriteMode, cancellationToken);

    /// <summary>Has all nodes take no writes, or take them again; for the root token only. The reason is what whoever writes is told.</summary>
    public Task<WriteMode> SetReadOnlyAsync(bool readOnly, string? reason, CancellationToken cancellationToken) =>
        transport.Write(HttpMethod.Post, ReadOnlyPath, new WriteModeSwitch(readOnly, reason), SteleJson.Default.WriteModeSwitch, SteleJson.Default.WriteMode, cancellationToken);

    const string ReadOnlyPath = "/v1/operations/read-only";

    /// <summary>Checks a value against a JSON Schema of draft 2020-12; nothing is written. <c>invalid</c> if the schema is none.</summary>
    public Task<SchemaVerdict> ValidateSchemaAsync(JsonElement schema, JsonElement value, CancellationToken cancellationToken) =>
        transport.Write(HttpMethod.Post, "/v1/schema/validate", new SchemaDryRun(schema, value), SteleJson.Default.SchemaDryRun, SteleJson.Default.SchemaVerdict, cancellationToken);

    /// <summary>One page of the stored values that a schema would refuse; nothing is written.</summary>
    public Task<SchemaCheckPage> CheckSchemaAsync(SchemaCheck check, CancellationToken cancellationToken) =>
        transport.Write(HttpMethod.Post, new QueryText("/v1/config/schema-check").With("env", check.Environment).With("prefix", check.Prefix).With("limit", check.Limit).With("cursor", check.Cursor).ToString(),
            new SchemaBody(check.Schema), SteleJson.Default.SchemaBody, SteleJson.Default.SchemaCheckPage, cancellationToken);

    /// <summary>Closes the connections. Of a client that follows: <see cref="DisposeAsync"/>.</summary>
    public void Dispose()
    {
        if (followers.Count == 0) http.Dispose();
        else DisposeAsync().AsTask().GetAwaiter().GetResult();
    }

    static string? Day(DateOnly? day) => day?.ToString("yyyy-MM-dd", System.Globalization.CultureInfo.InvariantCulture);

    static QueryText AuditPath(AuditRead read) => new QueryText("/v1/audit").With("actor", read.Actor).With("action", read.Action).With("target", read.Target)
        .With("env", read.Environment).With("outcome", read.Outcome).With("log", read.Log).With("from", read.From).With("to", read.To)
        .With("order", read.OldestFirst is { } oldest ? oldest ? "oldest" : "newest" : null).With("scope", read.Installation ? "installation" : null);

    static QueryText EnvironmentPath(string name) => new($"/v1/environments/{Uri.EscapeDataString(name)}");

    static string OrgPath(string name, string below) => $"/v1/orgs/{Uri.EscapeDataString(name)}{below}";

    static QueryText ConfigPath(string key, string below, string? environment) => new QueryText($"/v1/config/{Uri.EscapeDataString(key)}{below}").With("env", environment);
}
