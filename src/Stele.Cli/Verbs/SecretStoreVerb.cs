using System.CommandLine;
using Stele.Client;

namespace Stele.Cli.Verbs;

/// <summary><c>stele secret store</c> and <c>move</c>: where values lie, and moving them between the database and Vault.</summary>
internal static class SecretStoreVerb
{
    const string Vault = "vault-kv";

    internal static IEnumerable<Command> All(Surroundings surroundings, GlobalOptions options) => [Store(surroundings, options), Move(surroundings, options)];

    static Command Store(Surroundings surroundings, GlobalOptions options) => new Command("store", "Show where values of secrets lie, for operators").Does(surroundings, options, async call =>
    {
        var store = await call.Client.GetSecretStoreAsync(call.Cancellation);
        if (call.Json) return call.Print(store, SteleJson.Default.SecretStore);
        call.Line($"New values go to {call.Ink.Strong(store.Store)}");
        foreach (var line in call.Ink.Table(["STORE", "VALUES"], [["database", SecretVerb.Number(store.Database)], [Vault, SecretVerb.Number(store.VaultKv)]])) call.Line(line);
        if (store.Pending > 0) call.Line($"{store.Pending} copies in Vault are still to be hidden, shown or ended");
        return ExitCode.Done;
    });

    static Command Move(Surroundings surroundings, GlobalOptions options)
    {
        var to = new Option<string>("--to") { Description = "Where new values go: database or vault-kv", HelpName = "STORE", Required = true };
        to.AcceptOnlyFromAmong("database", Vault);
        var batch = new Option<int?>("--batch") { Description = "How many values one step looks at (100)", HelpName = "N" };
        return new Command("move", "Move all values to the store that new ones go to, each compared after it was copied. Who was interrupted goes on by the same command") { to, batch }.Does(surroundings, options, async call =>
        {
            var where = call.Parsed.GetRequiredValue(to);
            var store = await call.Client.GetSecretStoreAsync(call.Cancellation);
            // of all, and not of what is left: who comes back after a crash sees how far it was
            var total = store.Database + store.VaultKv;
            SecretMoveStep last;
            var moved = 0L;
            using (var progress = new Progress(call.Surroundings, "move", Math.Max(1, total)))
            {
                progress.Report(where == Vault ? store.VaultKv : store.Database);
                do
                {
                    last = await Pass(call, where, call.Parsed.GetValue(batch), step => progress.Report(Math.Max(0, total - step.Remaining)));
                    moved += last.Moved;
                }
                // what somebody changed while it was copied is left to the next pass; one that moves nothing is the last
                while (last.Moved > 0 && last.Remaining > last.Skipped.Count);
            }
            return Report(call, last with { Moved = moved });
        });
    }

    /// <summary>All steps from the first value to the last, as one.</summary>
    static async Task<SecretMoveStep> Pass(Call call, string to, int? batch, Action<SecretMoveStep> report)
    {
        var (moved, skipped) = (0L, new List<SkippedSecret>());
        for (string? after = null; ;)
        {
            var step = await call.Client.MoveSecretsAsync(to, batch, after, call.Cancellation);
            moved += step.Moved;
            skipped.AddRange(step.Skipped);
            report(step);
            if ((after = step.Next) is null) return step with { Moved = moved, Skipped = skipped };
        }
    }

    static int Report(Call call, SecretMoveStep all)
    {
        if (call.Json)
        {
            call.Print(all, SteleJson.Default.SecretMoveStep);
        }
        else
        {
            call.Line($"{all.Moved} values moved to {all.To}, {all.Remaining} remain");
            if (all.Skipped.Count > 0)
                foreach (var line in call.Ink.Table(["SKIPPED", "ENVIRONMENT", "VERSION", "WHY"], all.Skipped.Select(one => (IReadOnlyList<string>)
                    [one.Path, one.Environment ?? "", SecretVerb.Number(one.Version), one.Reason ?? ""]))) call.Line(line);
        }
        return all.Remaining == 0 ? ExitCode.Done : ExitCode.Unavailable;
    }
}
