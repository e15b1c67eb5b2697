using System.CommandLine;
using Stele.Client;

namespace Stele.Cli.Verbs;

/// <summary><c>stele list [PREFIX]</c>: all keys of one revision.</summary>
internal static class ListVerb
{
    /// <summary>Items of a page: the most that the server gives.</summary>
    internal const int PageItems = 1_000;

    internal static Command Make(Surroundings surroundings, GlobalOptions options)
    {
        var prefix = new Argument<string?>("PREFIX") { Arity = ArgumentArity.ZeroOrOne, Description = "Keys that begin with this" };
        var keysOnly = new Option<bool>("--keys") { Description = "Keys without values" };
        var limit = new Option<int?>("--limit") { Description = "At most so many", HelpName = "N" };
        var past = new PastOptions();
        var command = new Command("list", "List keys and values") { prefix, keysOnly, limit };
        past.AddTo(command);
        var watch = new WatchOption();
        watch.AddTo(command);
        return command.Does(surroundings, options, async call =>
        {
            if (!past.TryGet(call, out var at, out var revision)) return ExitCode.Usage;
            var most = call.Parsed.GetValue(limit) ?? int.MaxValue;
            if (most < 1) return call.Usage("--limit is at least 1.");
            var list = new ConfigList { Environment = call.Environment, Prefix = call.Parsed.GetValue(prefix), KeysOnly = call.Parsed.GetValue(keysOnly), Limit = Math.Min(most, PageItems), At = at, Revision = revision };
            if (!watch.Check(call, at is not null || revision is not null)) return ExitCode.Usage;
            return await watch.Run(call, "config", list.Prefix, static _ => true, () => Print(call, list, most));
        });
    }

    static async Task<(int Code, long Revision)> Print(Call call, ConfigList list, int most)
    {
        var items = new List<ConfigItem>();
        var page = await call.Client.ListConfigAsync(list, call.Cancellation);
        while (true)
        {
            var taken = page.Items.Take(most - items.Count).ToList();
            items.AddRange(taken);
            if (!call.Json) foreach (var item in taken) call.Line(list.KeysOnly ? item.Key : $"{item.Key} = {(item.Redacted ? Ink.Redacted : Ink.Show(item.Value))}");
            if (page.NextCursor is null || items.Count >= most) break;
            page = await call.Client.ListConfigAsync(list with { Cursor = page.NextCursor }, call.Cancellation);
        }
        if (call.Json) return (call.Print(new ConfigPage { Items = items, Revision = page.Revision, NextCursor = page.NextCursor }, SteleJson.Default.ConfigPage), page.Revision);
        if (page.NextCursor is not null) call.Note(call.Ink.Faint($"There are more than {most}."));
        return (ExitCode.Done, page.Revision);
    }
}
