namespace Stele.Core.Limits;

/// <summary>A named bound. Every bound in Stele is one of these, shown by <c>stele limits</c> and <c>GET /v1/limits</c>.</summary>
/// <param name="Name">Dotted, with the unit last, such as <c>value.bytes</c>.</param>
/// <param name="Default">Inclusive: this many pass, one more does not.</param>
/// <param name="Unit">What is counted.</param>
/// <param name="Meaning">A sentence: what is bounded, and what happens past it.</param>
/// <param name="Configurable">Whether an option (STELE_LIMIT_…) may change it.</param>
/// <param name="PerOrg">Whether an org may have its own value of it (settings.limits), which the operator gives.</param>
public sealed record Limit(string Name, long Default, string Unit, string Meaning, bool Configurable = false, bool PerOrg = false)
{
    /// <summary>The largest value that an option may give any limit: what one field of PostgreSQL's holds.</summary>
    public const long ValueMax = 1 << 30;

    /// <summary>The bound in force, inclusive: <see cref="Default"/> unless an option changed it.</summary>
    public long Value { get; private set; } = Default;

    /// <summary>
    /// Puts another value in force. Only at the start of a process, before anything is served: a limit is a constant of
    /// the process, so that pure code may read it. From 1 to <see cref="ValueMax"/>; throws outside, and for a limit that is not configurable.
    /// </summary>
    public void Configure(long value)
    {
        if (!Configurable) throw new InvalidOperationException($"limit {Name} is not configurable");
        ArgumentOutOfRangeException.ThrowIfLessThan(value, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(value, ValueMax);
        Value = value;
    }
}

/// <summary>The defaults of every limit that design section 6 names.</summary>
public static class SteleLimits
{
    /// <summary>Characters of a key.</summary>
    public static readonly Limit KeyCharacters = new("key.characters", 256, "characters", "a longer key is refused, rule key.length");
    /// <summary>Characters of a key's first segment.</summary>
    public static readonly Limit ServiceCharacters = new("service.characters", 50, "characters", "a longer first segment of a key is refused, rule key.service_length");
    /// <summary>Characters of an environment's name.</summary>
    public static readonly Limit EnvironmentCharacters = new("environment.characters", 50, "characters", "a longer environment name is refused, rule environment.name");
    /// <summary>Environments of an org.</summary>
    public static readonly Limit EnvironmentsPerOrg = new("environments.count", 100, "environments", "one more is refused, quota_exceeded", true, PerOrg: true);
    /// <summary>Names of environments that an org has had.</summary>
    public static readonly Limit EnvironmentNames = new("environments.names", 1_000, "names", "one more is refused, quota_exceeded: what is left of deleted ones takes memory", true);
    /// <summary>Characters of an org's name.</summary>
    public static readonly Limit OrgCharacters = new("org.characters", 50, "characters", "a longer name is refused, rule org.name");
    /// <summary>Names of orgs that a node remembers.</summary>
    public static readonly Limit DirectoryNames = new("directory.names", 20_000, "names", "those not asked for lately are looked up again", true);
    /// <summary>Names that an org has had, the current one included.</summary>
    public static readonly Limit OrgNames = new("org.names", 16, "names", "one more is refused, quota_exceeded: a name once had stays with its organization");
    /// <summary>Bytes of a value's canonical JSON text.</summary>
    public static readonly Limit ValueBytes = new("value.bytes", 8 << 20, "bytes", "a larger value is refused, too_large, rule value.bytes", true);
    /// <summary>Digits of a JSON number.</summary>
    public static readonly Limit NumberDigits = new("number.digits", 1_000, "digits", "a number with more is refused, rule number.digits");
    /// <summary>Absolute exponent of a JSON number.</summary>
    public static readonly Limit NumberExponent = new("number.exponent", 1_000, "", "a number whose exponent is further from zero is refused, rule number.exponent");
    /// <summary>Nesting of a JSON value.</summary>
    public static readonly Limit JsonDepth = new("json.depth", 64, "levels", "a deeper value is refused, rule json.depth", true);
    /// <summary>Problems that one body is told of.</summary>
    public static readonly Limit BodyProblems = new("body.problems", 32, "problems", "reading ends there; what lies behind is reported once these are mended");
    /// <summary>Characters of a change log.</summary>
    public static readonly Limit ChangeLogCharacters = new("change_log.characters", 4_096, "characters", "a longer one is refused, rule change_log.length");
    /// <summary>Changes of one change set.</summary>
    public static readonly Limit ChangeSetChanges = new("change_set.changes", 10_000, "changes", "one more is refused, too_large, rule changes.count", true);
    /// <summary>Bytes of a request body.</summary>
    public static readonly Limit ChangeSetBytes = new("change_set.bytes", 32 << 20, "bytes", "a larger body is refused, too_large, rule body.bytes", true);
    /// <summary>Commands that wait for one org on one node.</summary>
    public static readonly Limit QueueCommands = new("queue.commands", 4_096, "commands", "one more is refused, unavailable with Retry-After", true);
    /// <summary>How long a command may have to wait for its append.</summary>
    public static readonly Limit QueueWaitMilliseconds = new("queue.wait_ms", 2_000, "ms", "past the first sixteen, one that would wait longer, by what the last appends took, is refused, unavailable with Retry-After", true);
    /// <summary>Commands of one append.</summary>
    public static readonly Limit BatchCommands = new("batch.commands", 256, "commands", "the rest waits for the next append", true);
    /// <summary>Bytes of one append.</summary>
    public static readonly Limit BatchBytes = new("batch.bytes", 8 << 20, "bytes", "the rest waits for the next append; a single larger command goes alone", true);
    /// <summary>Time of one request.</summary>
    public static readonly Limit RequestSeconds = new("request.seconds", 10, "seconds", "unavailable, or outcome_unknown if a write was under way", true);
    /// <summary>Time to wait for a primary that does not answer.</summary>
    public static readonly Limit PrimaryWaitMilliseconds = new("primary.wait_ms", 1_500, "milliseconds", "a strong read or a write answers unavailable after it", true);
    /// <summary>How far a node's clock may be from the database's.</summary>
    public static readonly Limit ClockSkewMilliseconds = new("clock.skew_ms", 1_000, "milliseconds", "a node further off refuses to write", true);
    /// <summary>Items of a page.</summary>
    public static readonly Limit PageItems = new("page.items", 1_000, "items", "a larger limit is refused, rule limit.range; the default is 100");
    /// <summary>Bytes of a page.</summary>
    public static readonly Limit PageBytes = new("page.bytes", 32 << 20, "bytes", "a page whose values are larger ends early, and next_cursor goes on", true);
    /// <summary>Characters of an environment's description.</summary>
    public static readonly Limit DescriptionCharacters = new("description.characters", 1_024, "characters", "a longer one is refused, rule description.length");
    /// <summary>Characters of an idempotency key.</summary>
    public static readonly Limit IdempotencyKeyCharacters = new("idempotency_key.characters", 255, "characters", "a longer one is refused, rule idempotency_key.length");
    /// <summary>How long a committed outcome is kept for its idempotency key.</summary>
    public static readonly Limit IdempotencyHours = new("idempotency.hours", 24, "hours", "an older key may be used anew");
    /// <summary>Revisions kept in memory per org for those who follow.</summary>
    public static readonly Limit RingRevisions = new("ring.revisions", 1_024, "revisions", "older ones are read from PostgreSQL", true);
    /// <summary>Bytes of the revisions kept in memory per org for those who follow.</summary>
    public static readonly Limit RingBytes = new("ring.bytes", 16 << 20, "bytes", "older revisions are read from PostgreSQL", true);
    /// <summary>Bytes of the revisions that are read from the journal at a time.</summary>
    public static readonly Limit JournalPageBytes = new("journal.page_bytes", 8 << 20, "bytes", "those that follow are read after them; a single larger one is read alone", true);
    /// <summary>Bytes of a value that nodes keep in memory.</summary>
    public static readonly Limit InlineValueBytes = new("value.inline_bytes", 64 << 10, "bytes",
        "of a larger value nodes keep hash and size in memory, and read it from PostgreSQL", true);
    /// <summary>Bytes of large values that a node keeps after they were read.</summary>
    public static readonly Limit ValueCacheBytes = new("value.cache_bytes", 64 << 20, "bytes", "those read longest ago are read from PostgreSQL again", true);
    /// <summary>Mebibytes of state that a node keeps.</summary>
    public static readonly Limit StateMebibytes = new("state.mib", 1_024, "MiB",
        "organizations not in use leave memory, the longest unused first; one that alone is larger takes no more values, quota_exceeded", true);
    /// <summary>How long an org stays in memory unused.</summary>
    public static readonly Limit IdleSeconds = new("org.idle_seconds", 600, "seconds", "an organization that nobody asked for leaves memory, and is loaded again when it is used", true);
    /// <summary>Time that a graceful shutdown may take.</summary>
    public static readonly Limit ShutdownSeconds = new("shutdown.seconds", 10, "seconds", "what is still queued then is refused", true);
    /// <summary>Characters of an actor id.</summary>
    public static readonly Limit ActorCharacters = new("actor.characters", 255, "characters", "a longer id is refused");
    /// <summary>Hash partitions of each configuration table.</summary>
    public static readonly Limit Shards = new("shards.count", 128, "partitions", "stele shards --set refuses more: a statement that names no key locks every partition");
    /// <summary>Bytes of a schema's canonical JSON text.</summary>
    public static readonly Limit SchemaBytes = new("schema.bytes", 64 << 10, "bytes", "a larger schema is refused, too_large, rule schema.bytes", true);
    /// <summary>Work that one check of a value against a schema may be.</summary>
    public static readonly Limit SchemaSteps = new("schema.steps", 10_000_000, "steps", "a value whose check takes more is refused, schema_violation; a step is some 10 ns", true);
    /// <summary>How deep evaluations of subschemas may nest.</summary>
    public static readonly Limit SchemaLevels = new("schema.levels", 512, "levels", "a value whose check nests deeper is refused, schema_violation");
    /// <summary>How near to zero a multipleOf may be, as a power of ten.</summary>
    public static readonly Limit SchemaMultipleExponent = new("schema.multiple_exponent", 308, "", "a multipleOf below 10 to the minus this is refused, rule schema.multiple_of: where numbers are doubles it is zero");
    /// <summary>Characters of a regular expression in a schema.</summary>
    public static readonly Limit PatternCharacters = new("pattern.characters", 4_096, "characters", "a longer one is refused, rule schema.pattern");
    /// <summary>Instructions of a schema's regular expressions together, once their repetitions are written out.</summary>
    public static readonly Limit PatternInstructions = new("pattern.instructions", 10_000, "instructions", "a schema with more is refused, rule schema.pattern");
    /// <summary>Compiled schemas kept in memory.</summary>
    public static readonly Limit SchemaCacheBytes = new("schema.cache_bytes", 64 << 20, "bytes", "those used longest ago are compiled again when they are used");
    /// <summary>Time in which one request checks stored values against a schema.</summary>
    public static readonly Limit SchemaCheckMilliseconds = new("schema.check_ms", 1_000, "milliseconds", "the page ends there, and next_cursor goes on");
    /// <summary>Characters of a flag's name.</summary>
    public static readonly Limit FlagNameCharacters = new("flag.name_characters", 100, "characters", "a longer name is refused, rule flag.length");
    /// <summary>Bytes of a flag's canonical JSON text, and of a shared rule's.</summary>
    public static readonly Limit FlagBytes = new("flag.bytes", 256 << 10, "bytes", "a larger flag or shared rule is refused, rule flag.bytes", true);
    /// <summary>Flags and shared rules of an environment.</summary>
    public static readonly Limit FlagsPerEnvironment = new("flag.count", 10_000, "flags", "one more is refused, quota_exceeded", true);
    /// <summary>Variants of a flag.</summary>
    public static readonly Limit FlagVariants = new("flag.variants", 256, "variants", "a flag with more is refused, rule flag.variants");
    /// <summary>Entries of a flag's metadata, and of a set's.</summary>
    public static readonly Limit FlagMetadataEntries = new("flag.metadata_entries", 64, "entries", "a flag with more is refused, rule flag.metadata");
    /// <summary>Steps of a schedule.</summary>
    public static readonly Limit FlagScheduleSteps = new("flag.schedule_steps", 256, "steps", "a longer schedule is refused, rule flag.schedule");
    /// <summary>Work that one evaluation of a flag may be.</summary>
    public static readonly Limit FlagSteps = new("flag.steps", 100_000, "steps", "an evaluation that takes more answers GENERAL; a step is some 10 ns", true);
    /// <summary>How deep shared rules and prerequisites may nest.</summary>
    public static readonly Limit FlagLevels = new("flag.levels", 10, "levels", "a flag that nests deeper is refused, rule flag.levels");
    /// <summary>Bytes of an evaluation context.</summary>
    public static readonly Limit FlagContextBytes = new("flag.context_bytes", 1 << 20, "bytes", "a larger context is refused, INVALID_CONTEXT", true);
    /// <summary>Parts of a rule that an explanation shows.</summary>
    public static readonly Limit FlagTraceParts = new("flag.trace_parts", 1_000, "parts", "what is evaluated behind them is left out, and the explanation says so");
    /// <summary>For how many days it is known how flags were used.</summary>
    public static readonly Limit FlagUseDays = new("flag.use_days", 400, "days", "counts of days before that are deleted; last_evaluated_at goes with the last of them");
    /// <summary>Entries of audit logs that wait on one node.</summary>
    public static readonly Limit AuditQueueEntries = new("audit.queue_entries", 16_384, "entries", "one more is lost, counted and told by an entry audit.lost; what must be on record first is refused, unavailable", true);
    /// <summary>Entries of one org's audit log that wait on one node.</summary>
    public static readonly Limit AuditOrgEntries = new("audit.org_entries", 4_096, "entries", "as audit.queue_entries, so that no organization takes the room of the others", true);
    /// <summary>Entries of one batch.</summary>
    public static readonly Limit AuditBatchEntries = new("audit.batch_entries", 512, "entries", "the rest waits for the next batch");
    /// <summary>Kinds of repeated entries that are told apart per org, node and minute.</summary>
    public static readonly Limit AuditRepeatKinds = new("audit.repeat_kinds", 256, "kinds", "those beyond are counted together in one entry", true);
    /// <summary>Characters of a text in an entry.</summary>
    public static readonly Limit AuditTextCharacters = new("audit.text_characters", 512, "characters", "a longer text is cut, and a longer filter refused, rule filter.length");
    /// <summary>Windows of a thousand revisions or entries that one page looks through.</summary>
    public static readonly Limit AuditScanWindows = new("audit.scan_windows", 32, "windows", "a page that found too little by then ends early, and next_cursor goes on");
    /// <summary>How often a node writes usage.</summary>
    public static readonly Limit UsageFlushSeconds = new("usage.flush_seconds", 60, "seconds", "what was counted since is lost if the process is killed");
    /// <summary>Prefixes of one subscription.</summary>
    public static readonly Limit WatchPrefixes = new("watch.prefixes", 10_000, "prefixes", "a subscription with more is refused, rule prefixes.count");
    /// <summary>Subscriptions of one token, user or identity on one node.</summary>
    public static readonly Limit WatchSubscriptionsOfToken = new("watch.token_subscriptions", 20_000, "subscriptions", "one more on this node is refused, rate_limited; a WebSocket is closed with 4429", true);
    /// <summary>Subscriptions of one WebSocket.</summary>
    public static readonly Limit WatchSubscriptionsOfConnection = new("watch.connection_subscriptions", 100, "subscriptions", "one more is refused with an error message");
    /// <summary>Messages that may wait for one connection of a watcher.</summary>
    public static readonly Limit WatchBufferMessages = new("watch.buffer_messages", 1_024, "messages", "who falls further behind is cut off, too_slow, and resumes from his cursor", true);
    /// <summary>Bytes that may wait for one connection of a watcher.</summary>
    public static readonly Limit WatchBufferBytes = new("watch.buffer_bytes", 4 << 20, "bytes", "who falls further behind is cut off, too_slow, and resumes from his cursor; a single larger message waits alone", true);
    /// <summary>How long a watcher's connection may take nothing of what waits for it.</summary>
    public static readonly Limit WatchStallSeconds = new("watch.stall_seconds", 30, "seconds", "it is cut off, too_slow, and resumes from its cursor", true);
    /// <summary>How often a quiet stream says where it is.</summary>
    public static readonly Limit WatchHeartbeatSeconds = new("watch.heartbeat_seconds", 15, "seconds", "a stream that was silent for longer is broken");
    /// <summary>Bytes of one message of a WebSocket's client.</summary>
    public static readonly Limit WatchMessageBytes = new("watch.message_bytes", 4 << 20, "bytes", "the WebSocket is closed with 1009");
    /// <summary>Labels of one subscription.</summary>
    public static readonly Limit WatchLabels = new("watch.labels", 32, "labels", "a subscription with more is refused, rule labels.count");
    /// <summary>Characters of a label, of its name, of a client's name, of a reason to reject.</summary>
    public static readonly Limit WatchTextCharacters = new("watch.text_characters", 256, "characters", "a longer one is refused");
    /// <summary>How long one request may wait for a change, or for its convergence.</summary>
    public static readonly Limit WatchWaitSeconds = new("watch.wait_seconds", 60, "seconds", "a longer wait or timeout is refused, rule wait.range", true);

