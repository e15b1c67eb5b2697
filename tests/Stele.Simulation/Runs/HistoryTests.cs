using Stele.Simulation.Checking;
using Stele.Simulation.Checking.Histories;
using Stele.Simulation.Scheduling;
using Xunit;

namespace Stele.Simulation.Runs;

/// <summary>The checks over histories: that they accept what is right, see what is wrong, and miss nothing that a search would find.</summary>
public sealed class HistoryTests
{
    [Fact]
    public void A_history_is_written_and_read_back()
    {
        var path = Path.GetTempFileName();
        try
        {
            var lines = new RandomHistory(new Dice(7)).Make();
            HistoryFile.Write(path, lines);
            Assert.Equal(lines.Select(HistoryFile.Text), HistoryFile.Read(path).Select(HistoryFile.Text));
            Assert.Empty(HistoryChecks.Run(HistoryFile.Read(path)));
            File.AppendAllText(path, """{"type":"nonsense","at":1}""");
            Assert.Contains("line", Assert.Throws<System.Text.Json.JsonException>(() => HistoryFile.Read(path)).Message, StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void A_right_history_is_accepted_by_the_checks_and_by_the_search()
    {
        for (ulong seed = 1; seed <= 400; seed++)
        {
            var lines = new RandomHistory(new Dice(seed)).Make();
            Assert.Empty(HistoryChecks.Run(lines));
            Assert.True(Explained(lines), $"seed {seed}");
        }
    }

    /// <summary>What a search by values finds, the checks find: on histories in which answers are changed at random.</summary>
    [Fact]
    public void The_checks_find_whatever_the_search_finds()
    {
        var (wrong, silent, stricter) = (0, new List<ulong>(), 0);
        for (ulong seed = 1; seed <= 4_000; seed++)
        {
            var lines = Planted(seed);
            var found = HistoryChecks.Run(lines).Count > 0;
            var explained = Explained(lines);
            if (!explained) wrong++;
            if (!explained && !found) silent.Add(seed);
            if (explained && found) stricter++;
        }
        Assert.True(silent.Count == 0, $"the search finds and the checks do not: seeds {string.Join(", ", silent.Take(10))}\n{string.Join('\n', Planted(silent.FirstOrDefault()).Select(HistoryFile.Text))}");
        // the test would be worth nothing if hardly any of them were wrong; what a search cannot see is which revision an answer names
        Assert.True(wrong > 1_000 && stricter > 0, $"{wrong} wrong, {stricter} found by the checks alone");
    }

    static List<HistoryLine> Planted(ulong seed)
    {
        var dice = new Dice(seed);
        return PlantedViolation.In(new RandomHistory(dice).Make(), dice);
    }

    [Theory]
    [InlineData("strong reads are linearizable", """{"type":"ok","at":60,"op":3,"cursor":"1-a","items":[{"kind":"config","environment":"e","key":"k","version":1,"value":"1"}]}""")]
    [InlineData("answers equal the journal", """{"type":"ok","at":60,"op":3,"cursor":"2-b","items":[{"kind":"config","environment":"e","key":"k","version":1,"value":"1"}]}""")]
    [InlineData("answers equal the journal", """{"type":"ok","at":60,"op":3,"cursor":"2-b"}""")]
    [InlineData("answers show committed state", """{"type":"ok","at":60,"op":3,"cursor":"2-x"}""")]
    [InlineData("no row of another org, ever", """{"type":"ok","at":60,"op":3,"cursor":"2-b","items":[{"kind":"config","environment":"e","key":"k","version":2,"value":"other"}]}""")]
    public void A_wrong_answer_is_named(string rule, string answer) =>
        Assert.Contains(rule, HistoryChecks.Run(Parse([.. Right, """{"type":"invoke","at":50,"op":3,"client":"c","node":"n","org":"o","call":"read","consistency":"strong","items":[{"kind":"config","environment":"e","key":"k"}]}""", answer])).Select(violation => violation.Rule));

    [Theory]
    [InlineData("what is refused is never written", """{"type":"fail","at":30,"op":2,"code":"unavailable"}""", Second)]
    [InlineData("what is acknowledged is committed", OkTwo, """{"type":"revision","at":0,"org":"o","revision":2,"cursor":"2-c","tag":"t2","events":[{"stream":"config/e/k","version":2,"value":"2"}]}""")]
    [InlineData("versions count without gaps", OkTwo, """{"type":"revision","at":0,"org":"o","revision":2,"cursor":"2-b","tag":"t2","events":[{"stream":"config/e/k","version":3,"value":"2"}]}""")]
    [InlineData("a write does what was asked for, whole", OkTwo, """{"type":"revision","at":0,"org":"o","revision":2,"cursor":"2-b","tag":"t2","events":[{"stream":"config/e/k","version":2,"value":"3"}]}""")]
    [InlineData("nothing is written that nobody asked for", OkTwo, """{"type":"revision","at":0,"org":"o","revision":2,"cursor":"2-b","tag":"t9","events":[{"stream":"config/e/k","version":2,"value":"2"}]}""")]
    [InlineData("what is asked for once is written once", OkTwo, Second, """{"type":"revision","at":0,"org":"o","revision":3,"cursor":"3-c","tag":"t2","events":[{"stream":"config/e/k","version":3,"value":"2"}]}""")]
    [InlineData("the journal has no gaps", OkTwo, Second, """{"type":"revision","at":0,"org":"o","revision":4,"cursor":"4-c","setup":true,"events":[]}""")]
    [InlineData("an idempotency key has one effect", OkTwo, Second, """{"type":"invoke","at":40,"op":5,"client":"c","node":"n","org":"o","call":"write","tag":"t5","idempotency_key":"key","changes":[{"op":"set","kind":"config","environment":"e","key":"k","value":"2","expected_version":1}]}""",
        """{"type":"revision","at":0,"org":"o","revision":3,"cursor":"3-c","tag":"t5","events":[{"stream":"config/e/k","version":3,"value":"2"}]}""")]
    [InlineData("a write is decided on the revision before it", OkTwo, Second, """{"type":"invoke","at":40,"op":5,"client":"c","node":"n","org":"o","call":"write","tag":"t5","changes":[{"op":"set","kind":"config","environment":"e","key":"k","value":"5","expected_version":1}]}""",
        """{"type":"revision","at":0,"org":"o","revision":3,"cursor":"3-c","tag":"t5","events":[{"stream":"config/e/k","version":3,"value":"5"}]}""")]
    [InlineData("a refusal is decided on the current state", """{"type":"fail","at":30,"op":2,"code":"conflict"}""")]
    [InlineData("a refusal is decided on the current state", """{"type":"fail","at":30,"op":2,"code":"conflict"}""", """{"type":"invoke","at":40,"op":5,"client":"d","node":"n","org":"o","call":"write","tag":"t5","changes":[{"op":"set","kind":"config","environment":"e","key":"k","value":"5"}]}""",
        """{"type":"ok","at":50,"op":5,"cursor":"2-b"}""", """{"type":"revision","at":0,"org":"o","revision":2,"cursor":"2-b","tag":"t5","events":[{"stream":"config/e/k","version":2,"value":"5"}]}""")]
    public void A_wrong_journal_is_named(string rule, params string[] lines) =>
        Assert.Contains(rule, HistoryChecks.Run(Parse([.. Right.Where(line => line is not (OkTwo or Second)), .. lines])).Select(violation => violation.Rule));

    [Theory]
    [InlineData("a stream is the journal under its filter", """{"type":"frame","at":50,"stream":"w","kind":"progress","cursor":"2-b"}""")]
    [InlineData("a stream is the journal under its filter", """{"type":"frame","at":50,"stream":"w","kind":"change","cursor":"2-b","changes":[{"op":"set","kind":"config","environment":"e","key":"k","version":2,"value":"1"}]}""")]
    [InlineData("a stream is the journal under its filter", """{"type":"frame","at":50,"stream":"w","kind":"change","cursor":"2-b","changes":[]}""")]
    [InlineData("a stream never goes back", FrameTwo, FrameTwo)]
    [InlineData("nobody is reset whose history holds", """{"type":"frame","at":50,"stream":"w","kind":"reset","cursor":"2-b"}""")]
    [InlineData("a stream ends level", """{"type":"level","at":90,"stream":"w"}""")]
    [InlineData("no row of another org, ever", """{"type":"frame","at":50,"stream":"w","kind":"change","cursor":"2-b","changes":[{"op":"set","kind":"config","environment":"e","key":"k","version":2,"value":"other"}]}""")]
    public void A_wrong_stream_is_named(string rule, params string[] lines) =>
        Assert.Contains(rule, HistoryChecks.Run(Parse([.. Right, .. Stream, .. lines])).Select(violation => violation.Rule));

    [Theory]
    [InlineData("2-b", 71, true)]
    [InlineData("2-b", 69, false)]
    [InlineData("1-a", 71, true)]
    [InlineData("2-d", 71, false)]
    public void Only_who_may_have_had_what_was_lost_by_then_may_be_reset(string had, int at, bool may)
    {
        string[] lines =
        [
            .. Right, """{"type":"lost","at":70,"org":"o","revision":1}""", """{"type":"revision","at":0,"org":"o","revision":2,"cursor":"2-d","setup":true,"events":[]}""",
            Stream[0], $$"""{"type":"frame","at":40,"stream":"w","kind":"synced","cursor":"{{had}}"}""", $$"""{"type":"frame","at":{{at}},"stream":"w","kind":"reset","cursor":"2-d"}""",
        ];
        Assert.Equal(may ? [] : ["nobody is reset whose history holds"], HistoryChecks.Run(Parse(lines)).Select(violation => violation.Rule));
    }

    [Fact]
    public void A_right_stream_is_accepted() =>
        Assert.Empty(HistoryChecks.Run(Parse([.. Right, .. Stream, FrameTwo, """{"type":"level","at":90,"stream":"w"}"""])));

    [Fact]
    public void What_was_lost_may_be_read_before_it_was_lost_and_again_after()
    {
        string[] lines =
        [
            .. Right, """{"type":"lost","at":70,"org":"o","revision":1}""", """{"type":"revision","at":0,"org":"o","revision":2,"cursor":"2-d","setup":true,"events":[]}""",
            """{"type":"invoke","at":80,"op":7,"client":"c","node":"n","org":"o","call":"read","consistency":"strong","items":[{"kind":"config","environment":"e","key":"k"}]}""",
            """{"type":"ok","at":81,"op":7,"cursor":"1-a","items":[{"kind":"config","environment":"e","key":"k","version":1,"value":"1"}]}""",
        ];
        Assert.Empty(HistoryChecks.Run(Parse(lines)));
        // but what was lost does not come again
        Assert.Contains("strong reads are linearizable", HistoryChecks.Run(Parse([.. lines, """{"type":"invoke","at":90,"op":8,"client":"c2","node":"n","org":"o","call":"read","consistency":"strong","items":[]}""", """{"type":"ok","at":91,"op":8,"cursor":"2-b"}"""])).Select(violation => violation.Rule));
    }

    /// <summary>What a deposed primary had alone: those who ask for no proof may have seen it, whole, and nobody else, and nobody was told that it is written.</summary>
    [Theory]
    [InlineData(null, """{"type":"ok","at":71,"op":7,"cursor":"3-l","items":[{"kind":"config","environment":"e","key":"k","version":3,"value":"3"}]}""", ReadLocal)]
    [InlineData("answers equal the journal", """{"type":"ok","at":71,"op":7,"cursor":"3-l","items":[{"kind":"config","environment":"e","key":"k","version":2,"value":"2"}]}""", ReadLocal)]
    [InlineData("answers show committed state", """{"type":"ok","at":71,"op":7,"cursor":"3-x"}""", ReadLocal)]
    [InlineData("answers show committed state", """{"type":"ok","at":71,"op":7,"cursor":"3-l","items":[{"kind":"config","environment":"e","key":"k","version":3,"value":"3"}]}""", ReadStrong)]
    [InlineData("what is acknowledged is committed", """{"type":"ok","at":71,"op":6,"cursor":"3-l"}""")]
    [InlineData(null, FrameTwo, FrameAside, """{"type":"frame","at":75,"stream":"w","kind":"reset","cursor":"3-c"}""", """{"type":"level","at":90,"stream":"w"}""")]
    [InlineData("a stream never goes back", FrameTwo, FrameAside, """{"type":"frame","at":75,"stream":"w","kind":"synced","cursor":"3-c"}""")]
    [InlineData("a stream is the journal under its filter", FrameTwo, """{"type":"frame","at":70,"stream":"w","kind":"progress","cursor":"3-l"}""")]
    [InlineData("a stream ends level", FrameTwo, FrameAside, """{"type":"level","at":90,"stream":"w"}""")]
    [InlineData(null, FrameTwo, """{"type":"frame","at":70,"stream":"w","kind":"progress","cursor":"3-c"}""", """{"type":"frame","at":75,"stream":"w","kind":"reset","cursor":"3-l"}""")]
    [InlineData("nobody is reset whose history holds", FrameTwo, """{"type":"frame","at":52,"stream":"w","kind":"progress","cursor":"3-c"}""", """{"type":"frame","at":53,"stream":"w","kind":"reset","cursor":"3-l"}""")]
    [InlineData(null, """{"type":"revision","at":0,"org":"o","revision":4,"cursor":"4-d","tag":"t3","events":[{"stream":"config/e/k","version":3,"value":"3"}]}""", """{"type":"ok","at":80,"op":6,"cursor":"4-d"}""")]
    public void What_a_deposed_primary_had_alone_is_known_and_is_no_history(string? rule, params string[] lines)
    {
        string[] aside =
        [
            .. Right, """{"type":"invoke","at":50,"op":6,"client":"c6","node":"n","org":"o","call":"write","tag":"t3","changes":[{"op":"set","kind":"config","environment":"e","key":"k","value":"3"}]}""",
            """{"type":"revision","at":60,"org":"o","revision":3,"cursor":"3-l","tag":"t3","events":[{"stream":"config/e/k","version":3,"value":"3"}],"aside":true}""",
            """{"type":"revision","at":0,"org":"o","revision":3,"cursor":"3-c","setup":true,"events":[]}""", .. Stream, .. lines,
        ];
        Assert.Equal(rule is null ? [] : [rule], HistoryChecks.Run(Parse(aside)).Select(violation => violation.Rule).Distinct());
    }

    const string ReadLocal = """{"type":"invoke","at":70,"op":7,"client":"c7","node":"n","org":"o","call":"read","consistency":"local","items":[{"kind":"config","environment":"e","key":"k"}]}""";
    const string ReadStrong = """{"type":"invoke","at":70,"op":7,"client":"c7","node":"n","org":"o","call":"read","consistency":"strong","items":[{"kind":"config","environment":"e","key":"k"}]}""";
    const string FrameAside = """{"type":"frame","at":70,"stream":"w","kind":"change","cursor":"3-l","changes":[{"op":"set","kind":"config","environment":"e","key":"k","version":3,"value":"3"}]}""";
    const string OkTwo = """{"type":"ok","at":30,"op":2,"cursor":"2-b"}""";
    const string Second = """{"type":"revision","at":0,"org":"o","revision":2,"cursor":"2-b","tag":"t2","events":[{"stream":"config/e/k","version":2,"value":"2"}]}""";
    const string FrameTwo = """{"type":"frame","at":50,"stream":"w","kind":"change","cursor":"2-b","changes":[{"op":"set","kind":"config","environment":"e","key":"k","version":2,"value":"2"}]}""";

    static readonly string[] Right =
    [
        """{"type":"run","at":0,"format":1,"source":"test","seed":"0"}""",
        """{"type":"invoke","at":1,"op":1,"client":"c","node":"n","org":"o","call":"write","tag":"t1","changes":[{"op":"set","kind":"config","environment":"e","key":"k","value":"1"}]}""",
        """{"type":"ok","at":10,"op":1,"cursor":"1-a","items":[{"kind":"config","environment":"e","key":"k","version":1}]}""",
        """{"type":"invoke","at":20,"op":2,"client":"c","node":"n","org":"o","call":"write","tag":"t2","idempotency_key":"key","changes":[{"op":"set","kind":"config","environment":"e","key":"k","value":"2","expected_version":1}]}""",
        OkTwo,
        """{"type":"invoke","at":21,"op":4,"client":"x","node":"n","org":"p","call":"write","tag":"t4","changes":[{"op":"set","kind":"config","environment":"e","key":"k","value":"other"}]}""",
        """{"type":"ok","at":22,"op":4,"cursor":"1-p"}""",
        """{"type":"revision","at":0,"org":"o","revision":1,"cursor":"1-a","tag":"t1","events":[{"stream":"config/e/k","version":1,"value":"1"}]}""",
        Second,
        """{"type":"revision","at":0,"org":"p","revision":1,"cursor":"1-p","tag":"t4","events":[{"stream":"config/e/k","version":1,"value":"other"}]}""",
    ];

    static readonly string[] Stream =
    [
        """{"type":"stream","at":2,"stream":"w","client":"w","node":"n","org":"o","environment":"e","prefixes":["k"],"kinds":["config"]}""",
        """{"type":"frame","at":40,"stream":"w","kind":"synced","cursor":"1-a"}""",
    ];

    static List<HistoryLine> Parse(IEnumerable<string> lines) => [.. lines.Select(HistoryFile.Parse)];

    static bool Explained(IReadOnlyList<HistoryLine> lines) => LinearizationSearch.Explains(new History(lines, static (_, _, _) => { }).Operations);
}
