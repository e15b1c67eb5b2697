using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Stele.Cli.Templates;
using Stele.Client;

namespace Stele.Cli.Running;

/// <summary>
/// Keeps files as their templates say, with one watch for all. A file is replaced whole or not at all; when a template cannot be
/// rendered, or no server is there, the last good one stays.
/// </summary>
internal sealed class AgentSession(Call call, IReadOnlyList<AgentTemplate> templates)
{
    static readonly TimeSpan CommandPatience = TimeSpan.FromSeconds(30);
    readonly HashSet<string> failing = new(StringComparer.Ordinal);

    /// <summary>Renders once: true when every file is as it should be.</summary>
    internal async Task<bool> Render(IReadOnlyList<SteleValue> values)
    {
        var json = values.ToDictionary(NameOf, value => value.Value, StringComparer.Ordinal);
        var secrets = values.Where(value => value.IsSecret).Select(NameOf).ToHashSet(StringComparer.Ordinal);
        var due = new List<AgentTemplate>();
        foreach (var template in templates)
            if (Written(template, json, secrets)) due.Add(template);
        // a command that several files share runs once for all of them
        foreach (var command in due.Select(template => template.Command).OfType<string>().Distinct(StringComparer.Ordinal)) await Run(command);
        foreach (var pid in due.Where(template => template.PidFile is not null).Select(template => (template.PidFile, template.Signal)).Distinct()) Signal(pid.PidFile!, pid.Signal!.Value);
        return failing.Count == 0;
    }

    // a secret that is followed itself has a name of its own, which no key can have
    static string NameOf(SteleValue value) => value is { Link.Raw.ValueKind: JsonValueKind.Undefined } ? TemplateScope.Secret(value.Key) : value.Key;

    bool Written(AgentTemplate template, Dictionary<string, JsonElement> values, HashSet<string> secrets)
    {
        try
        {
            var bytes = Encoding.UTF8.GetBytes(template.Template.Render(values, out var seen));
            var isNew = !File.Exists(template.Destination) || !File.ReadAllBytes(template.Destination).AsSpan().SequenceEqual(bytes);
            if (isNew) Replace(template, bytes, seen.Overlaps(secrets));
            if (failing.Remove(template.Source)) call.Note($"stele: {template.Destination} is well again.");
            if (isNew) call.Line($"{template.Destination} written");
            return isNew;
        }
        catch (Exception e) when (e is TemplateException or IOException or UnauthorizedAccessException or Win32Exception)
        {
            failing.Add(template.Source);
            call.Note($"stele: {template.Destination} stays as it is: {(e is TemplateException { Line: > 0 } at ? $"{template.Source}:{at.Line}: " : "")}{e.Message.TrimEnd('.')}.");
            return false;
        }
    }

    static void Replace(AgentTemplate template, byte[] bytes, bool holdsSecrets)
    {
        if (OperatingSystem.IsWindows()) throw new IOException("modes and owners of files are not for Windows");
        Directory.CreateDirectory(Path.GetDirectoryName(template.Destination)!);
        var temporary = $"{template.Destination}.{Environment.ProcessId.ToString(CultureInfo.InvariantCulture)}";
        // what holds secrets is nobody else's, unless it was said whose
        var fresh = UnixFileMode.UserRead | UnixFileMode.UserWrite | (holdsSecrets ? 0 : UnixFileMode.GroupRead | UnixFileMode.OtherRead);
        var mode = template.Mode ?? (File.Exists(template.Destination) ? File.GetUnixFileMode(template.Destination) : fresh);
        try
        {
            // as nobody else's until it is whole and belongs to whom it should
            using (var file = new FileStream(temporary, new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite }))
            {
                file.Write(bytes);
                file.Flush(flushToDisk: true);
            }
            if (template.Owner is { } owner) ChangeOwner(owner, temporary);
            File.SetUnixFileMode(temporary, mode);
            File.Move(temporary, template.Destination, overwrite: true);
        }
        finally
        {
            File.Delete(temporary);
        }
    }

    static void ChangeOwner(string owner, string path)
    {
        using var chown = Process.Start(new ProcessStartInfo("chown", ["--", owner, path]) { RedirectStandardError = true })!;
        var said = chown.StandardError.ReadToEnd().Trim();
        chown.WaitForExit();
        if (chown.ExitCode != 0) throw new IOException(said);
    }

    async Task Run(string command)
    {
        using var shell = Process.Start(new ProcessStartInfo("/bin/sh", ["-c", command]))!;
        try
        {
            await shell.WaitForExitAsync(call.Cancellation).WaitAsync(CommandPatience, call.Surroundings.Clock, call.Cancellation);
            if (shell.ExitCode != 0) call.Note($"stele: {command} ended with {shell.ExitCode}.");
        }
        catch (TimeoutException)
        {
            shell.Kill(entireProcessTree: true);
            call.Note($"stele: {command} did not end within {CommandPatience.TotalSeconds} seconds, and was killed.");
        }
    }

    void Signal(string pidFile, int signal)
    {
        if (File.Exists(pidFile) && int.TryParse(File.ReadAllText(pidFile).Trim(), out var process) && process > 1 && ChildProcess.TrySignal(process, signal)) return;
        call.Note($"stele: {pidFile} names no process that could be told.");
    }
}
