using System.Globalization;
using System.Text.RegularExpressions;
using Npgsql;
using Stele.Core.Journal;

namespace Stele.Server.Database;

/// <summary>A node that is connected, as its sessions tell of it in application_name.</summary>
/// <param name="Name">Its name; empty when it does not say: then it is of a release before formats, or a command of one.</param>
/// <param name="Version">Its version, or null.</param>
/// <param name="Format">The newest journal format that it knows.</param>
/// <param name="Address">Where from; null: a Unix socket.</param>
internal sealed partial record NodeSessions(string Name, string? Version, int Format, string? Address)
{
    // what PostgreSQL keeps of it
    const int NameBytesMax = 63;

    /// <summary>For a pool: <c>stele-app 0.1.0/2 node</c>, that is pool, version, newest format and node.</summary>
    public static string ApplicationName(string pool, string node)
    {
        var name = string.Create(CultureInfo.InvariantCulture, $"{pool} {Migrator.BinaryVersion}/{JournalFormat.Newest} {node}").TrimEnd();
        return name[..Math.Min(name.Length, NameBytesMax)];
    }

    /// <summary>All that are connected to this database. Behind a pooler that sets names of its own, none are seen.</summary>
    public static async Task<IReadOnlyList<NodeSessions>> All(NpgsqlConnection connection, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(SessionsSql, connection);
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var found = new HashSet<NodeSessions>();
        while (await reader.ReadAsync(cancellation))
            found.Add(Parse(reader.GetString(0), reader.IsDBNull(1) ? null : reader.GetString(1)));
        return [.. found.OrderBy(node => node.Format).ThenBy(node => node.Name, StringComparer.Ordinal)];
    }

    const string SessionsSql = """
        SELECT DISTINCT application_name, host(client_addr) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name ~ '^stele-(app|tail|settle)( |$)'
        """;

    /// <summary>From one session's name.</summary>
    internal static NodeSessions Parse(string applicationName, string? address)
    {
        var match = Pattern().Match(applicationName);
        return match.Success
            ? new NodeSessions(match.Groups[3].Value, match.Groups[1].Value, int.Parse(match.Groups[2].ValueSpan, CultureInfo.InvariantCulture), address)
            : new NodeSessions("", null, JournalFormat.Oldest, address);
    }

    /// <summary>For people.</summary>
    public override string ToString() => Version is null
        ? $"a node that does not say its version, so an older one{From}"
        : $"{(Name.Length == 0 ? "a node without a name" : Name)}: {Version}, up to format {Format}{From}";

    string From => Address is null ? "" : $", from {Address}";

    [GeneratedRegex(@"^stele-[a-z]+ (\d+\.\d+\.\d+)/(\d{1,6})(?: (.*))?$")]
    private static partial Regex Pattern();
}
