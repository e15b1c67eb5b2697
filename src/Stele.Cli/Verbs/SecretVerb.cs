using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Stele.Cli.Values;
using Stele.Client;
using Stele.Core.Secrets;

namespace Stele.Cli.Verbs;

/// <summary><c>stele secret</c>: values come by standard input or from files and go to standard output or into files that nobody else reads. What ends them is <see cref="SecretEndVerb"/>.</summary>
internal static class SecretVerb
{
    internal static Command Make(Surroundings surroundings, GlobalOptions options)
    {
        var command = new Command("secret", "Secrets: put, get, list, delete, destroy")
        {
            Get(surroundings, options), Put(surroundings, options), List(surroundings, options), Metadata(surroundings, options), Versions(surroundings, options),
        };
        foreach (var verb in SecretEndVerb.All(surroundings, options).Concat(SecretWrapVerb.All(surroundings, options)).Concat(SecretStoreVerb.All(surroundings, options))) command.Add(verb);
        return command;
    }

    internal static Argument<string> PathArgument() => new("PATH") { Description = "Such as payments/db-password" };

    /// <summary>The path that was given, or null after saying what is wrong with it.</summary>
    internal static string? Path(Call call, Argument<string> argument)
    {
        var text = call.Parsed.GetRequiredValue(argument);
        if (SecretPath.TryParse(text, out _, out _, out var message)) return text;
        call.Usage($"{JsonText.Quote(text)} is not the path of a secret. {message}");
        return null;
    }

    static Command Get(Surroundings surroundings, GlobalOptions options)
    {
        var path = PathArgument();
        var version = new Option<long?>("--version") { Description = "A version of it", HelpName = "N" };
        var file = new Option<string?>("--out", "-o") { Description = "Write the value, exactly, into a file that only you can read", HelpName = "FILE" };
        var base64 = new Option<bool>("--base64") { Description = "Print the value in base64" };
        return new Command("get", "Print a secret; the audit log says that you did") { path, version, file, base64 }.Does(surroundings, options, async call =>
        {
            if (Path(call, path) is not { } name) return ExitCode.Usage;
            var (to, coded) = (call.Parsed.GetValue(file), call.Parsed.GetValue(base64));
            if (to is not null && (coded || call.Json)) return call.Usage("--out takes the value as it is, without --base64, --json and --yaml.");
            using var secret = await call.Client.GetSecretAsync(name, new SecretRead { Environment = call.Environment, Version = call.Parsed.GetValue(version) }, call.Cancellation);
            return Show(call, secret, to, coded);
        });
    }

    /// <summary>Gives a value to whoever asked for it.</summary>
    internal static int Show(Call call, SteleSecret secret, string? to, bool coded)
    {
        if (call.Json) return call.Print(Whole(secret), SteleJson.Default.JsonElement);
        if (to is not null)
        {
            PrivateFile.Write(to, secret.Bytes.Span);
            call.Note($"{secret.Bytes.Length} bytes in {to}, which only you can read");
            return ExitCode.Done;
        }
        if (!coded && !secret.IsText) return call.Usage($"{secret.Item.Path} is no text: --out FILE takes its bytes, --base64 prints them.");
        call.Line(coded ? Convert.ToBase64String(secret.Bytes.Span) : secret.GetText());
        return ExitCode.Done;
    }

    static Command Put(Surroundings surroundings, GlobalOptions options)
    {
        var path = PathArgument();
        var value = new Argument<string?>("VALUE") { Arity = ArgumentArity.ZeroOrOne, Description = "Better not: it stays in your shell's history. Without it standard input is read" };
        var source = new SecretSource();
        var terms = new SecretTermOptions();
        var write = new WriteOptions();
        var command = new Command("put", "Write a secret: from standard input (unseen at a terminal), a file, or made by the server") { path, value };
        source.AddTo(command);
        terms.AddTo(command);
        write.AddTo(command);
        return command.Does(surroundings, options, async call =>
        {
            if (Path(call, path) is not { } name || !write.Check(call) || terms.Read(call) is not { } read) return ExitCode.Usage;
            if (!source.Check(call, call.Parsed.GetValue(value))) return ExitCode.Usage;
            read = read with { ChangeLog = call.Parsed.GetValue(write.Message), ExpectedVersion = await Expected(call, write, name) };
            if (source.Generates(call) is { } length) return Written(call, await call.Client.GenerateSecretAsync(name, call.Environment, new SecretGenerate { Length = length, Alphabet = source.Alphabet(call), Terms = read }, call.Cancellation));
            using var bytes = await source.Read(call, call.Parsed.GetValue(value), name);
            if (bytes is null) return ExitCode.Usage;
            return Written(call, await call.Client.SetSecretAsync(name, call.Environment, new SecretWrite { Bytes = bytes.Memory, IsText = SecretSource.IsText(bytes.Span), Terms = read }, call.Cancellation));
        });
    }

    /// <summary>What is there now, which who may only write can see as well.</summary>
    internal static Task<long?> Expected(Call call, WriteOptions write, string path) =>
        write.ExpectedVersion(call, async () => (await call.Client.GetSecretItemAsync(path, new SecretRead { Environment = call.Environment }, call.Cancellation)).Version);

