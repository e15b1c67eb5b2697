using Stele.Fuzz.Wire;
using Xunit.Runner.InProc.SystemConsole;

namespace Stele.Fuzz;

internal static class Program
{
    /// <summary><c>fuzz …</c> runs surfaces for somebody who watches; everything else is the test runner's.</summary>
    static Task<int> Main(string[] args) => args switch
    {
        ["fuzz", .. var rest] => FuzzCommand.Run(rest),
        [IdleClients.Word, .. var rest] => IdleClients.Run(rest),
        _ => ConsoleRunner.Run(args),
    };
}