    /// <summary>Characters of the name of a user, a service account or a token.</summary>
    public static readonly Limit NameCharacters = new("name.characters", 100, "characters", "a longer name of a user, service account or token is refused, rule name.length");
    /// <summary>Characters of an email address.</summary>
    public static readonly Limit EmailCharacters = new("email.characters", 254, "characters", "a longer address is refused, rule email.length");
    /// <summary>The fewest characters of a password.</summary>
    public static readonly Limit PasswordCharactersMin = new("password.characters_min", 12, "characters", "a shorter password is refused, rule password.length", true);
    /// <summary>The most characters of a password.</summary>
    public static readonly Limit PasswordCharactersMax = new("password.characters", 256, "characters", "a longer password is refused, rule password.length");
    /// <summary>Users of an org.</summary>
    public static readonly Limit UsersPerOrg = new("users.count", 10_000, "users", "one more is refused, quota_exceeded", true);
    /// <summary>Service accounts of an org.</summary>
    public static readonly Limit ServiceAccountsPerOrg = new("service_accounts.count", 10_000, "service accounts", "one more is refused, quota_exceeded", true);
    /// <summary>Tokens of an org.</summary>
    public static readonly Limit TokensPerOrg = new("tokens.count", 20_000, "tokens", "one more is refused, quota_exceeded; those that ended a day ago are cleared away as others are made", true);
    /// <summary>Custom roles of an org.</summary>
    public static readonly Limit RolesPerOrg = new("roles.count", 1_000, "roles", "one more is refused, quota_exceeded", true);
    /// <summary>Roles that one user or service account has.</summary>
    public static readonly Limit RolesPerMember = new("member.roles", 32, "roles", "more are refused, rule roles.count");
    /// <summary>Grants of a role, denies of a role, scopes of a token.</summary>
    public static readonly Limit GrantsPerRole = new("role.grants", 200, "grants", "a role with more grants, or more denies, or a token with more scopes is refused, rule grants.count");
    /// <summary>Tokens and sessions that a node keeps in mind.</summary>
    public static readonly Limit KnownTokens = new("tokens.known", 50_000, "tokens", "those used longest ago are looked for in PostgreSQL again", true);
    /// <summary>How long access rights are trusted unconfirmed.</summary>
    public static readonly Limit AccessUnconfirmedSeconds = new("access.unconfirmed_seconds", 300, "seconds", "while the primary is away for longer, a node refuses local reads by tokens and sessions, unavailable", true);
    /// <summary>Wrong passwords in a row.</summary>
    public static readonly Limit SignInFailures = new("sign_in.failures", 5, "attempts", "after so many a user is locked out for a minute, then for twice as long each time, up to 15 minutes", true);
    /// <summary>How long a session lasts without use.</summary>
    public static readonly Limit SessionIdleMinutes = new("session.idle_minutes", 60, "minutes", "a session not used for so long has ended", true);
    /// <summary>How long a session lasts at most.</summary>
    public static readonly Limit SessionHours = new("session.hours", 12, "hours", "a session that began so long ago has ended", true);

