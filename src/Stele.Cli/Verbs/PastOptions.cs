using System.CommandLine;
using Stele.Cli.Values;

namespace Stele.Cli.Verbs;

/// <summary>--at and --revision, for verbs that read the past.</summary>
internal sealed class PastOptions
{
    internal Option<string?> At { get; } = new("--at") { Description = "As of a time: 2026-01-31T14:03:00Z, 2026-01-31, or an age such as 7d", HelpName = "TIME" };

    internal Option<long?> Revision { get; } = new("--revision") { Description = "As of a revision", HelpName = "N" };

    internal void AddTo(Command command)
    {
        command.Add(At);
        command.Add(Revision);
    }

    /// <summary>False after saying that the time cannot be read.</summary>
    internal bool TryGet(Call call, out DateTimeOffset? at, out long? revision)
    {
        revision = call.Parsed.GetValue(Revision);
        at = null;
        if (call.Parsed.GetValue(At) is not { } text) return true;
        at = TimeText.Parse(text, call.Surroundings.Clock);
        if (at is null) call.Usage($"--at {text}: {TimeText.Form}");
        return at is not null;
    }
}
