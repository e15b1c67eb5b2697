using System.CommandLine;
using Stele.Client;
using Stele.Core.Orgs;

namespace Stele.Cli.Verbs;

/// <summary><c>stele environments</c> lists them, <c>stele environments create NAME</c> makes one.</summary>
internal static class EnvironmentsVerb
{
    internal static Command Make(Surroundings surroundings, GlobalOptions options)
    {
        var command = new Command("environments", "List the environments, or create one")
        {
            new Command("list", "List the environments").Does(surroundings, options, List),
            Create(surroundings, options),
        };
        return command.Does(surroundings, options, List);
    }

    static async Task<int> List(Call call)
    {
        var list = await call.Client.ListEnvironmentsAsync(call.Cancellation);
        if (call.Json) return call.Print(list, SteleJson.Default.EnvironmentList);
        foreach (var item in list.Items) call.Line(item.Default ? $"{item.Name} {call.Ink.Faint("(default)")}" : item.Name);
        return ExitCode.Done;
    }

    static Command Create(Surroundings surroundings, GlobalOptions options)
    {
        var name = new Argument<string>("NAME");
        return new Command("create", "Create an environment") { name }.Does(surroundings, options, async call =>
        {
            var text = call.Parsed.GetRequiredValue(name);
            if (!EnvironmentName.TryParse(text, out _)) return call.Usage(EnvironmentName.Message);
            var item = await call.Client.CreateEnvironmentAsync(text, call.Cancellation);
            if (call.Json) return call.Print(item, SteleJson.Default.EnvironmentItem);
            call.Line($"{item.Name} created");
            return ExitCode.Done;
        });
    }
}
