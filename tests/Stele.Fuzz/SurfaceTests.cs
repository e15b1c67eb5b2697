using System.Globalization;
using Stele.Fuzz.Making;
using Stele.Fuzz.Running;
using Stele.Simulation.Scheduling;
using Xunit;

namespace Stele.Fuzz;

/// <summary>
/// A bounded part of what <c>./stele fuzz</c> runs, with one seed, so that a build that passes today passes tomorrow; and every input that
/// once found something, for ever. <c>STELE_FUZZ_INPUTS=1000000</c> and <c>STELE_FUZZ_SEED=7</c> run more, or others.
/// </summary>
public sealed class SurfaceTests(ITestOutputHelper output)
{
    public static TheoryData<string> Names => [.. Surfaces.All.Select(surface => surface.Name)];

    public static TheoryData<string, string> Regressions => [.. Directory.EnumerateFiles(Path.Combine(AppContext.BaseDirectory, "Regressions"), "*.input", SearchOption.AllDirectories)
        .Order(StringComparer.Ordinal).Select(path => (Path.GetFileName(Path.GetDirectoryName(path))!, Path.GetFileNameWithoutExtension(path)))];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Nothing_is_found_on_the_surface(string name)
    {
        await using var surface = await Surfaces.Open(name);
        var report = await new SurfaceRun(surface, Number("STELE_FUZZ_SEED") ?? 1, 0, (long)(Number("STELE_FUZZ_INPUTS") ?? (ulong)Surfaces.InputsInCi(name))).Run();
        output.WriteLine(SurfaceReport.Table([report]));
        Assert.True(report.Findings.Count == 0, report.Explained());
        // a fuzzer that makes nothing sound, or nothing broken, tests little
        Assert.InRange(report.Accepted, report.Inputs / 100, report.Inputs * 99 / 100);
    }

    [Theory]
    [MemberData(nameof(Regressions))]
    public async Task What_was_found_once_is_not_found_again(string surfaceName, string name)
    {
        await using var surface = await Surfaces.Open(surfaceName);
        await surface.Try([await File.ReadAllBytesAsync(Path.Combine(AppContext.BaseDirectory, "Regressions", surfaceName, name + ".input"))]);
    }

    [Fact]
    public void A_seed_is_one_run()
    {
        var surface = Pure.BodySurface.Surface();
        for (var index = 0; index < 200; index++)
            Assert.Equal(surface.Make(SurfaceRun.DiceOf(7, index)), surface.Make(SurfaceRun.DiceOf(7, index)));
        Assert.NotEqual(surface.Make(SurfaceRun.DiceOf(7, 0)), surface.Make(SurfaceRun.DiceOf(8, 0)));
    }

    [Fact]
    public async Task What_throws_takes_long_or_takes_much_is_found_with_its_number()
    {
        byte[] Number(Dice dice) => [(byte)dice.Next(50)];
        var thrown = await new SurfaceRun(new PureSurface("x", "", Number, input => input[0] == 7 ? throw new InvalidOperationException("seven") : true), 3, 0, 1_000) { Workers = 1 }.Run();
        Assert.Equal(8, thrown.Findings.Count);
        Assert.All(thrown.Findings, found => Assert.Equal(7, Number(SurfaceRun.DiceOf(3, found.Index))[0]));
        Assert.Contains("--seed 3 --input " + thrown.Findings[0].Index.ToString(CultureInfo.InvariantCulture), thrown.Explained(), StringComparison.Ordinal);
        var large = await new SurfaceRun(new PureSurface("x", "", Number, input => input[0] == 7 && new byte[300 << 20].Length > 0), 3, 0, 200) { Workers = 1 }.Run();
        Assert.NotEmpty(large.Findings);
        Assert.All(large.Findings, found => Assert.Contains("MiB of memory", found.Message, StringComparison.Ordinal));
    }

    static ulong? Number(string variable) => ulong.TryParse(Environment.GetEnvironmentVariable(variable), CultureInfo.InvariantCulture, out var number) ? number : null;
}
