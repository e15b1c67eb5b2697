using System.Globalization;
using System.Net.Http.Json;
using System.Text.RegularExpressions;
using Stele.Server.Operation;
using Stele.Server.Tests.Fixtures;
using Xunit;

namespace Stele.Server.Tests.Operation;

public sealed partial class MetricsTests
{
    [Fact]
    public async Task A_scrape_parses_and_has_what_the_documentation_names()
    {
        await using var db = await Postgres.NewDatabase();
        // a Redis that is not there, so that what there is of it is told
        await using var server = await TestServer.Start(db, redis: "127.0.0.1:1,connectTimeout=100");
        for (var i = 0; i < 3; i++) (await server.Client.PutAsync("/v1/config/a.b", JsonContent.Create(new { value = i }))).EnsureSuccessStatusCode();
        await server.Client.GetAsync("/v1/config/a.b");
        await server.Client.GetAsync("/v1/config/a.none");
        var response = await server.Client.GetAsync("/metrics");
        Assert.Equal("text/plain; version=0.0.4; charset=utf-8", response.Content.Headers.ContentType!.ToString());
        var samples = Parse(await response.Content.ReadAsStringAsync());
        Assert.Equal(3, samples["""http_server_request_duration_seconds_count{http_request_method="PUT",http_route="/v1/config/{key}",http_response_status_class="2xx"}"""]);
        Assert.Equal(1, samples["""http_server_request_duration_seconds_count{http_request_method="GET",http_route="/v1/config/{key}",http_response_status_class="4xx"}"""]);
        Assert.Equal(4, samples["stele_journal_revisions_total"]);
        Assert.Equal(1, samples["stele_state_keys"]);
        Assert.True(samples["""stele_sql_duration_seconds_count{statement="append"}"""] >= 4);
        // pools are counted by the process, which serves other tests meanwhile: 20 for each of its nodes
        Assert.Equal((true, 0.0), (samples["""db_client_connections_max{pool="stele-app"}"""] > 0, samples["""db_client_connections_max{pool="stele-app"}"""] % 20));
        var documented = DocumentedName().Matches(File.ReadAllText(Path.Combine(Postgres.RepositoryRoot(), "docs/operations/running.md"))).Select(match => match.Groups[1].Value);
        Assert.All(documented, name => Assert.Contains(samples.Keys, sample => sample.StartsWith(name, StringComparison.Ordinal)));
    }

    [Fact]
    public void A_histogram_counts_each_value_once_and_bounds_are_inclusive()
    {
        var histogram = Histogram.OfCounts(1, 4, 16);
        Parallel.For(0, 10_000, i => histogram.Observe(i % 20));
        var reading = histogram.Read();
        Assert.Equal([1_000L, 2_500, 8_500, 10_000], reading.Buckets.Select(bucket => bucket.Count));
        Assert.Equal(95_000, reading.Sum);
    }

    [Fact]
    public void Labels_are_escaped()
    {
        var metrics = new Metrics();
        metrics.AddGauge("a", "Help.", () => 1, "label", "x\"y\\z\n");
        Assert.Equal("# HELP a Help.\n# TYPE a gauge\na{label=\"x\\\"y\\\\z\\n\"} 1\n", metrics.Write());
    }

    /// <summary>Every line as the format has it: samples under their TYPE, none twice, buckets that rise to the count.</summary>
    static Dictionary<string, double> Parse(string text)
    {
        var samples = new Dictionary<string, double>();
        var (family, type) = ("", "");
        foreach (var line in text.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            if (line.StartsWith("# HELP ", StringComparison.Ordinal)) continue;
            if (line.StartsWith("# TYPE ", StringComparison.Ordinal))
            {
                (family, type) = (line.Split(' ')[2], line.Split(' ')[3]);
                Assert.Contains(type, (string[])["counter", "gauge", "histogram"]);
                continue;
            }
            var sample = Sample().Match(line);
            Assert.True(sample.Success, line);
            Assert.Equal(family, type == "histogram" ? Suffix().Replace(sample.Groups[2].Value, "") : sample.Groups[2].Value);
            samples.Add(sample.Groups[1].Value, double.Parse(sample.Groups[3].Value, CultureInfo.InvariantCulture));
        }
        foreach (var (name, value) in samples.Where(sample => sample.Key.Contains("le=\"+Inf\"", StringComparison.Ordinal)))
            Assert.Equal(value, samples[name.Replace("_bucket{", "_count{", StringComparison.Ordinal).Replace(",le=\"+Inf\"", "", StringComparison.Ordinal).Replace("{le=\"+Inf\"}", "", StringComparison.Ordinal)]);
        return samples;
    }

    [GeneratedRegex("""^(([a-z_][a-z0-9_]*)(?:\{[a-z_]+="(?:[^"\\]|\\.)*"(?:,[a-z_]+="(?:[^"\\]|\\.)*")*\})?) (\S+)$""")]
    private static partial Regex Sample();

    [GeneratedRegex("_(bucket|sum|count)$")]
    private static partial Regex Suffix();

    [GeneratedRegex(@"^\| `([a-z_]+)", RegexOptions.Multiline)]
    private static partial Regex DocumentedName();
}
