using System.Collections.Concurrent;
using Npgsql;
using Stele.Core.Access;
using Stele.Core.Journal;
using Stele.Core.Limits;
using Stele.Server.Database;
using Stele.Server.Journal;
using Stele.Server.Operation;

namespace Stele.Server.Access;

/// <summary>An org that has made somebody its user, who is known by his issuer and subject.</summary>
internal sealed record Membership(OrgId Org, string Name, Guid User);

/// <summary>
/// Which orgs have made somebody their user whom an issuer vouches for. An org in memory says it itself; of the others a table is
/// asked, once for all who ask at once, and trusted for a second.
/// </summary>
internal sealed class Memberships(DatabaseConnections pools, JournalNode journal, StatementTimer statements, TimeProvider time)
{
    const int KnownMax = 10_000, SecondsForFind = 2;

    static readonly TimeSpan Trusted = TimeSpan.FromSeconds(1);

    ConcurrentDictionary<string, Known> known = new(StringComparer.Ordinal);

    /// <summary>Who somebody is in an org that is in memory: its user, or null. False: it is not in memory.</summary>
    public bool TryFind(OrgId org, string identity, out Principal? member)
    {
        member = null;
        if (journal.Peek(org) is not { } held) return false;
        if (held.State.Access.UserOf(identity) is { } user) member = Principal.User(user.Id);
        return true;
    }

    /// <summary>Every org whose user somebody is, by name; also where he is suspended.</summary>
    public Task<IReadOnlyList<Membership>> Of(string identity)
    {
        var held = Volatile.Read(ref known);
        if (held.TryGetValue(identity, out var found) && !found.Asked.IsFaulted && time.GetElapsedTime(found.At) < Trusted) return found.Asked;
        if (held.Count >= KnownMax) Volatile.Write(ref known, held = new(StringComparer.Ordinal));
        var asked = new Known(Find(identity), time.GetTimestamp());
        held[identity] = asked;
        return asked.Asked;
    }

    async Task<IReadOnlyList<Membership>> Find(string identity)
    {
        using var timing = statements.Start("memberships");
        await using var connection = await pools.Tail.OpenConnectionAsync();
        await using var command = PostgresParameters.Command(connection, FindSql, identity, (int)IdentityLimits.JwtMemberships.Value);
        command.CommandTimeout = SecondsForFind;
        await using var reader = await command.ExecuteReaderAsync();
        var found = new List<Membership>();
        while (await reader.ReadAsync()) found.Add(new Membership(new OrgId(reader.GetInt32(0)), reader.GetString(1), reader.GetGuid(2)));
        return found;
    }

    const string FindSql = """
        SELECT u.org_id, o.name, u.user_id FROM stele.user_account u JOIN stele.org o ON o.org_id = u.org_id WHERE u.identity = $1 ORDER BY o.name LIMIT $2
        """;

    sealed record Known(Task<IReadOnlyList<Membership>> Asked, long At);
}
