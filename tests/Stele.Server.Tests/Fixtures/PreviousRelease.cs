using System.Diagnostics;
using Xunit;

namespace Stele.Server.Tests.Fixtures;

/// <summary>
/// The server of the previous release, built from this repository's history: the newest tag before HEAD, and until there is
/// one, a commit from before formats. Built once, under artifacts/. A test is skipped, with the reason, where the history is not.
/// </summary>
static class PreviousRelease
{
    // the last commit whose newest migration is 0005
    const string BeforeTheFirst = "3fe9da9afba53416763be8c9b4eb10e0da7ad66c";

    static readonly Lazy<Task<string>> built = new(Build);
    static readonly string root = Postgres.RepositoryRoot();

    /// <summary>A process of it on a database, which it migrates if it is newer than the schema. Ready when this returns.</summary>
    public static async Task<ServerProcess> Start(TestDatabase db) => await ServerProcess.Start(await built.Value, db, "previous");

    /// <summary>Runs it, and gives its exit code and what it said, for when it must not start.</summary>
    public static async Task<(int Exit, string Text)> Refused(TestDatabase db)
    {
        await using var server = ServerProcess.Launch(await built.Value, db, "previous");
        return await server.Ended();
    }

    static async Task<string> Build()
    {
        if (!Path.Exists(Path.Combine(root, ".git"))) Skip("this is not a git checkout");
        var (none, tag) = await Run("git", "-C", root, "describe", "--tags", "--abbrev=0", "--match", "v[0-9]*", "HEAD^");
        var name = none == 0 ? tag.Trim() : BeforeTheFirst;
        var (unknown, text) = await Run("git", "-C", root, "rev-parse", "--verify", "--quiet", $"{name}^{{commit}}");
        if (unknown != 0) Skip($"commit {name} is not in this checkout's history; a shallow clone needs 'git fetch --unshallow'");
        var commit = text.Trim();
        var directory = Path.Combine(root, "artifacts", "previous", commit);
        var stamp = Path.Combine(directory, ".built");
        if (!File.Exists(stamp))
        {
            Directory.CreateDirectory(directory);
            await Must("sh", "-c", $"git -C '{root}' archive {commit} | tar -x -C '{directory}'");
            await Must("dotnet", "build", Path.Combine(directory, "src", "Stele.Server"), "-c", "Release", "-v", "q", "--nologo", "-nodeReuse:false", "-p:UseSharedCompilation=false");
            await File.WriteAllTextAsync(stamp, name);
        }
        return Path.Combine(directory, "src", "Stele.Server", "bin", "Release", "net10.0", "stele-server.dll");
    }

    static void Skip(string why) => Assert.Skip($"The previous release cannot be built: {why}. Nodes of two releases side by side were NOT tested.");

    static async Task Must(string program, params string[] arguments)
    {
        var (exit, text) = await Run(program, arguments);
        if (exit != 0) throw new InvalidOperationException($"{program} {string.Join(' ', arguments)} ended with {exit}:\n{text}");
    }

    static async Task<(int Exit, string Text)> Run(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = root })!;
        var error = process.StandardError.ReadToEndAsync();
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, output + await error);
    }
}
