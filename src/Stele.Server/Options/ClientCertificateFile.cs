using Stele.Core.Faults;
using Stele.Core.Json;
using Stele.Core.Limits;

namespace Stele.Server.Options;

/// <summary>The file of STELE_TLS_CLIENTS: JSON with known members, read once at start.</summary>
internal static class ClientCertificateFile
{
    const int FileBytesMax = 1 << 20, ClientsMax = 10_000, TextCharactersMax = 1_024;

    static readonly BodyMembers FileMembers = new(required: ["clients"], optional: []);
    static readonly BodyMembers ClientMembers = new(required: ["org", "service_account"], optional: ["subject", "common_name", "dns", "uri"]);

    /// <summary>The grants, or every problem of the file, each with the place it is at.</summary>
    public static (IReadOnlyList<CertificateGrant> Clients, IReadOnlyList<string> Problems) Read(string path)
    {
        try
        {
            var file = new FileInfo(path);
            return file.Length > FileBytesMax ? ([], [$"{path} has {file.Length} bytes; at most {FileBytesMax} are read."]) : Parse(File.ReadAllBytes(path));
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return ([], [$"{path} cannot be read: {failure.Message}"]);
        }
    }

    /// <summary>As <see cref="Read"/>, from its bytes.</summary>
    public static (IReadOnlyList<CertificateGrant> Clients, IReadOnlyList<string> Problems) Parse(ReadOnlySpan<byte> utf8)
    {
        var problems = new List<Problem>();
        var clients = new List<CertificateGrant>();
        var body = new JsonBody(utf8, FileMembers, problems);
        while (body.NextMember(out _))
        {
            body.BeginArray();
            while (body.NextItem())
                if (Client(ref body, problems) is { } client) clients.Add(client);
        }
        if (clients.Count > ClientsMax) problems.Add(Problem.Body("/clients", "clients.count", $"At most {ClientsMax} clients; these are {clients.Count}."));
        foreach (var twice in clients.GroupBy(client => (client.Name, client.Value)).Where(group => group.Count() > 1).Take((int)SteleLimits.BodyProblems.Value))
            problems.Add(Problem.Body("/clients", "clients.unique", $"'{twice.Key.Value}' is there {twice.Count()} times."));
        return problems.Count == 0 ? (clients, []) : ([], [.. problems.Select(problem => $"{(problem.Name.Length == 0 ? "the file" : problem.Name)}: {problem.Message}")]);
    }

    static CertificateGrant? Client(ref JsonBody body, List<Problem> problems)
    {
        var at = body.Pointer;
        var names = new List<(CertificateName Name, string Value)>();
        string? org = null;
        Guid? account = null;
        body.BeginObject(ClientMembers);
        while (body.NextMember(out var member))
            switch (member)
            {
                case "org": org = Text(ref body); break;
                case "service_account": account = Id(ref body); break;
                default:
                    if (Text(ref body) is { } value) names.Add((NameOf(member), value));
                    break;
            }
        if (names.Count != 1) problems.Add(Problem.Body(at, "client.name", "One of subject, common_name, dns and uri says whose certificate."));
        return org is null || account is not { } id || names is not [var only] ? null : new CertificateGrant(only.Name, only.Value, org, id);
    }

    static CertificateName NameOf(string member) => member switch
    {
        "subject" => CertificateName.Subject,
        "common_name" => CertificateName.CommonName,
        "dns" => CertificateName.Dns,
        _ => CertificateName.Uri,
    };

    static string? Text(ref JsonBody body)
    {
        var text = body.ReadString();
        if (text is { Length: 0 or > TextCharactersMax }) body.Refuse("text.length", $"1 to {TextCharactersMax} characters; these are {text.Length}.");
        return text;
    }

    static Guid? Id(ref JsonBody body)
    {
        if (body.ReadString() is not { } text) return null;
        if (Guid.TryParseExact(text, "D", out var id)) return id;
        body.Refuse("id", "A service account is named by its id, a UUID.");
        return null;
    }
}
