namespace Stele.Bench.Crash;

internal static class CrashRun
{
    public static Task<int> Run(BenchArguments arguments) => Task.FromResult(2);
}
