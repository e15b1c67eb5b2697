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

    internal static Task<CliAnswer> Run(Uri url, string token, params string[] arguments) => Run(url, token, static world => world, arguments);

    /// <summary>The same with something on standard input.</summary>
    internal static Task<CliAnswer> RunWith(this HttpServer server, byte[] input, params string[] arguments) =>
        Run(server.Client.BaseAddress!, HttpServer.Token, world => world with { In = () => new MemoryStream(input) }, arguments);

    /// <summary>The same for somebody at a terminal, who answers what he is asked.</summary>
    internal static Task<CliAnswer> RunAtTerminal(this HttpServer server, string? hidden, string answer, params string[] arguments) =>
        Run(server.Client.BaseAddress!, HttpServer.Token, world => world with { CanAsk = true, ErrorIsTerminal = true, Hidden = () => hidden, In = () => new MemoryStream(System.Text.Encoding.UTF8.GetBytes(answer)) }, arguments);

    internal static async Task<CliAnswer> Run(Uri url, string token, Func<Surroundings, Surroundings> more, params string[] arguments)
    {
        var (output, error) = (new StringWriter { NewLine = "\n" }, new StringWriter { NewLine = "\n" });
        var variables = new Dictionary<string, string> { ["STELE_URL"] = url.ToString(), ["STELE_TOKEN"] = token };
        var code = await CommandLine.Run(arguments, more(new Surroundings
        {
            Out = output,
            Error = error,
            In = () => Stream.Null,
            Variable = variables.GetValueOrDefault,
            CanAsk = false,
            OutIsTerminal = false,
            Handler = new ContractHandler(),
        }));
        return new CliAnswer(code, output.ToString(), error.ToString());
    }
}
