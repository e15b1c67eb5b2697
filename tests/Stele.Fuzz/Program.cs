using Xunit.Runner.InProc.SystemConsole;

namespace Stele.Fuzz;

internal static class Program
{
    /// <summary><c>fuzz …</c> runs surfaces for somebody who watches; everything else is the test runner's.</summary>
    static Task<int> Main(string[] args) => args is ["fuzz", .. var rest] ? FuzzCommand.Run(rest) : ConsoleRunner.Run(args);
}
