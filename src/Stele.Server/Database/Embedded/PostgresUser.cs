using System.ComponentModel;
using System.Diagnostics;
using System.Text;

namespace Stele.Server.Database.Embedded;

/// <summary>Whom PostgreSQL's programs run as: ourselves, or a system user when we are root.</summary>
/// <param name="Name">The system user, or null for ourselves.</param>
internal sealed record PostgresUser(string? Name)
{
    /// <summary>Ourselves, or the system user (made when absent) when we are root.</summary>
    public static async Task<PostgresUser> Choose(string systemUser, CancellationToken ct)
    {
        if (!Environment.IsPrivilegedProcess)
            return new PostgresUser((string?)null);
        var self = new PostgresUser((string?)null);
        if ((await self.Run("id", ["-u", systemUser], ct)).ExitCode == 0)
            return new PostgresUser(systemUser);
        var made = await self.Run("useradd", ["--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent",
            "--shell", "/usr/sbin/nologin", "--comment", "Stele's PostgreSQL", systemUser], ct);
        // two starts may have raced: what counts is that the user is there
        if ((await self.Run("id", ["-u", systemUser], ct)).ExitCode != 0)
            throw new EmbeddedPostgresException(
                $"PostgreSQL does not run as root, and the system user '{systemUser}' could not be made ({made.LastLine}). " +
                $"Make it (useradd --system {systemUser}), or start Stele as another user.");
        return new PostgresUser(systemUser);
    }

    /// <summary>Runs a program to its end. It sees a clean environment: our own may hold tokens, and PG* variables would change what it does.</summary>
    public async Task<PostgresCommandResult> Run(string program, IReadOnlyList<string> arguments, CancellationToken ct,
        string workingDirectory = "/", string? pgData = null)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
            WorkingDirectory = workingDirectory,
        };
        if (Name is not null)
            start.UserName = Name;
        start.Environment.Clear();
        start.Environment["PATH"] = SearchPath;
        start.Environment["LC_ALL"] = "C";
        start.Environment["TZ"] = "UTC";
        if (pgData is not null)
            start.Environment["PGDATA"] = pgData;
        using var process = new Process { StartInfo = start };
        try
        {
            process.Start();
        }
        catch (Win32Exception failure)
        {
            return new PostgresCommandResult(127, $"{program}: {failure.Message}");
        }
        process.StandardInput.Close();
        try
        {
            var error = process.StandardError.ReadToEndAsync(ct);
            var output = await process.StandardOutput.ReadToEndAsync(ct);
            var all = new StringBuilder(output).Append(await error).ToString();
            await process.WaitForExitAsync(ct);
            return new PostgresCommandResult(process.ExitCode, all);
        }
        catch (OperationCanceledException)
        {
            process.Kill();
            throw;
        }
    }

    /// <summary>Makes a directory of mode 700 that belongs to this user.</summary>
    public async Task MakeDirectory(string path, CancellationToken ct)
    {
        if (Name is null)
        {
            Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            return;
        }
        var made = await new PostgresUser((string?)null).Run("install", ["-d", "-o", Name, "-g", Name, "-m", "700", path], ct);
        if (made.ExitCode != 0)
            throw new EmbeddedPostgresException($"{path} could not be made for user '{Name}': {made.LastLine}");
    }

    // sbin holds useradd, which an unprivileged shell's PATH often lacks
    static string SearchPath => (Environment.GetEnvironmentVariable("PATH") ?? "/usr/bin:/bin") + ":/usr/sbin:/sbin";
}

/// <summary>How a program ended, with what it printed to both outputs.</summary>
internal sealed record PostgresCommandResult(int ExitCode, string Output)
{
    public string LastLine => Output.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).LastOrDefault() ?? $"exit code {ExitCode}";
}
