using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Stele.Core.Journal;

namespace Stele.Server.Audit;

/// <summary>How far the logs of one org were.</summary>
/// <param name="OrgId">The org; 0: the installation, which has no journal.</param>
/// <param name="Name">Its name.</param>
/// <param name="Revision">The journal's revision.</param>
/// <param name="Chain">The chain there, in hex.</param>
/// <param name="AuditSequence">The audit log's last sequence.</param>
/// <param name="AuditChain">The chain there, in hex.</param>
internal sealed record CheckpointOrg(int OrgId, string Name, long Revision, string Chain, long AuditSequence, string AuditChain);

/// <summary>What the database said of itself at a moment.</summary>
internal sealed record CheckpointStatement(int SteleCheckpoint, string MadeAt, Guid Incarnation, long Counter, IReadOnlyList<CheckpointOrg> Orgs);

/// <summary>Who vouches for it.</summary>
internal sealed record CheckpointSignature(string KeyId, string Signature);

/// <summary>
/// A checkpoint as a file: the statement as one line of JSON, and a second line with the signature over the first line's bytes,
/// its line end left out. So that it can be checked with nothing but openssl.
/// </summary>
internal sealed record Checkpoint(CheckpointStatement Statement, string Line, CheckpointSignature Signature)
{
    /// <summary>The format that this is.</summary>
    public const int Format = 1;

    const int CharactersMax = 64 << 20;

    /// <summary>Makes one.</summary>
    public static Checkpoint Sign(CheckpointStatement statement, CheckpointKey key)
    {
        var line = JsonSerializer.Serialize(statement, CheckpointJson.Default.CheckpointStatement);
        return new Checkpoint(statement, line, new CheckpointSignature(key.Id, Convert.ToBase64String(key.Sign(Encoding.UTF8.GetBytes(line)))));
    }

    /// <summary>The file's text. The second line by hand: a serialiser would escape the + of base64, which tools without JSON would not undo.</summary>
    public override string ToString() => $"{Line}\n{{\"key_id\":\"{Signature.KeyId}\",\"signature\":\"{Signature.Signature}\"}}\n";

    /// <summary>Reads a file and proves its signature; the checkpoint, or what is wrong with it.</summary>
    public static (Checkpoint? Checkpoint, string? Problem) Read(string path, CheckpointKey key)
    {
        string[] lines;
        try
        {
            if (new FileInfo(path).Length > CharactersMax) return (null, $"{path} is too large to be a checkpoint");
            lines = File.ReadAllText(path).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return (null, e.Message);
        }
        try
        {
            if (lines.Length != 2) return (null, $"{path} is not a checkpoint: it has {lines.Length.ToString(CultureInfo.InvariantCulture)} lines, and not 2");
            var signature = JsonSerializer.Deserialize(lines[1], CheckpointJson.Default.CheckpointSignature) ?? throw new JsonException("null");
            if (!key.Verifies(Encoding.UTF8.GetBytes(lines[0]), Convert.FromBase64String(signature.Signature)))
                return (null, signature.KeyId == key.Id ? $"the signature of {path} is not good: it was changed after it was signed" : $"{path} was signed with key {signature.KeyId}, and not with {key.Id}");
            var statement = JsonSerializer.Deserialize(lines[0], CheckpointJson.Default.CheckpointStatement) ?? throw new JsonException("null");
            return statement.SteleCheckpoint == Format ? (new Checkpoint(statement, lines[0], signature), null) : (null, $"{path} is of format {statement.SteleCheckpoint.ToString(CultureInfo.InvariantCulture)}, which this binary does not know");
        }
        catch (Exception e) when (e is JsonException or FormatException)
        {
            return (null, $"{path} is not a checkpoint: {e.Message}");
        }
    }

    /// <summary>An org of it by number, or null.</summary>
    public CheckpointOrg? Find(OrgId org) => Statement.Orgs.FirstOrDefault(one => one.OrgId == org.Value);
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(CheckpointStatement))]
[JsonSerializable(typeof(CheckpointSignature))]
internal sealed partial class CheckpointJson : JsonSerializerContext;
