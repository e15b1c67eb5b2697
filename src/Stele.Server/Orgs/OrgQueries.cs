using Npgsql;
using Stele.Core.Journal;
using Stele.Server.Database;
using Stele.Server.Gateway;
using Stele.Server.Journal;
using Stele.Server.Operation;

namespace Stele.Server.Orgs;

/// <summary>An org as the directory has it.</summary>
internal sealed record DirectoryEntry(OrgId Org, string Name, Timestamp CreatedAt, Timestamp? ArchivedAt);

/// <summary>The directory of orgs, which is over all of them: asked as stele_tail.</summary>
internal sealed class OrgQueries(DatabaseConnections database, StatementTimer statements)
{
    const int SecondsForRead = 10;

    /// <summary>The org of a name that it has or had; null if it is nobody's.</summary>
    public async Task<OrgId?> Find(string name)
    {
        using var timing = statements.Start("org_find");
        await using var command = Command(FindSql);
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = name });
        return await command.ExecuteScalarAsync() is int org ? new OrgId(org) : null;
    }

    // a server that does not know org_name may have made an org beside this one
    const string FindSql = """
        SELECT n.org_id FROM stele.org_name n WHERE n.name = $1 UNION ALL SELECT o.org_id FROM stele.org o WHERE o.name = $1 LIMIT 1
        """;

    /// <summary>A number for a new org. Another may be given the same, and the journal says who was first.</summary>
    public async Task<OrgId> Next(CancellationToken cancellation)
    {
        using var timing = statements.Start("org_next");
        await using var command = Command(NextSql);
        return new OrgId((int)(await command.ExecuteScalarAsync(cancellation))!);
    }

    const string NextSql = """
        SELECT stele.next_org()
        """;

    /// <summary>Orgs by name, after one, at most so many; those that are archived, or those that are not.</summary>
    public async Task<List<DirectoryEntry>> List(bool archived, string after, int limit, CancellationToken cancellation)
    {
        using var timing = statements.Start("org_list");
        await using var command = Command(ListSql);
        command.Parameters.Add(new NpgsqlParameter<bool> { TypedValue = archived });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = after });
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = limit });
        return await Read(command, cancellation);
    }

    const string ListSql = """
        SELECT org_id, name, created_at, archived_at FROM stele.org WHERE name > $2 AND (archived_at IS NOT NULL) = $1 ORDER BY name LIMIT $3
        """;

    /// <summary>As <see cref="List"/>, of those whose user somebody is, or that his claims name.</summary>
    public async Task<List<DirectoryEntry>> ListOf(Person person, bool archived, string after, int limit, CancellationToken cancellation)
    {
        using var timing = statements.Start("org_list");
        await using var command = Command(ListOfSql);
        foreach (var value in (object[])[person.Id, person.Orgs.ToArray(), archived, after, limit]) command.Parameters.Add(new NpgsqlParameter { Value = value });
        return await Read(command, cancellation);
    }

    const string ListOfSql = """
        SELECT o.org_id, o.name, o.created_at, o.archived_at FROM stele.org o
        WHERE o.org_id IN (
            SELECT u.org_id FROM stele.user_account u WHERE u.identity = $1 AND u.status = 'active'
            UNION ALL SELECT n.org_id FROM stele.org_name n WHERE n.name = ANY ($2) AND NOT EXISTS (SELECT FROM stele.user_account s WHERE s.org_id = n.org_id AND s.identity = $1))
            AND o.name > $4 AND (o.archived_at IS NOT NULL) = $3
        ORDER BY o.name LIMIT $5
        """;

    static async Task<List<DirectoryEntry>> Read(NpgsqlCommand command, CancellationToken cancellation)
    {
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var orgs = new List<DirectoryEntry>();
        while (await reader.ReadAsync(cancellation))
            orgs.Add(new DirectoryEntry(new OrgId(reader.GetInt32(0)), reader.GetString(1), Timestamp.From(reader.GetDateTime(2)), reader.IsDBNull(3) ? null : Timestamp.From(reader.GetDateTime(3))));
        return orgs;
    }

    NpgsqlCommand Command(string sql)
    {
        var command = database.Tail.CreateCommand(sql);
        command.CommandTimeout = SecondsForRead;
        return command;
    }
}
