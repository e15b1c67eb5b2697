namespace Stele.Bench.Peers;

/// <summary>How libpq's programs reach a PostgreSQL: PGHOST, PGPORT, PGUSER, PGPASSWORD, PGDATABASE.</summary>
internal sealed record PostgresAccess(IReadOnlyDictionary<string, string> Environment);
