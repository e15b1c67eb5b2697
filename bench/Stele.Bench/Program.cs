using Stele.Bench;
using Stele.Bench.Crash;
using Stele.Bench.Flood;
using Stele.Bench.Million;
using Stele.Bench.Ofrep;
using Stele.Bench.Overload;
using Stele.Bench.Peers;
using Stele.Bench.Sdk;
using Stele.Bench.Secrets;
using Stele.Bench.Shards;
using Stele.Bench.Tokens;
using Stele.Bench.Watch;

var verb = args is [var first, ..] && !first.StartsWith('-') ? first : "compare";
var arguments = BenchArguments.Parse(verb == args.FirstOrDefault() ? args[1..] : args);
switch (verb)
{
    case "bare":
        return await BareServer.Run(arguments);
    case "list":
        foreach (var scenario in Scenarios.All) Console.WriteLine($"{scenario.Name,-18} {scenario.Title}");
        return 0;
    case "compare":
        return await Comparison.Run(arguments);
    case "crash":
        return await CrashRun.Run(arguments);
    case "fan-out":
        return await FanOutServer.Run(arguments);
    case "flags":
        return FlagRun.Run(arguments);
    case "idle":
        return await IdleRun.Run(arguments);
    case "flood":
        return await FloodRun.Run(arguments);
    case "flood-load":
        return await FloodRun.Load(arguments);
    case "limiter":
        return LimiterRun.Run(arguments);
    case "kafka-brokers":
        return await KafkaBrokers.Run();
    case "million":
        return await MillionRun.Run(arguments);
    case "ofrep":
        return await OfrepRun.Run(arguments);
    case "sdk":
        return await SdkRun.Run(arguments);
    case "overload":
        return await OverloadRun.Run(arguments);
    case "overload-load":
        return await OverloadLoad.Run(arguments);
    case "schema":
        return SchemaRun.Run(arguments);
    case "secrets":
        return await SecretsRun.Run(arguments);
    case "shards":
        return await ShardsRun.Run(arguments);
    case "tokens":
        return await TokensRun.Run(arguments);
    case "watch":
        return await WatchRun.Run(arguments);
    default:
        Console.Error.WriteLine($"stele-bench: no such verb: {verb} (compare, crash, flags, flood, idle, limiter, million, ofrep, overload, schema, sdk, secrets, shards, tokens, watch, bare, fan-out, list)");
        return 2;
}
