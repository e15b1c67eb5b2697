namespace Stele.Cli;

/// <summary>What the tool sees of the world, so that a test can be the world.</summary>
internal sealed record Surroundings
{
    internal required TextWriter Out { get; init; }

    internal required TextWriter Error { get; init; }

    /// <summary>Standard input, opened only where a verb reads it.</summary>
    internal required Func<Stream> In { get; init; }

    internal required Func<string, string?> Variable { get; init; }

    /// <summary>Whether somebody is there to be asked.</summary>
    internal required bool CanAsk { get; init; }

    /// <summary>Whether <see cref="Out"/> is a terminal.</summary>
    internal required bool OutIsTerminal { get; init; }

    /// <summary>Whether <see cref="Error"/> is a terminal.</summary>
    internal bool ErrorIsTerminal { get; init; }

    /// <summary>Reads a line that is not shown; null: there is no terminal for it.</summary>
    internal Func<string?>? Hidden { get; init; }

    /// <summary>The connection; null: one of the client's own.</summary>
    internal HttpMessageHandler? Handler { get; init; }

    internal TimeProvider Clock { get; init; } = TimeProvider.System;

    internal static Surroundings OfProcess() => new()
    {
        Out = Console.Out,
        Error = Console.Error,
        In = Console.OpenStandardInput,
        Variable = System.Environment.GetEnvironmentVariable,
        CanAsk = !Console.IsInputRedirected && !Console.IsErrorRedirected,
        OutIsTerminal = !Console.IsOutputRedirected,
        ErrorIsTerminal = !Console.IsErrorRedirected,
        Hidden = HiddenLine,
    };

    static string HiddenLine()
    {
        var line = new System.Text.StringBuilder();
        for (var key = Console.ReadKey(intercept: true); key.Key != ConsoleKey.Enter; key = Console.ReadKey(intercept: true))
            if (key.Key != ConsoleKey.Backspace) line.Append(key.KeyChar);
            else if (line.Length > 0) line.Length--;
        Console.Error.WriteLine();
        return line.ToString();
    }

    /// <summary>Colours only on a terminal, and not with NO_COLOR (no-color.org: set and not empty) nor on a dumb one.</summary>
    internal bool Colours => OutIsTerminal && string.IsNullOrEmpty(Variable("NO_COLOR")) && Variable("TERM") != "dumb";
}
