using System.CommandLine;
using System.Globalization;
using Stele.Client;
using Stele.Core.Orgs;

namespace Stele.Cli.Verbs;

/// <summary><c>stele environments</c>, or <c>stele env</c>: lists them; creates, describes, orders, deletes one.</summary>
internal static class EnvironmentsVerb
{
    internal static Command Make(Surroundings surroundings, GlobalOptions options)
    {
        var command = new Command("environments", "List the environments; create, describe, order or delete them")
        {
            new Command("list", "List the environments").Polls(surroundings, options, List),
            Get(surroundings, options),
            Create(surroundings, options),
            Describe(surroundings, options),
            Order(surroundings, options),
            Delete(surroundings, options),
        };
        command.Aliases.Add("env");
        return command.Polls(surroundings, options, List);
    }

    static async Task<int> List(Call call) => Show(call, await call.Client.ListEnvironmentsAsync(call.Cancellation));

    static int Show(Call call, EnvironmentList list)
    {
        if (call.Json) return call.Print(list, SteleJson.Default.EnvironmentList);
        return call.Table(["NAME", "KEYS", "DEFAULT", "PROTECTED", "DESCRIPTION"], list.Items.Select(item => (IReadOnlyList<string>)
            [item.Name, item.Configs.ToString(CultureInfo.InvariantCulture), item.Default ? "yes" : "", item.Protected ? "yes" : "", item.Description ?? ""]));
    }

    static string Text(Call call, EnvironmentItem item)
    {
        var notes = string.Join(", ", ((string?[])[item.Default ? "default" : null, item.Protected ? "protected" : null]).OfType<string>());
        return item.Name + (notes.Length > 0 ? " " + call.Ink.Faint($"({notes})") : "") + (item.Description is { } text ? "  " + call.Ink.Faint(text) : "");
    }

    static Command Get(Surroundings surroundings, GlobalOptions options)
    {
        var name = new Argument<string>("NAME");
        return new Command("get", "Show an environment") { name }.Does(surroundings, options, async call =>
        {
            var item = await call.Client.GetEnvironmentAsync(call.Parsed.GetRequiredValue(name), call.Cancellation);
            if (call.Json) return call.Print(item, SteleJson.Default.EnvironmentItem);
            call.Line(Text(call, item));
            return ExitCode.Done;
        });
    }

    static Command Create(Surroundings surroundings, GlobalOptions options)
    {
        var (name, description) = (new Argument<string>("NAME"), new Option<string?>("--description") { Description = "What it is for", HelpName = "TEXT" });
        return new Command("create", "Create an environment") { name, description }.Does(surroundings, options, async call =>
        {
            var text = call.Parsed.GetRequiredValue(name);
            if (!EnvironmentName.TryParse(text, out _)) return call.Usage(EnvironmentName.Message);
            var item = await call.Client.CreateEnvironmentAsync(text, call.Parsed.GetValue(description), call.Cancellation);
            if (call.Json) return call.Print(item, SteleJson.Default.EnvironmentItem);
            call.Line($"{item.Name} created");
            return ExitCode.Done;
        });
    }

    static Command Describe(Surroundings surroundings, GlobalOptions options)
    {
        var (name, text) = (new Argument<string>("NAME"), new Argument<string?>("TEXT") { Arity = ArgumentArity.ZeroOrOne, Description = "What it is for; none takes it away" });
        return new Command("describe", "Say what an environment is for") { name, text }.Does(surroundings, options, async call =>
        {
            var item = await call.Client.DescribeEnvironmentAsync(call.Parsed.GetRequiredValue(name), call.Parsed.GetValue(text), call.Cancellation);
            if (call.Json) return call.Print(item, SteleJson.Default.EnvironmentItem);
            call.Line($"{item.Name} described");
            return ExitCode.Done;
        });
    }

    static Command Order(Surroundings surroundings, GlobalOptions options)
    {
        var names = new Argument<string[]>("NAMES") { Arity = ArgumentArity.OneOrMore, Description = "All of them, the first one first" };
        return new Command("order", "Put the environments in an order") { names }.Does(surroundings, options, async call =>
            Show(call, await call.Client.ReorderEnvironmentsAsync(call.Parsed.GetRequiredValue(names), call.Cancellation)));
    }

    static Command Delete(Surroundings surroundings, GlobalOptions options)
    {
        var name = new Argument<string>("NAME");
        var confirm = new Option<string?>("--confirm") { Description = "Its name once more: needed for one that holds data", HelpName = "NAME" };
        var message = new Option<string?>("--message", "-m") { Description = "Why: kept in the history", HelpName = "TEXT" };
        return new Command("delete", "Delete an environment with its keys; its history stays") { name, confirm, message }.Does(surroundings, options, async call =>
        {
            var deleted = await call.Client.DeleteEnvironmentAsync(call.Parsed.GetRequiredValue(name), call.Parsed.GetValue(confirm), call.Parsed.GetValue(message), call.Cancellation);
            if (call.Json) return call.Print(deleted, SteleJson.Default.EnvironmentDeleted);
            call.Line($"{deleted.Name} deleted {call.Ink.Faint($"({deleted.Configs} keys, revision {deleted.Revision})")}");
            return ExitCode.Done;
        });
    }
}