    static Command List(Surroundings surroundings, GlobalOptions options)
    {
        var prefix = new Argument<string?>("PATH") { Arity = ArgumentArity.ZeroOrOne, Description = "Paths that begin with this" };
        var status = new Option<string?>("--status") { Description = "active, rotation_due, expiring, expired, deleted or destroyed", HelpName = "STATUS" };
        status.AcceptOnlyFromAmong("active", "rotation_due", "expiring", "expired", "deleted", "destroyed");
        var watch = new WatchOption();
        var command = new Command("list", "List secrets, without their values") { prefix, status };
        watch.AddTo(command);
        return command.Does(surroundings, options, call =>
        {
            var list = new SecretList { Environment = call.Environment, Prefix = call.Parsed.GetValue(prefix), Status = call.Parsed.GetValue(status), Limit = ListVerb.PageItems };
            return watch.Run(call, "secret", list.Prefix, static _ => true, () => Print(call, list));
        });
    }

    static async Task<(int Code, long Revision)> Print(Call call, SecretList list)
    {
        var page = await call.Client.ListSecretsAsync(list, call.Cancellation);
        var items = page.Items.ToList();
        for (; page.NextCursor is not null; items.AddRange(page.Items)) page = await call.Client.ListSecretsAsync(list with { Cursor = page.NextCursor }, call.Cancellation);
        if (call.Json) return (call.Print(new SecretPage { Items = items, Revision = page.Revision }, SteleJson.Default.SecretPage), page.Revision);
        foreach (var line in call.Ink.Table(["PATH", "VERSION", "WHEN", "STATUS", "UNTIL", "ROTATION DUE"], items.Select(item => (IReadOnlyList<string>)
            [item.Path, Number(item.Version), Ink.Time(item.CreatedAt), item.Status ?? "", Ink.Time(item.ExpiresAt), Ink.Time(item.RotationDueAt)]))) call.Line(line);
        return (ExitCode.Done, page.Revision);
    }

    static Command Metadata(Surroundings surroundings, GlobalOptions options)
    {
        var path = PathArgument();
        return new Command("metadata", "Show what is known of a secret, without its value") { path }.Does(surroundings, options, async call =>
        {
            if (Path(call, path) is not { } name) return ExitCode.Usage;
            var item = await call.Client.GetSecretItemAsync(name, new SecretRead { Environment = call.Environment }, call.Cancellation);
            if (call.Json) return call.Print(item, SteleJson.Default.SecretItem);
            var rows = new (string Name, string Text)[]
            {
                ("path", item.Path), ("environment", item.Environment ?? ""), ("version", Number(item.Version)), ("revision", Number(item.Revision)), ("status", item.Status ?? ""), ("written", Ink.Time(item.CreatedAt)), ("by", item.CreatedBy ?? ""),
                ("until", Ink.Time(item.ExpiresAt)), ("rotation", item.RotationDays is { } days ? $"every {Number(days)} days, due {Ink.Time(item.RotationDueAt)}" : ""), ("metadata", Ink.Show(item.Metadata)),
            };
            foreach (var (label, text) in rows.Where(row => row.Text.Length > 0)) call.Line($"{call.Ink.Faint(label.PadRight(11))}  {text}");
            return ExitCode.Done;
        });
    }

    static Command Versions(Surroundings surroundings, GlobalOptions options)
    {
        var path = PathArgument();
        return new Command("versions", "Show the versions of a secret, newest first, without their values") { path }.Does(surroundings, options, async call =>
        {
            if (Path(call, path) is not { } name) return ExitCode.Usage;
            var items = new List<SecretItem>();
            for (string? cursor = null; ;)
            {
                var page = await call.Client.GetSecretHistoryAsync(name, call.Environment, ListVerb.PageItems, cursor, call.Cancellation);
                items.AddRange(page.Items);
                if ((cursor = page.NextCursor) is null) break;
            }
            if (call.Json) return call.Print(new SecretHistory { Items = items }, SteleJson.Default.SecretHistory);
            foreach (var line in call.Ink.Table(["VERSION", "REVISION", "WHEN", "BY", "WHAT", "STATUS", "WHY"], items.Select(item => (IReadOnlyList<string>)
                [Number(item.Version), Number(item.Revision), Ink.Time(item.CreatedAt), item.CreatedBy ?? "", item.Kind ?? "", item.Status ?? "", item.ChangeLog ?? ""]))) call.Line(line);
            return ExitCode.Done;
        });
    }

    internal static int Written(Call call, SecretItem item)
    {
        if (call.Json) return call.Print(item, SteleJson.Default.SecretItem);
        call.Line($"{item.Path} written {call.Ink.Faint($"({item.Environment}, version {item.Version}, revision {item.Revision})")}");
        return ExitCode.Done;
    }

    internal static string Number(long number) => number.ToString(CultureInfo.InvariantCulture);

    // the answer as the server gave it, by somebody who asked to see it
    static JsonElement Whole(SteleSecret secret)
    {
        var members = JsonSerializer.SerializeToElement(secret.Item, SteleJson.Default.SecretItem).EnumerateObject().Select(member => $"{JsonText.Quote(member.Name)}:{member.Value.GetRawText()}");
        var value = secret.IsText ? $"\"value\":{JsonText.Quote(secret.GetText())}" : $"\"value_base64\":\"{Convert.ToBase64String(secret.Bytes.Span)}\"";
        return JsonText.Parse($"{{{string.Join(',', members.Append(value))}}}")!.Value;
    }
}
