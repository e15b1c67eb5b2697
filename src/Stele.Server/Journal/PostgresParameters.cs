using Npgsql;
using Stele.Core.Journal;

namespace Stele.Server.Journal;

/// <summary>Positional parameters of statements; a value that may be null is passed as a parameter that says its type.</summary>
internal static class PostgresParameters
{
    /// <summary>Chooses the org of the transaction, which row-level security reads. First in every batch of stele_app.</summary>
    public static NpgsqlBatchCommand SetOrg(OrgId org) => Command(SetOrgSql, org.ToString());

    const string SetOrgSql = """
        SELECT set_config('stele.org_id', $1, true)
        """;

    public static NpgsqlBatchCommand Command(string sql, params ReadOnlySpan<object> values)
    {
        var command = new NpgsqlBatchCommand(sql);
        foreach (var value in values) command.Parameters.Add(Parameter(value));
        return command;
    }

    public static NpgsqlCommand Command(NpgsqlConnection connection, string sql, params ReadOnlySpan<object> values)
    {
        var command = new NpgsqlCommand(sql, connection);
        foreach (var value in values) command.Parameters.Add(Parameter(value));
        return command;
    }

    static NpgsqlParameter Parameter(object value) => value switch
    {
        int number => new NpgsqlParameter<int> { TypedValue = number },
        long number => new NpgsqlParameter<long> { TypedValue = number },
        string text => new NpgsqlParameter<string> { TypedValue = text },
        NpgsqlParameter parameter => parameter,
        _ => new NpgsqlParameter { Value = value },
    };
}
