using System.Globalization;
using Stele.Prove.Processes;

namespace Stele.Prove.Soak;

/// <summary>What a node takes at a moment.</summary>
/// <param name="Second">Since the load began.</param>
/// <param name="Node">Which.</param>
/// <param name="Mebibytes">Of memory that is resident.</param>
/// <param name="Handles">Open files and sockets.</param>
/// <param name="Threads">Threads.</param>
/// <param name="Sessions">Connections to PostgreSQL.</param>
/// <param name="Lag">How many revisions it is behind the last head that it saw, or Redis or a webhook behind it: the most.</param>
internal sealed record Vitals(int Second, int Node, double Mebibytes, int Handles, int Threads, int Sessions, double Lag)
{
    /// <summary>Of every node, now.</summary>
    public static async Task<List<Vitals>> Of(Stack stack, HttpClient http, int second)
    {
        var all = new List<Vitals>();
        foreach (var node in stack.Nodes)
        {
            var status = await File.ReadAllLinesAsync($"/proc/{node.ProcessId}/status");
            using var request = new HttpRequestMessage(HttpMethod.Get, new Uri($"http://127.0.0.1:{node.Port}/metrics"));
            request.Headers.Authorization = new("Bearer", node.Token);
            using var response = await http.SendAsync(request);
            var metrics = await response.Content.ReadAsStringAsync();
            var sessions = await stack.Postgres.Primary.Ask<long>($"SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'stele%node{node.Number}%'", "postgres");
            all.Add(new Vitals(second, node.Number, Field(status, "VmRSS:") / 1024.0, Directory.GetFiles($"/proc/{node.ProcessId}/fd").Length, Field(status, "Threads:"), (int)sessions,
                Math.Max(Metric(metrics, "stele_journal_lag_revisions"), Metric(metrics, "stele_outbound_lag_revisions"))));
        }
        return all;
    }

    static int Field(string[] status, string name) =>
        int.Parse(status.First(line => line.StartsWith(name, StringComparison.Ordinal))[name.Length..].Replace("kB", "", StringComparison.Ordinal), CultureInfo.InvariantCulture);

    // the most over all labels
    static double Metric(string metrics, string name) => metrics.Split('\n').Where(line => line.StartsWith(name, StringComparison.Ordinal) && line.Length > name.Length && line[name.Length] is ' ' or '{')
        .Select(line => double.Parse(line[(line.LastIndexOf(' ') + 1)..], CultureInfo.InvariantCulture)).DefaultIfEmpty().Max();
}
