using System.CommandLine;
using System.Globalization;
using Stele.Client;

namespace Stele.Cli.Verbs;

/// <summary><c>stele settings</c>: shows those of the organization, <c>stele settings set</c> changes them.</summary>
internal static class SettingsVerb
{
    const string None = "none";

    internal static Command Make(Surroundings surroundings, GlobalOptions options)
    {
        var command = new Command("settings", "Show the organization's settings, or change them") { Set(surroundings, options) };
        return command.Does(surroundings, options, async call => Show(call, await call.Client.GetSettingsAsync(call.Cancellation)));
    }

    static int Show(Call call, OrgSettings settings)
    {
        if (call.Json) return call.Print(settings, SteleJson.Default.OrgSettings);
        call.Line($"default environment: {settings.DefaultEnvironment}");
        call.Line($"protected environments: {(settings.ProtectedEnvironments.Count > 0 ? string.Join(", ", settings.ProtectedEnvironments) : None)}");
        foreach (var (name, value) in settings.Limits) call.Line(string.Create(CultureInfo.InvariantCulture, $"limit {name}: {value}"));
        return ExitCode.Done;
    }

    static Command Set(Surroundings surroundings, GlobalOptions options)
    {
        var defaultEnvironment = new Option<string?>("--default-environment") { Description = "The environment that a request without one means", HelpName = "NAME" };
        var protect = Many("--protect", "A write in it needs a permission of its own and a reason", "NAME");
        var unprotect = Many("--unprotect", "Take the protection off", "NAME");
        var limit = Many("--limit", "A limit of the organization's own, as NAME=VALUE; NAME=none is the server's again", "NAME=VALUE");
        var message = new Option<string?>("--message", "-m") { Description = "Why: kept in the journal; needed to take protection off", HelpName = "TEXT" };
        return new Command("set", "Change settings; the others stay") { defaultEnvironment, protect, unprotect, limit, message }.Does(surroundings, options, async call =>
        {
            var limits = new Dictionary<string, long?>(StringComparer.Ordinal);
            foreach (var text in call.Parsed.GetValue(limit) ?? [])
                if (!TryLimit(text, limits)) return call.Usage($"--limit {text}: give NAME=VALUE, the value a whole number or none.");
            var (adds, takes) = (call.Parsed.GetValue(protect) ?? [], call.Parsed.GetValue(unprotect) ?? []);
            // only if nobody changed the list meanwhile, of which a part is given here
            var before = adds.Length + takes.Length > 0 ? await call.Client.GetSettingsAsync(call.Cancellation) : null;
            var change = new OrgSettingsChange
            {
                DefaultEnvironment = call.Parsed.GetValue(defaultEnvironment), ProtectedEnvironments = before is null ? null : [.. before.ProtectedEnvironments.Except(takes).Union(adds)],
                Limits = limits.Count > 0 ? limits : null, ExpectedVersion = before?.Version, ChangeLog = call.Parsed.GetValue(message),
            };
            if (change is { DefaultEnvironment: null, ProtectedEnvironments: null, Limits: null }) return call.Usage("settings set takes what is to be changed; see --help.");
            return Show(call, await call.Client.ChangeSettingsAsync(change, call.Cancellation));
        });
    }

    static bool TryLimit(string text, Dictionary<string, long?> limits)
    {
        if (text.Split('=', 2) is not [{ Length: > 0 } name, var value]) return false;
        if (value == None) return limits.TryAdd(name, null);
        return long.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && limits.TryAdd(name, number);
    }

    static Option<string[]> Many(string name, string description, string help) => new(name) { Description = description, HelpName = help };
}