    /// <summary>All of them, in the order in which <c>stele limits</c> shows them.</summary>
    public static IReadOnlyList<Limit> All { get; } =
    [
        KeyCharacters, ServiceCharacters, EnvironmentCharacters, EnvironmentsPerOrg, EnvironmentNames, OrgCharacters, OrgNames, DirectoryNames, ValueBytes, NumberDigits, NumberExponent, JsonDepth,
        BodyProblems, ChangeLogCharacters, ChangeSetChanges, ChangeSetBytes, QueueCommands, QueueWaitMilliseconds, BatchCommands, BatchBytes, RequestSeconds,
        PrimaryWaitMilliseconds, ClockSkewMilliseconds, PageItems, PageBytes, DescriptionCharacters, IdempotencyKeyCharacters, IdempotencyHours, RingRevisions,
        RingBytes, JournalPageBytes, InlineValueBytes, ValueCacheBytes, StateMebibytes, IdleSeconds, ShutdownSeconds, ActorCharacters, Shards,
        SchemaBytes, SchemaSteps, SchemaLevels, SchemaMultipleExponent, PatternCharacters, PatternInstructions, SchemaCacheBytes, SchemaCheckMilliseconds,
        FlagNameCharacters, FlagBytes, FlagsPerEnvironment, FlagVariants, FlagMetadataEntries, FlagScheduleSteps, FlagSteps, FlagLevels, FlagContextBytes, FlagTraceParts, FlagUseDays,
        NameCharacters, EmailCharacters, PasswordCharactersMin, PasswordCharactersMax, UsersPerOrg, ServiceAccountsPerOrg, TokensPerOrg, RolesPerOrg,
        RolesPerMember, GrantsPerRole, KnownTokens, AccessUnconfirmedSeconds, SignInFailures, SessionIdleMinutes, SessionHours,
        .. TrafficLimits.All,
        AuditQueueEntries, AuditOrgEntries, AuditBatchEntries, AuditRepeatKinds, AuditTextCharacters, AuditScanWindows, UsageFlushSeconds,
        .. IdentityLimits.All,
        .. GrpcLimits.All,
        .. OfrepLimits.All,
        .. Secrets.SecretLimits.All,
        .. Webhooks.WebhookLimits.All,
        .. OutboundLimits.All,
        WatchPrefixes, WatchSubscriptionsOfToken, WatchSubscriptionsOfConnection, WatchBufferMessages, WatchBufferBytes, WatchStallSeconds,
        WatchHeartbeatSeconds, WatchMessageBytes, WatchLabels, WatchTextCharacters, WatchWaitSeconds,
    ];
}
