using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Stele.Core.Configs;
using Stele.Core.Secrets;

namespace Stele.Client.Testing;

/// <summary>
/// As much of a Stele as an app can see, in memory: values and flags of any environment, revisions, changes as they happen,
/// refusals and absences. Give <see cref="Connect"/> to <see cref="SteleOptions.Handler"/>, or <c>Connect()</c> to a
/// <see cref="SteleClient"/>. It checks keys as the server does, and nothing else: no rights, no schemas.
/// </summary>
public sealed class SteleInMemory
{
    readonly Lock gate = new();
    readonly SortedDictionary<(string Environment, string Kind, string Key), InMemoryItem> items = new(Comparer<(string Environment, string Kind, string Key)>.Create(Compare));
    readonly List<InMemoryRevision> revisions = [];
    readonly List<Acknowledgement> acknowledgements = [];
    TaskCompletionSource changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    volatile bool unreachable;

    /// <summary>What an app says that it has applied, or has refused and why.</summary>
    /// <param name="Revision">The revision.</param>
    /// <param name="Rejected">Why it was refused; null: it is applied.</param>
    public sealed record Acknowledgement(long Revision, string? Rejected);

    /// <summary>The last revision; 0 before the first.</summary>
    public long Revision
    {
        get
        {
            lock (gate) return revisions.Count;
        }
    }

    /// <summary>What apps have said, in order.</summary>
    public IReadOnlyList<Acknowledgement> Acknowledgements
    {
        get
        {
            lock (gate) return [.. acknowledgements];
        }
    }

    /// <summary>Whether it is away: streams break, and nothing answers.</summary>
    public bool Unreachable
    {
        get => unreachable;
        set
        {
            unreachable = value;
            lock (gate) Wake();
        }
    }

    /// <summary>A connection to it.</summary>
    public HttpMessageHandler Connect() => new InMemoryHandler(this);

    /// <summary>Sets a text.</summary>
    public long Set(string environment, string key, string value) => SetJson(environment, key, JsonSerializer.Serialize(value, InMemoryJson.Default.String));

    /// <summary>Sets a number.</summary>
    public long Set(string environment, string key, long value) => SetJson(environment, key, value.ToString(System.Globalization.CultureInfo.InvariantCulture));

    /// <summary>Sets true or false.</summary>
    public long Set(string environment, string key, bool value) => SetJson(environment, key, value ? "true" : "false");

    /// <summary>Sets a value of a type of the caller's.</summary>
    public long Set<T>(string environment, string key, T value, JsonTypeInfo<T> type) => SetJson(environment, key, JsonSerializer.Serialize(value, type));

    /// <summary>Sets any JSON.</summary>
    public long SetJson(string environment, string key, string json) => Change(environment, (key, json));

    /// <summary>Changes several keys as one revision; null deletes one.</summary>
    /// <returns>The revision.</returns>
    public long Change(string environment, params (string Key, string? Json)[] changes)
    {
        ArgumentNullException.ThrowIfNull(changes);
        foreach (var (key, _) in changes)
            if (!ConfigKey.TryParse(key, out _, out _, out var message)) throw new ArgumentException($"{key} is no key. {message}", nameof(changes));
        return Write(environment, "config", changes);
    }

    /// <summary>Defines a flag, as flagd does or in the short form.</summary>
    public long SetFlag(string environment, string name, string definition) => Write(environment, "flag", [(name, definition)]);

    /// <summary>Sets a secret, to which values may refer by <c>{"$secret":"path"}</c>; null deletes it.</summary>
    public long SetSecret(string environment, string path, string? value)
    {
        if (!SecretPath.TryParse(path, out _, out _, out var message)) throw new ArgumentException($"{path} is no secret's path. {message}", nameof(path));
        return Write(environment, "secret", [(path, value is null ? null : JsonSerializer.Serialize(value, InMemoryJson.Default.String))]);
    }

