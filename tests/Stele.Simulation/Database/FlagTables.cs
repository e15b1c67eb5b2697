using System.Collections.Immutable;
using System.Text;
using System.Text.Json;
using Stele.Core.Configs;
using Stele.Core.Flags;
using Stele.Core.Journal;

namespace Stele.Simulation.Database;

/// <summary>The flags of one org as rows, written from the stored bytes of events.</summary>
internal sealed record FlagTables(ImmutableSortedDictionary<(string Environment, string Name), FlagRow> Rows)
{
    public static readonly FlagTables Empty = new(ImmutableSortedDictionary.Create<(string, string), FlagRow>(OrdinalPair.Instance));

    /// <summary>The rows after an event of a flag.</summary>
    public FlagTables Project(RevisionRecord revision, EventRecord e, JsonElement data)
    {
        var at = (Environment: data.GetProperty("environment").GetString()!, Name: data.GetProperty("name").GetString()!);
        var before = Rows.GetValueOrDefault(at);
        var row = new FlagRow(
            before?.Id ?? (revision.Revision << 14) + e.Ordinal,
            e.Type switch { "flag.set" => data.GetProperty("definition").GetRawText(), "flag.archived" => before!.Definition, _ => null },
            data.GetProperty("version").GetInt32(), revision.Revision, revision.At, revision.Actor, revision.Reason,
            before?.Definition is null ? revision.At : before.CreatedAt,
            e.Type == "flag.set" ? data.TryGetProperty("killed", out var killed) && killed.GetBoolean() : before is { Killed: true },
            e.Type == "flag.archived");
        return new FlagTables(Rows.SetItem(at, row));
    }

    /// <summary>The flags of an environment that a node loads from these rows; compiled anew, whatever was compiled before.</summary>
    public EnvironmentFlags Load(string environment)
    {
        var (items, deleted, changed) = (new List<FlagEntry>(), Tombstones.None.ToBuilder(), 0L);
        foreach (var ((of, name), row) in Rows)
        {
            if (of != environment) continue;
            changed = Math.Max(changed, row.Revision);
            if (row.Definition is null) deleted.Add(name, new Tombstone(row.Version, row.Revision, row.Id));
            else
                items.Add(new FlagEntry(name, Encoding.UTF8.GetBytes(row.Definition), row.Version, row.Revision, row.UpdatedAt, row.UpdatedBy, row.ChangeLog, row.CreatedAt, row.Id)
                {
                    Killed = row.Killed, Archived = row.Archived,
                });
        }
        return changed == 0 ? EnvironmentFlags.Empty : EnvironmentFlags.Of(items, deleted.ToTombstones(), changed);
    }
}

/// <summary>A flag, a shared rule, metadata or a kill switch; without a definition it is deleted.</summary>
internal sealed record FlagRow(
    long Id, string? Definition, int Version, long Revision, Timestamp UpdatedAt, string UpdatedBy, string? ChangeLog, Timestamp CreatedAt, bool Killed, bool Archived);
