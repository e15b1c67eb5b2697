using System.Text.Json;
using Stele.Core.Access;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Orgs;

namespace Stele.Core.Secrets;

/// <summary>Values of a secret lie elsewhere from now on: the ones here are the same values, and what held them before holds nothing any more. The secret's version stays as it is.</summary>
/// <param name="Environment">The environment.</param>
/// <param name="Path">The path.</param>
/// <param name="Version">The secret's version, then and afterwards.</param>
/// <param name="Step">The version of its stream.</param>
/// <param name="Values">The values, by their ids, as they lie now.</param>
public sealed record SecretMoved(string Environment, string Path, int Version, long Step, IReadOnlyList<SealedValue> Values) : SecretEvent(Environment, Path, Version, Step)
{
    /// <summary>The stored type.</summary>
    public const string TypeName = "secret.moved";

    /// <inheritdoc/>
    public override string Type => TypeName;

    /// <inheritdoc/>
    public override byte[] Encode() => OrgEventJson.Write(json =>
    {
        SecretStream.Open(json, this);
        json.WriteStartArray("values");
        foreach (var value in Values)
        {
            json.WriteStartObject();
            value.Write(json);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    });

    /// <summary>Reads what <see cref="Encode"/> wrote.</summary>
    public static SecretMoved Decode(ReadOnlySpan<byte> data)
    {
        var members = OrgEventJson.Read(TypeName, data, [.. SecretStream.Members, "values"]);
        return new SecretMoved(members[0].GetString()!, members[1].GetString()!, members[2].GetInt32(), members[3].GetInt64(), [.. members[^1].EnumerateArray().Select(Value)]);
    }

    static SealedValue Value(JsonElement value) => new(value.GetProperty("value_id").GetGuid(), value.GetProperty("ciphertext").GetBytesFromBase64(), value.GetProperty("digest").GetBytesFromBase64(), value.GetProperty("text").GetBoolean())
    {
        VaultId = value.TryGetProperty("vault_id", out var id) ? id.GetGuid() : null,
    };
}

/// <summary>Values of one secret that were copied to where they are to lie.</summary>
/// <param name="Environment">The environment.</param>
/// <param name="Path">The path.</param>
/// <param name="Step">The version that its stream had when they were copied: who has changed, deleted or destroyed it since is not overruled.</param>
/// <param name="Values">The copies.</param>
/// <param name="Keys">Their wrapped keys; none of those that lie in Vault.</param>
public sealed record SecretMove(string Environment, string Path, long Step, IReadOnlyList<SealedValue> Values, IReadOnlyList<SecretKeyRow> Keys);

/// <summary>Lets copies of values take their places, of all secrets that are as they were when they were copied.</summary>
/// <param name="Principal">Who.</param>
/// <param name="RequestId">The request.</param>
/// <param name="Moves">The copies.</param>
public sealed record MoveSecrets(Principal Principal, Guid RequestId, IReadOnlyList<SecretMove> Moves) : Command(Principal, RequestId, null)
{
    internal static Outcome<Decision> Decide(OrgState state, MoveSecrets command)
    {
        if (Authorisation.Check(state.Access, command.Principal, Permission.Operate, null, null) is { } forbidden) return forbidden;
        var events = new List<JournalEvent>();
        var rows = new List<SideRow>();
        foreach (var move in command.Moves)
        {
            // not a refusal: the others go on, and this one is looked at anew by who moves
            if (state.Environment(move.Environment)?.Secrets.Ever(move.Path) is not { } entry || entry.StreamVersion != move.Step) continue;
            events.Add(new SecretMoved(move.Environment, move.Path, entry.Version, entry.StreamVersion + 1, move.Values));
            if (move.Values.Where(value => value.VaultId is not null).Select(value => value.Id).ToList() is { Count: > 0 } gone) rows.Add(new SecretKeysDestroyed(gone));
            rows.AddRange(move.Keys);
        }
        return events.Count == 0 ? Decision.Nothing : new Decision(events) { Rows = rows };
    }
}