    /// <summary>
    /// Puts everything back as it was at a revision, and forgets what came after, as a restored database does: whoever follows
    /// is told to read anew.
    /// </summary>
    public void Restore(long revision)
    {
        lock (gate)
        {
            var before = revisions.GetRange(0, checked((int)revision));
            revisions.Clear();
            items.Clear();
            foreach (var made in before)
            {
                foreach (var change in made.Changes.Where(change => change.Rotated is null))
                    if (change.Value is { } value) items[(change.Environment, change.Kind, change.Key)] = new InMemoryItem(change.Key, value, change.Version, made.Revision);
                    else items.Remove((change.Environment, change.Kind, change.Key));
                revisions.Add(made);
            }
            History++;
            Wake();
        }
    }

    /// <summary>Deletes a key.</summary>
    public long Delete(string environment, string key) => Change(environment, (key, null));

    /// <summary>Counts the histories: what was said of one does not hold in the next.</summary>
    internal volatile int History;

    internal Task Changed
    {
        get
        {
            lock (gate) return changed.Task;
        }
    }

    internal (long Revision, List<InMemoryItem> Items) List(string environment, string kind, string prefix)
    {
        lock (gate) return (revisions.Count, [.. items.Where(pair => pair.Key.Environment == environment && pair.Key.Kind == kind && pair.Key.Key.StartsWith(prefix, StringComparison.Ordinal)).Select(pair => pair.Value)]);
    }

    internal List<InMemoryRevision> After(long revision)
    {
        lock (gate) return revisions.GetRange((int)Math.Min(revision, revisions.Count), Math.Max(0, revisions.Count - (int)revision));
    }

    internal void Hear(long revision, string? rejected)
    {
        lock (gate) acknowledgements.Add(new Acknowledgement(revision, rejected));
    }

    long Write(string environment, string kind, IReadOnlyList<(string Key, string? Json)> changes)
    {
        lock (gate)
        {
            var made = new List<InMemoryChange>();
            foreach (var (key, json) in changes)
            {
                var before = items.GetValueOrDefault((environment, kind, key));
                var version = (before?.Version ?? 0) + 1;
                if (json is null) items.Remove((environment, kind, key));
                else items[(environment, kind, key)] = new InMemoryItem(key, JsonElement.Parse(json), version, revisions.Count + 1);
                made.Add(new InMemoryChange(environment, kind, key, json is null ? null : JsonElement.Parse(json), version));
                // whoever watches a key that refers to it is told as well
                if (kind == "secret")
                    made.AddRange(items.Where(pair => pair.Key.Environment == environment && pair.Key.Kind == "config" && Reference(pair.Value.Value) == key)
                        .Select(pair => new InMemoryChange(environment, "config", pair.Key.Key, pair.Value.Value, pair.Value.Version) { Rotated = json is null ? 0 : version }));
            }
            revisions.Add(new InMemoryRevision(revisions.Count + 1, made));
            Wake();
            return revisions.Count;
        }
    }

    /// <summary>The secret that a value refers to, or null.</summary>
    internal static string? Reference(JsonElement value) => value.ValueKind == JsonValueKind.Object && value.TryGetProperty("$secret", out var path) ? path.GetString() : null;

    void Wake()
    {
        var before = changed;
        changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
        before.TrySetResult();
    }

    static int Compare((string Environment, string Kind, string Key) a, (string Environment, string Kind, string Key) b) =>
        string.CompareOrdinal(a.Environment, b.Environment) is not 0 and var environment ? environment
        : string.CompareOrdinal(a.Kind, b.Kind) is not 0 and var kind ? kind : string.CompareOrdinal(a.Key, b.Key);
}

internal sealed record InMemoryItem(string Key, JsonElement Value, long Version, long Revision);

internal sealed record InMemoryChange(string Environment, string Kind, string Key, JsonElement? Value, long Version)
{
    /// <summary>The version of the secret that the key refers to, when it is that which changed; 0: it is deleted.</summary>
    internal long? Rotated { get; init; }
}

internal sealed record InMemoryRevision(long Revision, IReadOnlyList<InMemoryChange> Changes);
