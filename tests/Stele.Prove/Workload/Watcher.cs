using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text.Json;
using Stele.Prove.Processes;
using Stele.Simulation.Checking.Histories;

namespace Stele.Prove.Workload;

/// <summary>Follows the journal over server-sent events, through all faults, from the cursor that it had last.</summary>
internal sealed class Watcher(string name, int node, bool roams, string prefix, string? kind, IReadOnlyList<SteleNode> nodes, Recorder recorder, string org = Caller.Org)
{
    // heartbeats come every fifteen seconds
    static readonly TimeSpan silence = TimeSpan.FromSeconds(20), pause = TimeSpan.FromMilliseconds(200), answer = TimeSpan.FromSeconds(4);

    string? cursor;
    int at = node;

    /// <summary>Up to where it has everything.</summary>
    public long Revision { get; private set; }

    public string Name => name;

    public string Org => org;

    public async Task Run(CancellationToken stop)
    {
        using var http = new HttpClient(new SocketsHttpHandler { ConnectTimeout = TimeSpan.FromSeconds(1) }) { Timeout = Timeout.InfiniteTimeSpan };
        while (!stop.IsCancellationRequested)
        {
            try
            {
                await Follow(http, stop);
            }
            catch (Exception e) when (e is HttpRequestException or IOException or SocketException or OperationCanceledException or TimeoutException)
            {
                // it begins again where it was
            }
            if (roams) at = (at + 1) % nodes.Count;
            try
            {
                await Pause.For(pause, stop);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    /// <summary>Tells the history that it must be level now.</summary>
    public void IsLevel() => recorder.Add(new StreamIsLevel(recorder.Now, name));

    async Task Follow(HttpClient http, CancellationToken stop)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(nodes[at].Address, $"/v1/watch?env={Caller.Environment}&prefix={prefix}{(kind is null ? "" : $"&kinds={kind}")}"));
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", nodes[at].Token);
        if (org != Caller.Org) request.Headers.Add("Stele-Org", org);
        if (cursor is not null) request.Headers.Add("Last-Event-ID", cursor);
        using var slow = CancellationTokenSource.CreateLinkedTokenSource(stop);
        slow.CancelAfter(answer);
        using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, slow.Token);
        if (!response.IsSuccessStatusCode) return;
        recorder.Add(new StreamOpened(recorder.Now, name, name, $"node{at + 1}", org, Caller.Environment, [prefix]) { Kinds = kind is null ? null : [kind], From = cursor });
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(stop));
        string? id = null, happened = null, data = null;
        while (await reader.ReadLineAsync(stop).AsTask().WaitAsync(silence, stop) is { } line)
        {
            if (line.StartsWith("id: ", StringComparison.Ordinal)) id = line[4..];
            else if (line.StartsWith("event: ", StringComparison.Ordinal)) happened = line[7..];
            else if (line.StartsWith("data: ", StringComparison.Ordinal)) data = line[6..];
            else if (line.Length == 0)
            {
                // the end's data names a cursor that we have already
                if (happened == "end") return;
                Take(id, happened ?? "progress", data);
                (id, happened, data) = (null, null, null);
            }
        }
    }

    void Take(string? id, string happened, string? data)
    {
        if (id is null) return;
        IReadOnlyList<SeenChange>? changes = null;
        if (happened == "change")
        {
            using var json = JsonDocument.Parse(data!);
            changes = [.. json.RootElement.GetProperty("changes").EnumerateArray().Select(Seen)];
        }
        recorder.Add(new FrameReceived(recorder.Now, name, happened) { Cursor = id, Changes = changes });
        cursor = id;
        Revision = long.Parse(id.AsSpan(0, id.IndexOf('-')), System.Globalization.CultureInfo.InvariantCulture);
    }

    static SeenChange Seen(JsonElement change)
    {
        var of = change.GetProperty("kind").GetString()!;
        return new SeenChange(change.GetProperty("op").GetString()!, of, change.GetProperty("environment").GetString()!, change.GetProperty("key").GetString()!, change.GetProperty("version").GetInt64())
        {
            Value = ItemJson.Of(change, of, "value"),
        };
    }
}
