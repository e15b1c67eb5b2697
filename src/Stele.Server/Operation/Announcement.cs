using Stele.Server.Database;
using Stele.Server.Options;

namespace Stele.Server.Operation;

/// <summary>What a person who has just started Stele wants to know.</summary>
internal static class Announcement
{
    /// <summary>Where it is, where the token is, and three commands to try.</summary>
    public static string Text(SteleOptions options, DatabaseStart database, string address)
    {
        var token = new RootTokenFile(options.Data);
        var where = options.RootToken is not null ? "the one of STELE_ROOT_TOKEN"
            : token.Read() is not null ? $"in {Path.GetRelativePath(Environment.CurrentDirectory, token.Path)}"
            : "the one that was stored before; to replace it, start with STELE_ROOT_TOKEN";
        return $"""
            Stele is ready at {address}, on {(database.IsEmbedded ? "its own PostgreSQL" : "PostgreSQL of STELE_POSTGRES")}.
            The root token is {where}.

            Try:
              ./stele set services.payment.timeout 30
              ./stele get services.payment.timeout
              ./stele history services.payment.timeout

            """;
    }
}
