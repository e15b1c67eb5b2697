using System.Net;
using System.Text;
using System.Web;
using Stele.Core.Access;
using Stele.Core.Collections;
using Stele.Core.Configs;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Core.Watch;
using Stele.Server.Journal;
using Stele.Server.Watch;
using Stele.Simulation.Database;
using Stele.Simulation.Scheduling;
using Stele.Simulation.Workload;

namespace Stele.Simulation.Following;

/// <summary>
/// What lies between one client and the nodes, as HTTP has it: requests that nobody gets, answers that are lost, streams that break in the middle. On one side
/// is the real client, whole; on the other the nodes' own reads and watch engine, and here the few lines that endpoints have.
/// </summary>
internal sealed class SimulatedHttp(SimulatedProcess process, Dice dice, Surroundings around, OrgId org, Mutant mutant) : HttpMessageHandler
{
    static readonly TimeSpan patience = TimeSpan.FromSeconds(10), longest = TimeSpan.FromSeconds(30);

    /// <summary>Whether nothing breaks.</summary>
    public bool Calm { get; set; }

    /// <summary>The root of a node.</summary>
    public static Uri Of(int node) => new($"http://n{node}/");

    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var answer = new TaskCompletionSource<HttpResponseMessage>();
        cancellationToken.UnsafeRegister(_ => WithoutContext.Run(() => answer.TrySetCanceled(cancellationToken)), null);
        process.Post(async void (_) =>
        {
            var response = await Answer(request.RequestUri!);
            WithoutContext.Run(() => _ = response is null ? answer.TrySetException(new HttpRequestException("the connection broke")) : answer.TrySetResult(response));
        }, null);
        return answer.Task;
    }

    async Task<HttpResponseMessage?> Answer(Uri asked)
    {
        var node = around.Nodes[asked.Host[1] - '0'];
        await process.Time.Wait(dice.Milliseconds(0.1, Calm ? 3 : 40));
        if (Breaks()) return null;
        var query = HttpUtility.ParseQueryString(asked.Query);
        if (asked.AbsolutePath == "/v1/watch") return await Watch(node, QueryOf(query));
        var response = await List(node, query["env"]!, query["prefix"] ?? "");
        return Breaks() ? null : response;
    }

    bool Breaks() => !Calm && dice.Chance(0.04);

    async Task<HttpResponseMessage?> List(SimulatedNode node, string environment, string prefix)
    {
        around.Faults.Tally.Operations++;
        var answer = await node.Call(journal => journal.Read(org, node.Seam.Pass(new ReadOptions(Consistency.Strong, null, null)), CancellationToken.None).AsTask(), process.Time, patience);
        if (answer is not { } outcome) return null;
        if (!outcome.TryGet(out var snapshot, out _)) return Unavailable();
        var state = snapshot.State;
        var items = (state.Environment(environment)?.Configs ?? SortedMap<ConfigEntry>.Empty).Where(entry => !entry.Deleted && entry.Key.StartsWith(prefix, StringComparison.Ordinal))
            .Select(entry => $$"""{"key":"{{entry.Key}}","value":{{Encoding.UTF8.GetString(entry.Value!)}},"value_type":"json","version":{{entry.Version}}}""");
        var response = Json(HttpStatusCode.OK, $$"""{"items":[{{string.Join(',', items)}}],"revision":{{state.Revision}}}""");
        response.Headers.Add("Stele-Cursor", state.Place.CursorText);
        return response;
    }

    static WatchQuery QueryOf(System.Collections.Specialized.NameValueCollection query) => new(EnvironmentName.Parse(query["env"]!, null), query.GetValues("prefix") ?? [], WatchKinds.Config,
        query["from_cursor"] is { } cursor ? Cursor.TryParse(cursor, out var place) ? place : null : null, query["from_revision"] is { } revision ? long.Parse(revision, System.Globalization.CultureInfo.InvariantCulture) : null);

    async Task<HttpResponseMessage?> Watch(SimulatedNode node, WatchQuery query)
    {
        var (stream, opened) = (new SimulatedStream(), new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously));
        process.Post(async void (_) =>
        {
            await node.Call(async _ => await Serve(node, query, stream, opened), process.Time, Calm ? TimeSpan.FromHours(1) : dice.Between(TimeSpan.Zero, longest));
            // killed, at its end, or cut: whoever serves it on does so for nobody
            opened.TrySetResult(false);
            stream.Break();
            stream.OnLeft();
        }, null);
        return await opened.Task ? new HttpResponseMessage(HttpStatusCode.OK) { Content = new StreamContent(stream) } : Breaks() ? null : Unavailable();
    }

    // runs in the node's process, and dies with it
    async Task<bool> Serve(SimulatedNode node, WatchQuery query, SimulatedStream stream, TaskCompletionSource<bool> opened)
    {
        var outbox = node.Watch.NewOutbox();
        stream.OnLeft = outbox.Wake;
        var client = new WatchClient(Principal.Root, "simulated", null, null, new Dictionary<string, string>());
        if (!(await node.Watch.Subscribe(org, "", client, query, outbox)).TryGet(out var subscriber, out _)) return false;
        opened.TrySetResult(true);
        while (!stream.IsOver)
        {
            while (outbox.TryTake(out var message) && !stream.IsOver)
            {
                around.Faults.Tally.Messages++;
                foreach (var frame in OnTheWire(message.Frame)) stream.Feed(Encoding.UTF8.GetBytes(Text(frame)));
                subscriber.NoteSent(message.Frame);
                if (!Calm && dice.Chance(0.3)) await process.Time.Wait(dice.Milliseconds(0, dice.Chance(0.1) ? 5_000 : 100));
            }
            if (outbox.End is not null) break;
            await outbox.Wait();
        }
        node.Watch.Unsubscribe(subscriber);
        return true;
    }

    WatchFrame[] OnTheWire(WatchFrame frame) => (mutant, frame) switch
    {
        (Mutant.DeliverHalfARevision, { Kind: WatchFrameKind.Change, Revision: { } revision, Seen.Count: > 1 }) => [WatchFrame.Change(revision, [.. frame.Seen.Take(1)]), WatchFrame.Change(revision, [.. frame.Seen.Skip(1)])],
        (Mutant.LoseAReset, { Kind: WatchFrameKind.Reset }) => [],
        (Mutant.MissAChange, { Kind: WatchFrameKind.Change }) when dice.Chance(0.1) => [],
        _ => [frame],
    };

    static string Text(WatchFrame frame) => frame.Kind == WatchFrameKind.Progress
        ? $": heartbeat\nid: {frame.CursorText}\n\n"
        : $"id: {frame.CursorText}\nevent: {WatchEndpoints.Name(frame.Kind)}\ndata: {{{Encoding.UTF8.GetString(frame.Members)}}}\n\n";

    static HttpResponseMessage Unavailable() => Json(HttpStatusCode.ServiceUnavailable, """{"title":"Service Unavailable","status":503,"detail":"Not now.","code":"unavailable"}""");

    static HttpResponseMessage Json(HttpStatusCode status, string text) => new(status) { Content = new ByteArrayContent(Encoding.UTF8.GetBytes(text)) };
}
