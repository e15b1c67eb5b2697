using System.Text.Json.Serialization;

namespace Stele.Server.Watch;

/// <summary>What nodes ask each other about those who watch: of each kind of question, some of the members.</summary>
internal sealed record WatchQuestion
{
    public string After { get; init; } = "";

    public int Most { get; init; }

    public long Revision { get; init; }

    public string? Cursor { get; init; }

    public Guid Subscription { get; init; }

    public string? Reason { get; init; }

    public string Principal { get; init; } = "";
}

/// <summary>Its JSON. A node passes over members that it does not know, so that nodes may be replaced one by one.</summary>
[JsonSerializable(typeof(WatchQuestion))]
[JsonSerializable(typeof(int))]
internal sealed partial class WatchPeerJson : JsonSerializerContext;
