using System.CommandLine;
using Stele.Client;

namespace Stele.Cli.Verbs;

/// <summary>--expect-version, --force and --message, for verbs that write one key.</summary>
internal sealed class WriteOptions
{
    readonly Option<long?> expect = new("--expect-version") { Description = "Write only if the key is at this version; 0: only if it does not exist", HelpName = "N" };
    readonly Option<bool> force = new("--force") { Description = "Write in any case, even over a change made a moment ago" };

    internal Option<string?> Message { get; } = new("--message", "-m") { Description = "Why: kept in the history", HelpName = "TEXT" };

    internal void AddTo(Command command)
    {
        command.Add(expect);
        command.Add(force);
        command.Add(Message);
    }

    /// <summary>Whether one of --force and --expect-version is there.</summary>
    internal bool IsConditional(Call call) => call.Parsed.GetValue(force) || call.Parsed.GetValue(expect) is not null;

    internal bool Check(Call call)
    {
        if (!call.Parsed.GetValue(force) || call.Parsed.GetValue(expect) is null) return true;
        call.Usage("--force and --expect-version contradict each other.");
        return false;
    }

    /// <summary>What the write depends on: as told, or what is there now; null with --force.</summary>
    internal Task<long?> ExpectedVersion(Call call, string key) =>
        ExpectedVersion(call, async () => (await call.Client.GetConfigAsync(key, new ConfigRead { Environment = call.Environment }, call.Cancellation)).Version);

    /// <summary>The same of anything that has versions.</summary>
    internal async Task<long?> ExpectedVersion(Call call, Func<Task<long>> now)
    {
        if (call.Parsed.GetValue(force)) return null;
        if (call.Parsed.GetValue(expect) is { } version) return version;
        try
        {
            return await now();
        }
        catch (SteleException e) when (e.Code == "not_found")
        {
            return 0; // the key, or its environment: that, the write itself will say
        }
    }
}
