using System.Text.Json;

namespace Stele.Server.Secrets.Store;

/// <summary>Where the copy of a value lies in Vault.</summary>
/// <param name="VaultId">Its id: the last part of its path, and of no other copy.</param>
/// <param name="Mount">Where KV is mounted.</param>
/// <param name="Path">Its path there.</param>
internal sealed record VaultPlace(Guid VaultId, string Mount, string Path)
{
    /// <summary>The address of one of its faces (data, metadata, delete, …).</summary>
    public string Url(string face) => $"{Mount}/{face}/{string.Join('/', Path.Split('/').Select(Uri.EscapeDataString))}";

    /// <summary>What stands in the journal for the value: its place, and the keyed hash that it is held against when it is read.</summary>
    public byte[] Reference(byte[] check) => JsonSerializer.SerializeToUtf8Bytes(new Dictionary<string, string> { ["mount"] = Mount, ["path"] = Path, ["check"] = Convert.ToBase64String(check) });

    /// <summary>Reads what <see cref="Reference"/> wrote; null: it is none.</summary>
    public static (VaultPlace Place, byte[] Check)? Read(Guid vaultId, byte[] reference)
    {
        try
        {
            using var json = JsonDocument.Parse(reference);
            var (mount, path) = (json.RootElement.GetProperty("mount").GetString(), json.RootElement.GetProperty("path").GetString());
            return mount is null || path is null ? null : (new VaultPlace(vaultId, mount, path), json.RootElement.GetProperty("check").GetBytesFromBase64());
        }
        catch (Exception e) when (e is JsonException or FormatException or InvalidOperationException or KeyNotFoundException)
        {
            return null;
        }
    }
}
