using System.Text.RegularExpressions;
using Xunit;

namespace Stele.Server.Tests.Tidy;

/// <summary>SQL is found where one looks for it: a constant that ends in Sql, in a raw literal, under the method that runs it.</summary>
public sealed partial class SqlTests
{
    [Fact]
    public void Every_sql_constant_is_a_raw_literal() => Exemption.Check(
        "A constant that ends in Sql is a raw literal.",
        Repository.Sources("src").SelectMany(source => SqlConstant().Matches(source.Code)
            .Where(match => !source.Text.AsSpan(match.Index + match.Length).TrimStart().StartsWith("\"\"\""))
            .Select(match => new Breach(source.Path, match.Groups["name"].Value))));

    [Fact]
    public void Every_statement_is_a_sql_constant() => Exemption.Check(
        "A statement sits in a constant that ends in Sql, where the test that prepares them all finds it.",
        Repository.Sources("src/Stele.Server").SelectMany(source => source.Literals
            .Where(literal => Statement().IsMatch(literal.Text) && !IsSqlConstant(source, literal.At))
            .Select(literal => new Breach(source.Path, $"line {source.LineOf(literal.At)}: {literal.Text.Trim().Split('\n')[0]}"))));

    static bool IsSqlConstant(CSharpSource source, int at)
    {
        var start = source.Code.LastIndexOfAny([';', '{', '}'], at) + 1;
        return SqlConstant().IsMatch(source.Code[start..at]);
    }

    [GeneratedRegex(@"\bconst\s+string\s+(?<name>\w*Sql)\s*=(?!=)")]
    private static partial Regex SqlConstant();

    [GeneratedRegex(@"^\s*(SELECT\s|INSERT\s+INTO\s|UPDATE\s+\w+\s+SET\s|DELETE\s+FROM\s|WITH\s+\w+\s+AS\s)")]
    private static partial Regex Statement();
}
