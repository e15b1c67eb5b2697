using Stele.Cli;
using Stele.Server.Tests.Fixtures;
using Stele.Server.Tests.Http;

namespace Stele.Server.Tests.Cli;

/// <summary>What one run of the tool did.</summary>
internal sealed record CliAnswer(int Code, string Out, string Error);

/// <summary>Runs the command line tool, in this process, against a real server.</summary>
internal static class CliServer
{
    internal static Task<CliAnswer> Run(this HttpServer server, params string[] arguments) => Run(server.Client.BaseAddress!, HttpServer.Token, arguments);

    internal static async Task<CliAnswer> Run(Uri url, string token, params string[] arguments)
    {
        var (output, error) = (new StringWriter { NewLine = "\n" }, new StringWriter { NewLine = "\n" });
        var variables = new Dictionary<string, string> { ["STELE_URL"] = url.ToString(), ["STELE_TOKEN"] = token };
        var code = await CommandLine.Run(arguments, new Surroundings
        {
            Out = output,
            Error = error,
            In = () => Stream.Null,
            Variable = variables.GetValueOrDefault,
            CanAsk = false,
            OutIsTerminal = false,
            Handler = new ContractHandler(),
        });
        return new CliAnswer(code, output.ToString(), error.ToString());
    }
}
