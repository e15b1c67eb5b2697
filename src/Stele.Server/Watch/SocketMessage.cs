using System.Text.Json;
using Stele.Core.Configs;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Json;
using Stele.Core.Limits;
using Stele.Core.Orgs;
using Stele.Core.Watch;

namespace Stele.Server.Watch;

/// <summary>What a WebSocket's client may say.</summary>
internal enum SocketMessageType
{
    Auth,
    Subscribe,
    Unsubscribe,
    Ack,
    Reject,
}

/// <summary>A message of a WebSocket's client. Whole only if there are no problems.</summary>
internal sealed class SocketMessage
{
    static readonly Dictionary<string, (SocketMessageType Type, BodyMembers Members)> types = new(StringComparer.Ordinal)
    {
        ["auth"] = (SocketMessageType.Auth, new BodyMembers(["type", "token"], ["org"])),
        ["subscribe"] = (SocketMessageType.Subscribe, new BodyMembers(["type", "id"], ["environment", "prefixes", "kinds", "from_cursor", "from_revision", "labels", "client"])),
        ["unsubscribe"] = (SocketMessageType.Unsubscribe, new BodyMembers(["type", "id"], [])),
        ["ack"] = (SocketMessageType.Ack, new BodyMembers(["type", "revision"], ["id"])),
        ["reject"] = (SocketMessageType.Reject, new BodyMembers(["type", "revision", "reason"], ["id"])),
    };

    static readonly string known = string.Join(", ", types.Keys);

    readonly Dictionary<string, string> labels = new(StringComparer.Ordinal);

    SocketMessage(SocketMessageType type) => Type = type;

    public SocketMessageType Type { get; }
    public string? Id { get; private set; }
    public string? Token { get; private set; }
    public string? Org { get; private set; }
    public EnvironmentName? Environment { get; private set; }
    public List<string> Prefixes { get; } = [];
    public WatchKinds Kinds { get; private set; } = WatchKinds.All;
    public Cursor? FromCursor { get; private set; }
    public long? FromRevision { get; private set; }
    public IReadOnlyDictionary<string, string> Labels => labels;
    public string? Client { get; private set; }
    public long Revision { get; private set; }
    public string? Reason { get; private set; }

    /// <summary>Reads a message; null if not even its type is known.</summary>
    public static SocketMessage? Parse(ReadOnlySpan<byte> utf8, List<Problem> problems)
    {
        if (TypeOf(utf8) is not { } name || !types.TryGetValue(name, out var type))
        {
            problems.Add(Problem.Body("/type", "message.type", $"A message is an object whose type is one of {known}."));
            return null;
        }
        var message = new SocketMessage(type.Type);
        // what it says comes back in messages, which hold no U+0000
        var body = new JsonBody(utf8, type.Members, problems);
        while (body.NextMember(out var member)) message.Take(ref body, member);
        if (message.FromCursor is not null && message.FromRevision is not null)
            problems.Add(Problem.Body("/from_revision", "parameter.exclusive", "Give one of from_cursor and from_revision."));
        return message;
    }

    void Take(ref JsonBody body, string member)
    {
        switch (member)
        {
            case "id": Id = Text(ref body, 1); break;
            case "token": Token = body.ReadString(); break;
            case "org": Org = Text(ref body, 1); break;
            case "client": Client = Text(ref body, 0); break;
            case "reason": Reason = Text(ref body, 1); break;
            case "revision": Revision = body.ReadInt64(0, long.MaxValue) ?? 0; break;
            case "from_revision": FromRevision = body.ReadInt64(0, long.MaxValue); break;
            case "from_cursor": TakeCursor(ref body); break;
            case "environment": TakeEnvironment(ref body); break;
            case "prefixes": TakePrefixes(ref body); break;
            case "kinds": TakeKinds(ref body); break;
            case "labels": TakeLabels(ref body); break;
            default: body.ReadString(); break;
        }
    }

    static string? Text(ref JsonBody body, int least)
    {
        if (body.ReadString() is not { } text) return null;
        if (text.Length >= least && text.Length <= SteleLimits.WatchTextCharacters.Value) return text;
        body.Refuse("text.length", $"This has {least} to {SteleLimits.WatchTextCharacters.Value} characters.");
        return null;
    }

    void TakeCursor(ref JsonBody body)
    {
        if (body.ReadString() is not { } text) return;
        if (Cursor.TryParse(text, out var cursor)) FromCursor = cursor;
        else body.Refuse("cursor.malformed", "This is not a cursor that a message carried.");
    }

    void TakeEnvironment(ref JsonBody body)
    {
        if (body.ReadString() is not { } text) return;
        if (EnvironmentName.TryParse(text, out var name)) Environment = name;
        else body.Refuse(EnvironmentName.Rule, EnvironmentName.Message);
    }

    void TakePrefixes(ref JsonBody body)
    {
        body.BeginArray();
        var count = 0;
        while (body.NextItem())
        {
            if (++count == SteleLimits.WatchPrefixes.Value + 1) body.Refuse("prefixes.count", $"A subscription has at most {SteleLimits.WatchPrefixes.Value} prefixes.");
            if (count > SteleLimits.WatchPrefixes.Value || body.ReadString() is not { } prefix) continue;
            if (KeyPrefix.Check(prefix) is var (rule, text)) body.Refuse(rule, text);
            else Prefixes.Add(prefix);
        }
    }

    void TakeKinds(ref JsonBody body)
    {
        Kinds = WatchKinds.None;
        body.BeginArray();
        while (body.NextItem())
        {
            if (body.ReadString() is not { } name) continue;
            var kind = WatchKindNames.Parse(name);
            if (kind == WatchKinds.None) body.Refuse("kinds.value", "A kind is config, flag or secret.");
            Kinds |= kind;
        }
        if (Kinds == WatchKinds.None) body.Refuse("kinds.value", "kinds has at least one of config, flag and secret.");
    }

    // names are not known beforehand, which a body's members are
    void TakeLabels(ref JsonBody body)
    {
        if (body.ReadJson() is not { } json) return;
        using var document = JsonDocument.Parse(json);
        if (document.RootElement.ValueKind != JsonValueKind.Object)
        {
            body.Refuse("member.type", "labels is an object of strings.");
            return;
        }
        foreach (var label in document.RootElement.EnumerateObject())
        {
            if (label.Value.ValueKind != JsonValueKind.String || label.Value.GetString() is not { } text
                || text.Length > SteleLimits.WatchTextCharacters.Value || label.Name.Length > SteleLimits.WatchTextCharacters.Value)
                body.Refuse("labels.text", $"A label and its name are strings of at most {SteleLimits.WatchTextCharacters.Value} characters.");
            else labels[label.Name] = text;
        }
        if (labels.Count > SteleLimits.WatchLabels.Value) body.Refuse("labels.count", $"A subscription has at most {SteleLimits.WatchLabels.Value} labels.");
    }

    static string? TypeOf(ReadOnlySpan<byte> utf8)
    {
        try
        {
            var reader = new Utf8JsonReader(utf8);
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject) return null;
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var isType = reader.ValueTextEquals("type"u8);
                if (!reader.Read()) return null;
                if (isType) return reader.TokenType == JsonTokenType.String ? reader.GetString() : null;
                reader.Skip();
            }
            return null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return null;
        }
    }
}
