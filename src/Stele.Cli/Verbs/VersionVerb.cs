using System.CommandLine;

namespace Stele.Cli.Verbs;

/// <summary><c>stele version</c>: of this tool. It asks nobody.</summary>
internal static class VersionVerb
{
    internal static Command Make(Surroundings surroundings, GlobalOptions options)
    {
        var command = new Command("version", "Print the version of this tool");
        command.SetAction(parsed =>
        {
            var version = typeof(VersionVerb).Assembly.GetName().Version!.ToString(3);
            surroundings.Out.WriteLine(parsed.GetValue(options.Json) ? $"{{\"version\":\"{version}\"}}" : $"stele {version}");
            return ExitCode.Done;
        });
        return command;
    }
}
