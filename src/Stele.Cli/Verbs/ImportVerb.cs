using System.CommandLine;
using Stele.Cli.Import;
using Stele.Client;

namespace Stele.Cli.Verbs;

/// <summary><c>stele import PATH</c>: its options; what it does is in <see cref="ImportRun"/>.</summary>
internal static class ImportVerb
{
    internal static Command Make(Surroundings surroundings, GlobalOptions options)
    {
        var path = new Argument<string>("PATH") { Description = "A .yml, .yaml, .json, .properties or .env file, or a directory of them" };
        var create = new Option<bool>("--create-environments") { Description = "Make the environments that are not there" };
        var skip = new Option<bool>("--skip-invalid") { Description = "Leave out what cannot be a key or a value, and say what" };
        var infer = new Option<bool>("--infer-types") { Description = ".properties and .env: read values as set does, not all as text" };
        var service = new Option<string?>("--service") { Description = "Put all keys below this, instead of the files' names", HelpName = "NAME" };
        var whole = new Option<bool>("--whole-keys") { Description = "The keys in the files are whole: put nothing before them" };
        var profiles = new Option<bool>("--profile-files") { Description = "NAME-PROFILE.yml is for PROFILE, where NAME.yml is there too or NAME is application" };
        var message = new Option<string?>("--message", "-m") { Description = "Why: kept in the history", HelpName = "TEXT" };
        var dryRun = new Option<bool>("--dry-run") { Description = "Show what would change, and change nothing" };
        var yes = new Option<bool>("--yes", "-y") { Description = "Do not ask" };
        var verbose = new Option<bool>("--verbose") { Description = "Show every change, however many" };
        var command = new Command("import", "Import configuration files as one change") { path, create, skip, infer, service, whole, profiles, message, dryRun, yes, verbose };
        return command.Does(surroundings, options, async call =>
        {
            T Option<T>(Option<T> option) => call.Parsed.GetValue(option)!;
            if (Option(whole) && Option(service) is not null) return call.Usage("--service and --whole-keys contradict each other.");
            var from = call.Parsed.GetRequiredValue(path);
            if (!File.Exists(from) && !Directory.Exists(from)) return call.Usage($"there is no {from}.");
            var wish = new ImportWish
            {
                Path = from,
                Naming = new NamingRules(Option(service), Option(whole), Option(profiles)),
                InferTypes = Option(infer),
                CreateEnvironments = Option(create),
                SkipInvalid = Option(skip),
                Message = Option(message) ?? $"import of {Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(from)))}",
                DryRun = Option(dryRun),
                Yes = Option(yes),
                Verbose = Option(verbose),
            };
            return await new ImportRun(call, wish).Run();
        });
    }
}

/// <summary>What an import was asked to do.</summary>
internal sealed record ImportWish
{
    internal required string Path { get; init; }

    internal required NamingRules Naming { get; init; }

    internal required bool InferTypes { get; init; }

    internal required bool CreateEnvironments { get; init; }

    internal required bool SkipInvalid { get; init; }

    internal required string Message { get; init; }

    internal required bool DryRun { get; init; }

    internal required bool Yes { get; init; }

    internal required bool Verbose { get; init; }
}
