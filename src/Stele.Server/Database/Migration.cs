using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;

namespace Stele.Server.Database;

/// <summary>One numbered file of SQL.</summary>
/// <param name="Version">Its number.</param>
/// <param name="Name">The file's name.</param>
/// <param name="Sql">What it runs.</param>
/// <param name="OldestServer">The oldest server that may still run on the schema once this is applied.</param>
internal sealed partial record Migration(int Version, string Name, string Sql, Version OldestServer)
{
    const string ResourcePrefix = "migrations/";

    /// <summary>SHA-256 of the text, in hex.</summary>
    public string Checksum { get; } = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Sql)));

    /// <summary>Those that this binary carries, in order.</summary>
    public static IReadOnlyList<Migration> Embedded { get; } = [.. Load().OrderBy(migration => migration.Version)];

    /// <summary>From a file's name, such as <c>0001_roles_and_schema.sql</c>, and its text, which begins with <c>-- oldest-server: 0.1.0</c>.</summary>
    public static Migration Parse(string name, string text)
    {
        // a checkout may have changed the line ends, which must not change the checksum
        var sql = text.ReplaceLineEndings("\n");
        var number = NamePattern().Match(name);
        var header = HeaderPattern().Match(sql);
        if (!number.Success || !header.Success)
            throw new FormatException($"Migration {name} must be called NNNN_name.sql and begin with a line '-- oldest-server: A.B.C'.");
        return new Migration(int.Parse(number.Groups[1].ValueSpan, CultureInfo.InvariantCulture), name, sql, System.Version.Parse(header.Groups[1].ValueSpan));
    }

    static IEnumerable<Migration> Load()
    {
        var assembly = typeof(Migration).Assembly;
        foreach (var resource in assembly.GetManifestResourceNames().Where(name => name.StartsWith(ResourcePrefix, StringComparison.Ordinal)))
        {
            using var reader = new StreamReader(assembly.GetManifestResourceStream(resource)!, Encoding.UTF8);
            yield return Parse(resource[ResourcePrefix.Length..], reader.ReadToEnd());
        }
    }

    [GeneratedRegex(@"^(\d{4})_[a-z0-9_]+\.sql$")]
    private static partial Regex NamePattern();

    [GeneratedRegex(@"\A-- oldest-server: (\d+\.\d+\.\d+)\n")]
    private static partial Regex HeaderPattern();
}
