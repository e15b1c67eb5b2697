using System.Security.Cryptography;

namespace Stele.Bench.Peers;

/// <summary>How each peer is started. Everything is kept under one work directory, so all write to the same disk.</summary>
internal static class PeerStarts
{
    /// <summary>Rates that no load reaches.</summary>
    public static readonly (string Name, string Value)[] Unlimited = [("STELE_LIMIT_RATE_ORG_PER_SECOND", "1000000"), ("STELE_LIMIT_RATE_TOKEN_PER_SECOND", "1000000")];

    public static Peer Etcd(string work)
    {
        int client = ChildProcess.FreePort(), peer = ChildProcess.FreePort();
        string address = $"http://127.0.0.1:{client}", ring = $"http://127.0.0.1:{peer}";
        // fsync is etcd's default; the quota is raised because every put of a run is kept, as Stele keeps them.
        string[] arguments =
        [
            "--name", "bench", "--data-dir", Path.Combine(work, "etcd"), "--listen-client-urls", address, "--advertise-client-urls", address,
            "--listen-peer-urls", ring, "--initial-advertise-peer-urls", ring, "--initial-cluster", $"bench={ring}",
            "--quota-backend-bytes", "8589934592", "--log-level", "error",
        ];
        var process = ChildProcess.Start("etcd", arguments, new Dictionary<string, string>(), Path.Combine(work, "etcd.log"));
        return new Peer("etcd", new Uri(address), process, new Dictionary<string, string> { ["Content-Type"] = "application/json" });
    }

    public static Peer Bare(string work, string? like, string name = "bare")
    {
        var port = ChildProcess.FreePort();
        string[] arguments = [typeof(PeerStarts).Assembly.Location, "bare", "--port", $"{port}", .. like is null ? [] : new[] { "--like", like }];
        var process = ChildProcess.Start("dotnet", arguments, new Dictionary<string, string>(), Path.Combine(work, $"{name}.log"));
        // The same request headers as Stele gets: reading them is part of Kestrel's work.
        return new Peer(name, new Uri($"http://127.0.0.1:{port}"), process, SteleHeaders(NewToken()));
    }

    public static Peer Stele(string root, string work, int port, int grpcPort, string token, params (string Name, string Value)[] settings)
    {
        var data = SteleData(work);
        var environment = SteleEnvironment(work, port, grpcPort, token);
        foreach (var (name, value) in settings) environment[name] = value;
        var process = ChildProcess.Start("dotnet", [SteleBinary(root), "serve"], environment, Path.Combine(work, "stele.log"), data);
        return new Peer("stele", new Uri($"http://127.0.0.1:{port}"), process, SteleHeaders(token));
    }

    public static string SteleBinary(string root) => Path.Combine(root, "src/Stele.Server/bin/Release/net10.0/stele-server.dll");

    public static string SteleData(string work) => Path.Combine(work, "stele");

    public static Dictionary<string, string> SteleEnvironment(string work, int port, int grpcPort, string token) => new()
    {
        ["STELE_DATA"] = SteleData(work),
        ["STELE_HTTP"] = $"127.0.0.1:{port}",
        ["STELE_GRPC"] = $"127.0.0.1:{grpcPort}",
        ["STELE_ROOT_TOKEN"] = token,
    };

    public static string NewToken() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32));

    static Dictionary<string, string> SteleHeaders(string token) => new() { ["Authorization"] = $"Bearer {token}", ["Content-Type"] = "application/json" };
}
