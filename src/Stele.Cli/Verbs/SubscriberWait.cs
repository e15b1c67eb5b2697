using System.CommandLine;
using Stele.Client;

namespace Stele.Cli.Verbs;

/// <summary><c>--wait-for subscribers</c>: a write is over when everybody who watches what it changed has applied or refused it, or the time is.</summary>
internal sealed class SubscriberWait
{
    const int SecondsMax = 60;
    readonly Option<string?> waitFor = new("--wait-for") { Description = "subscribers: end when all who watch what is changed have applied it, or say who has not", HelpName = "WHOM" };
    readonly Option<int?> least = new("--min-subscribers") { Description = "With --wait-for: it is not enough if fewer watch", HelpName = "N" };
    readonly Option<int?> seconds = new("--wait-seconds") { Description = "With --wait-for: how long at most (30)", HelpName = "N" };

    internal void AddTo(Command command)
    {
        waitFor.AcceptOnlyFromAmong("subscribers");
        foreach (var option in (Option[])[waitFor, least, seconds]) command.Add(option);
    }

    /// <summary>False after saying what is wrong; no wait: null.</summary>
    internal bool TryGet(Call call, out ChangeWait? wait)
    {
        var (enough, patience) = (call.Parsed.GetValue(least), call.Parsed.GetValue(seconds));
        wait = call.Parsed.GetValue(waitFor) is null ? null : new ChangeWait { SubscribersMin = enough, Timeout = TimeSpan.FromSeconds(patience ?? 30) };
        if (wait is null && (enough ?? patience) is not null) call.Usage("--min-subscribers and --wait-seconds go with --wait-for subscribers.");
        else if (enough < 0 || patience is < 1 or > SecondsMax) call.Usage($"--min-subscribers is at least 0, and --wait-seconds from 1 to {SecondsMax}.");
        else return true;
        return false;
    }

    /// <summary>Says what became of it. What was written stays written; 1 where not all have applied it.</summary>
    internal static int Report(Call call, ChangeSetResult result)
    {
        if (result.Convergence is not { } who)
        {
            call.Note("stele: it is written. Who has applied it is not known, because the first answer was lost: stele subscriptions shows it.");
            return ExitCode.Refused;
        }
        if (who is { Complete: true, Matched: 0 }) call.Note("nobody watches it");
        else if (who.Complete) call.Note($"applied by all who watch it, {who.Applied}");
        else
        {
            call.Note($"stele: it is written, and applied by {who.Applied} of {who.Matched} who watch it:");
            foreach (var party in who.Rejected) call.Note($"  {Name(party)} refuses it: {party.Reason}");
            foreach (var party in who.Pending) call.Note($"  {Name(party)} has not said anything yet");
            if (who.UnansweredNodes > 0) call.Note($"  {who.UnansweredNodes} of the nodes did not answer, and may have more");
            if (who is { Pending.Count: 0, Rejected.Count: 0, UnansweredNodes: 0 }) call.Note("  that is fewer than were asked for");
            if (who.Rejected.Count > 0) call.Note("  They go on with what they had: set a value that fits, or roll it back.");
        }
        return who.Complete ? ExitCode.Done : ExitCode.Refused;
    }

    static string Name(ConvergenceParty party) => party.Client is { } client ? $"{client} ({party.Id})" : party.Id;
}
