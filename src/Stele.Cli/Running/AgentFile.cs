using System.Globalization;
using System.Text.Json;
using Stele.Cli.Import;
using Stele.Cli.Templates;
using Stele.Cli.Values;

namespace Stele.Cli.Running;

/// <summary>One file that the agent keeps.</summary>
/// <param name="Source">The template.</param>
/// <param name="Destination">The file.</param>
/// <param name="Mode">Its mode; null: as it is, else 644.</param>
/// <param name="Owner">As chown takes it; null: as the agent.</param>
/// <param name="Command">What runs when it has changed; null: nothing.</param>
/// <param name="Signal">Which signal is sent when it has changed, to the process of <paramref name="PidFile"/>.</param>
/// <param name="PidFile">Where that process's number is.</param>
/// <param name="Template">The template, read.</param>
internal sealed record AgentTemplate(string Source, string Destination, UnixFileMode? Mode, string? Owner, string? Command, int? Signal, string? PidFile, Template Template);

/// <summary>The agent's file: <c>templates</c>, each with <c>source</c>, <c>destination</c> and what else there is to say.</summary>
internal static class AgentFile
{
    static readonly string[] members = ["source", "destination", "mode", "owner", "command", "signal", "pid_file"];

    /// <summary>The templates, or what is wrong.</summary>
    internal static List<AgentTemplate> Read(string path, List<string> problems)
    {
        var templates = new List<AgentTemplate>();
        try
        {
            var text = File.ReadAllText(path);
            if (YamlSource.Parse(text) is not [MapNode root] || root.Members is not [{ Name: "templates", Value: ListNode list }])
            {
                problems.Add($"{path}: one member is expected, templates, a list");
                return templates;
            }
            foreach (var item in list.Items)
                if (One(path, item, text.Length, problems) is { } template) templates.Add(template);
            foreach (var twice in templates.GroupBy(template => template.Destination, StringComparer.Ordinal).Where(group => group.Count() > 1)) problems.Add($"{path}: {twice.Key} is the destination of {twice.Count()} templates");
        }
        catch (SourceFormatException e)
        {
            problems.Add($"{path}:{e.Line}: {e.Message}");
        }
        return templates;
    }

    static AgentTemplate? One(string path, SourceNode item, int characters, List<string> problems)
    {
        var count = problems.Count;
        if (JsonText.Parse(Flattening.ToJson(item, characters)) is not { ValueKind: JsonValueKind.Object } json)
        {
            problems.Add($"{path}:{item.Line}: a template is a map with source and destination");
            return null;
        }
        foreach (var unknown in json.EnumerateObject().Where(member => !members.Contains(member.Name))) problems.Add($"{path}:{item.Line}: {unknown.Name} is not known here: {string.Join(", ", members)} are");
        string? Given(string name) => json.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? JsonText.Bare(value) : null;
        foreach (var needed in (string[])["source", "destination"])
            if (string.IsNullOrEmpty(Given(needed))) problems.Add($"{path}:{item.Line}: {needed} is missing");
        foreach (var file in (string[])["source", "destination", "pid_file"])
            if (Given(file)?.Contains('\0', StringComparison.Ordinal) == true) problems.Add($"{path}:{item.Line}: {file} holds U+0000, which no path can");
        var mode = Given("mode") is { } digits ? Mode(digits) : null;
        if (Given("mode") is { } wrong && mode is null) problems.Add($"{path}:{item.Line}: mode is {wrong}, and should be like \"0640\"");
        var signal = Given("signal") is { } name ? Signals.Parse(name) : null;
        if (Given("signal") is { } odd && signal is null) problems.Add($"{path}:{item.Line}: {odd} is no signal: {Signals.Names} are");
        if ((Given("signal") is null) != (Given("pid_file") is null)) problems.Add($"{path}:{item.Line}: signal and pid_file belong together");
        if (problems.Count > count) return null;
        var source = Beside(path, Given("source")!);
        return Parse(source, $"{path}:{item.Line}", problems) is { } template ? new AgentTemplate(source, Beside(path, Given("destination")!), mode, Given("owner"), Given("command"), signal, Given("pid_file") is { } pid ? Beside(path, pid) : null, template) : null;
    }

    static Template? Parse(string source, string named, List<string> problems)
    {
        try
        {
            return Template.Parse(File.ReadAllText(source));
        }
        catch (TemplateException e)
        {
            problems.Add($"{source}:{e.Line}: {e.Message}");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            problems.Add($"{named}: {e.Message}");
        }
        return null;
    }

    // relative to the file that names it, wherever the agent is started
    static string Beside(string file, string path) => Path.GetFullPath(path, Path.GetDirectoryName(Path.GetFullPath(file))!);

    static UnixFileMode? Mode(string octal)
    {
        try
        {
            return Convert.ToInt32(octal, 8) is >= 0 and <= 0xfff and var bits ? (UnixFileMode)bits : null;
        }
        catch (Exception e) when (e is FormatException or OverflowException or ArgumentException)
        {
            return null;
        }
    }
}
