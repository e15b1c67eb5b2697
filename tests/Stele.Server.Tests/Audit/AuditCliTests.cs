using System.Text;
using System.Text.Json;
using Stele.Cli;
using Stele.Server.Tests.Cli;
using Stele.Server.Tests.Fixtures;
using Stele.Server.Tests.Http;
using Xunit;

namespace Stele.Server.Tests.Audit;

/// <summary>The words of the command line, against a real server.</summary>
public sealed class AuditCliTests(HttpServer server) : IClassFixture<HttpServer>
{
    [Fact]
    public async Task List_shows_what_fits_newest_first()
    {
        await server.Put("told.a", """{"value":1,"change_log":"first"}""");
        await server.Put("told.b", """{"value":1}""");
        var list = await server.Run("audit", "list", "--target", "config/development/told.*", "--from", "1h");
        Assert.Equal(0, list.Code);
        var lines = list.Out.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(3, lines.Length);
        Assert.Contains("root  config.set  config/development/told.b", lines[1], StringComparison.Ordinal);
        Assert.EndsWith("first", lines[2], StringComparison.Ordinal);
        var oldest = await server.Run("audit", "list", "--target", "config/development/told.*", "--oldest", "--limit", "1", "--json");
        Assert.Equal("config/development/told.a", JsonDocument.Parse(oldest.Out).RootElement.GetProperty("items")[0].GetProperty("target").GetString());
        Assert.Equal(2, (await server.Run("audit", "list", "--from", "soon")).Code);
        Assert.Equal(2, (await server.Run("audit", "list", "--limit", "0")).Code);
        Assert.Equal(2, (await server.Run("audit", "list", "--outcome", "maybe")).Code);
    }

    [Fact]
    public async Task Export_writes_a_file_whole_or_not_at_all()
    {
        await server.Put("exported.a", """{"value":1}""");
        var directory = Directory.CreateTempSubdirectory("stele-test-").FullName;
        var path = Path.Combine(directory, "all.csv");
        Assert.Equal(0, (await server.Run("audit", "export", "--format", "csv", "--out", path, "--action", "config.set", "--target", "config/development/exported.*")).Code);
        Assert.Equal(2, File.ReadAllLines(path).Length);
        var lines = await server.Run("audit", "export", "--target", "config/development/exported.*");
        Assert.Equal("config.set", JsonDocument.Parse(lines.Out).RootElement.GetProperty("action").GetString());
        File.Delete(path);
        Assert.NotEqual(0, (await server.Run("audit", "export", "--out", path, "--actor", new string('x', 600))).Code);
        Assert.Empty(Directory.EnumerateFiles(directory));
        Directory.Delete(directory);
    }

    [Fact]
    public async Task Tail_shows_what_comes_as_it_comes()
    {
        await server.Put("tailed.a", """{"value":1}""");
        using var output = new Listener(async lines =>
        {
            if (lines == 1) await server.Put("tailed.b", """{"value":1}""");
            if (lines == 2) throw new OperationCanceledException("as Ctrl-C");
        });
        var variables = new Dictionary<string, string> { ["STELE_URL"] = server.Client.BaseAddress!.ToString(), ["STELE_TOKEN"] = HttpServer.Token };
        var code = await CommandLine.Run(["audit", "tail", "--target", "config/development/tailed.*", "--json"], new Surroundings
        {
            Out = output, Error = TextWriter.Null, In = () => Stream.Null, Variable = variables.GetValueOrDefault, CanAsk = false, OutIsTerminal = false, Handler = new ContractHandler(),
        });
        Assert.Equal(130, code);
        Assert.Equal(["tailed.a", "tailed.b"], output.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement.GetProperty("target").GetString()!.Split('/')[2]));
    }

    [Fact]
    public async Task Usage_is_shown_by_day_with_its_sum()
    {
        await server.Execute("INSERT INTO stele.usage (org_id, day, reads, writes, watch_seconds, evaluations, updated_at) VALUES (1, '2026-01-01', 1000, 2, 5400, 7, now()), (1, '2026-01-02', 1, 0, 0, 0, now())");
        var usage = await server.Run("usage", "--from", "2026-01-01", "--to", "2026-01-31");
        Assert.Equal(
            """
            DAY         READS  WRITES  WATCH HOURS  EVALUATIONS
            2026-01-02  1      0       0            0
            2026-01-01  1,000  2       1.5          7
            sum         1,001  2       1.5          7

            """, usage.Out);
        Assert.Equal(0, (await server.Run("usage", "--json")).Code);
        Assert.Equal(2, (await server.Run("usage", "--from", "January")).Code);
    }

    /// <summary>Says after each line how many there were; what it throws ends the tool.</summary>
    sealed class Listener(Func<int, Task> heard) : StringWriter
    {
        int lines;

        public override Encoding Encoding => Encoding.UTF8;

        public override void WriteLine(string? value)
        {
            Write(value + "\n");
            lines++;
        }

        public override async Task FlushAsync(CancellationToken cancellationToken) => await heard(lines);
    }
}
