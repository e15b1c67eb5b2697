using System.CommandLine;

namespace Stele.Cli.Verbs;

/// <summary>
/// Verbs that work on the database itself and so belong to the server's binary; the ./stele script sends them there.
/// Here they only say so, for somebody who runs this tool without the script.
/// </summary>
internal static class ServerVerbs
{
    static readonly (string Word, string Does)[] Words =
    [
        ("verify", "Walk the journal's chain and name the first bad revision"),
        ("checkpoint", "Print a signed statement of how far journal and audit log are, to keep elsewhere"),
        ("archive", "Move old months of the journal into files, or put them back"),
        ("redact", "Empty one value for good, on record"),
        ("shards", "Count the rows of each partition, or change their number with --set"),
        ("migrate", "Bring the schema up to date"),
        ("projections", "List the projections, or build one anew from the journal with rebuild NAME"),
        ("upgrade", "Say which journal format is written, or allow the newest with finalize"),
    ];

    internal static IEnumerable<Command> Make(Surroundings surroundings) => Words.Select(known =>
    {
        var command = new Command(known.Word, $"{known.Does} (works on the database: ./stele {known.Word})") { TreatUnmatchedTokensAsErrors = false };
        command.SetAction(_ =>
        {
            surroundings.Error.WriteLine($"stele: {known.Word} works on the database itself, and not through a server's API. Run it where the server is installed: ./stele {known.Word} (that is: stele-server {known.Word}).");
            return ExitCode.Usage;
        });
        return command;
    });
}
