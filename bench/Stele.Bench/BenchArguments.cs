using System.Globalization;

namespace Stele.Bench;

/// <summary>What the command line asked for. Names are those of bench/README.md.</summary>
internal sealed record BenchArguments
{
    public required string Root { get; init; }
    public required string Out { get; init; }
    /// <summary>Null: three of a comparison, five of a crash.</summary>
    public int? Rounds { get; init; }
    public double Seconds { get; init; } = 6;
    public double WarmupSeconds { get; init; } = 12;
    public int Writers { get; init; } = 16;
    /// <summary>Of the runs that measure many keys.</summary>
    public int Keys { get; init; } = 1_000_000;
    /// <summary>Requests a second that an org may send, in the run that floods.</summary>
    public int Rate { get; init; } = 1_000;
    /// <summary>Of the run that watches: the most subscribers.</summary>
    public int Subscribers { get; init; } = 10_000;
    /// <summary>By what two nodes tell each other that something was written.</summary>
    public IReadOnlyList<string> Carriers { get; init; } = ["notify", "redis", "kafka", "none"];
    public int Port { get; init; }
    public string? Like { get; init; }
    public IReadOnlyList<string> Only { get; init; } = [];
    public IReadOnlyList<string> Peers { get; init; } = ["stele", "etcd", "bare"];

    public static BenchArguments Parse(string[] args)
    {
        var parsed = new BenchArguments { Root = Directory.GetCurrentDirectory(), Out = "" };
        for (var i = 0; i < args.Length; i++)
        {
            string Next() => ++i < args.Length ? args[i] : throw new ArgumentException($"{args[i - 1]} needs a value");
            parsed = args[i] switch
            {
                "--root" => parsed with { Root = Next() },
                "--out" => parsed with { Out = Next() },
                "--rounds" => parsed with { Rounds = int.Parse(Next(), CultureInfo.InvariantCulture) },
                "--seconds" => parsed with { Seconds = double.Parse(Next(), CultureInfo.InvariantCulture) },
                "--warmup" => parsed with { WarmupSeconds = double.Parse(Next(), CultureInfo.InvariantCulture) },
                "--writers" => parsed with { Writers = int.Parse(Next(), CultureInfo.InvariantCulture) },
                "--keys" => parsed with { Keys = int.Parse(Next(), CultureInfo.InvariantCulture) },
                "--rate" => parsed with { Rate = int.Parse(Next(), CultureInfo.InvariantCulture) },
                "--subscribers" => parsed with { Subscribers = int.Parse(Next(), CultureInfo.InvariantCulture) },
                "--carriers" => parsed with { Carriers = Next().Split(',') },
                "--port" => parsed with { Port = int.Parse(Next(), CultureInfo.InvariantCulture) },
                "--like" => parsed with { Like = Next() },
                "--only" => parsed with { Only = Next().Split(',') },
                "--peers" => parsed with { Peers = Next().Split(',') },
                "--quick" => parsed with { Rounds = 1, Seconds = 2, WarmupSeconds = 1 },
                var unknown => throw new ArgumentException($"stele-bench: no such option: {unknown}"),
            };
        }
        return parsed.Out.Length > 0 ? parsed : parsed with { Out = Path.Combine(parsed.Root, "artifacts", "bench") };
    }
}
