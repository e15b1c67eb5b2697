using System.CommandLine;
using Stele.Client;

namespace Stele.Cli.Verbs;

/// <summary><c>stele keys</c>: the keys by which secrets are encrypted, for operators.</summary>
internal static class KeysVerb
{
    internal static Command Make(Surroundings surroundings, GlobalOptions options) => new("keys", "The keys by which secrets are encrypted: status, rotate, rewrap, retire")
    {
        new Command("status", "Show the keys, and what each is used for").Polls(surroundings, options, async call => Show(call, await call.Client.GetKeysAsync(call.Cancellation))),
        new Command("rotate", "Make a new version, which encrypts from now on").Does(surroundings, options, async call =>
        {
            var ring = await call.Client.RotateKeysAsync(call.Cancellation);
            if (!call.Json) call.Note("What is there stays as it is until: stele keys rewrap");
            return Show(call, ring);
        }),
        Rewrap(surroundings, options), Retire(surroundings, options),
    };

    static Command Rewrap(Surroundings surroundings, GlobalOptions options)
    {
        var batch = new Option<int?>("--batch") { Description = "How many data keys one step moves (1000)", HelpName = "N" };
        return new Command("rewrap", "Move all data keys to the newest version. No value is touched; who was interrupted goes on by the same command") { batch }.Does(surroundings, options, async call =>
        {
            var ring = await call.Client.GetKeysAsync(call.Cancellation);
            // of all, and not of what is left: who comes back after a crash sees how far it was
            var total = ring.OrganizationKeys.Sum(key => key.DataKeys);
            var moved = 0L;
            RewrapStep step;
            using (var progress = new Progress(call.Surroundings, "rewrap", Math.Max(1, total)))
            {
                progress.Report(ring.OrganizationKeys is [.., var newest] ? newest.DataKeys : 0);
                do
                {
                    step = await call.Client.RewrapKeysAsync(call.Parsed.GetValue(batch), call.Cancellation);
                    moved += step.Moved;
                    progress.Report(Math.Max(0, total - step.Remaining));
                }
                // a step that moves nothing and leaves something: others are at it, or what is left cannot be moved
                while (step is { Remaining: > 0, Moved: > 0 });
            }
            if (call.Json) call.Print(step with { Moved = moved }, SteleJson.Default.RewrapStep);
            else call.Line($"{moved} data keys moved to version {step.Version}, {step.Remaining} remain");
            return step.Remaining == 0 ? ExitCode.Done : ExitCode.Unavailable;
        });
    }

    static Command Retire(Surroundings surroundings, GlobalOptions options)
    {
        var version = new Argument<long>("VERSION") { Description = "A version of the provider's key that nothing needs any more" };
        var yes = new Option<bool>("--yes", "-y") { Description = "Do not ask" };
        return new Command("retire", "Take an old version away for good: what was destroyed before is then gone from backups, too") { version, yes }.Does(surroundings, options, async call =>
        {
            var which = call.Parsed.GetRequiredValue(version);
            if (await call.Confirm($"Retire version {which} of the key, for good? Backups that need it cannot be used afterwards.", call.Parsed.GetValue(yes)) is { } no) return no;
            return Show(call, await call.Client.RetireKeyAsync(which, call.Cancellation));
        });
    }

    static int Show(Call call, KeyRing ring)
    {
        if (call.Json) return call.Print(ring, SteleJson.Default.KeyRing);
        call.Line($"{call.Ink.Strong(ring.Provider)}");
        foreach (var line in call.Ink.Table(["VERSION", "SINCE", "ID"], ring.Versions.Select(key => (IReadOnlyList<string>)[SecretVerb.Number(key.Version), Ink.Time(key.CreatedAt), key.Id]))) call.Line(line);
        call.Line("");
        call.Line(call.Ink.Strong("The organization's own"));
        foreach (var line in call.Ink.Table(["VERSION", "SINCE", "WRAPPED BY", "DATA KEYS", "WRAPS", "UNUSED SINCE"], ring.OrganizationKeys.Select(key => (IReadOnlyList<string>)
            [SecretVerb.Number(key.Version), Ink.Time(key.CreatedAt), $"{key.Provider} {key.ProviderVersion}", SecretVerb.Number(key.DataKeys), SecretVerb.Number(key.Wraps), Ink.Time(key.UnusedSince)]))) call.Line(line);
        return ExitCode.Done;
    }
}
