using System.CommandLine;
using System.Text;
using System.Text.Unicode;
using Stele.Cli.Values;
using Stele.Client;

namespace Stele.Cli.Verbs;

/// <summary>Where the value of a secret comes from.</summary>
internal sealed class SecretSource
{
    const int GeneratedCharacters = 32;
    readonly Option<string?> file = new("--file", "-f") { Description = "Take the value from a file, all of it; - is standard input, all of it", HelpName = "FILE" };
    readonly Option<int?> generate = new("--generate") { Description = "Have the server make it, so that nobody sees it: so many characters (32)", HelpName = "N", Arity = ArgumentArity.ZeroOrOne, DefaultValueFactory = _ => null };
    readonly Option<string?> alphabet = new("--alphabet") { Description = "With --generate: of these characters (letters and digits)", HelpName = "CHARACTERS" };

    internal void AddFileTo(Command command) => command.Add(file);

    internal void AddTo(Command command)
    {
        AddFileTo(command);
        command.Add(generate);
        command.Add(alphabet);
    }

    internal bool Check(Call call, string? value)
    {
        var ways = (value is null ? 0 : 1) + (call.Parsed.GetValue(file) is null ? 0 : 1) + (Generates(call) is null ? 0 : 1);
        if (ways > 1) call.Usage("secret put takes VALUE, --file or --generate, one of them, or standard input.");
        else if (Generates(call) is null && Alphabet(call) is not null) call.Usage("--alphabet goes with --generate.");
        else return true;
        return false;
    }

    /// <summary>How many characters the server is to make; null: the value is given.</summary>
    internal int? Generates(Call call) => call.Parsed.GetResult(generate) is { Implicit: false } ? call.Parsed.GetValue(generate) ?? GeneratedCharacters : null;

    internal string? Alphabet(Call call) => call.Parsed.GetValue(alphabet);

    /// <summary>The value, or null after saying what is wrong.</summary>
    internal async Task<SecretBuffer?> Read(Call call, string? value, string path)
    {
        if (value is not null)
        {
            call.Note($"stele: the value was on the command line: your shell's history has it, and whoever listed processes saw it. Better: stele secret put {path}, which reads standard input.");
            return Of(value);
        }
        if (call.Parsed.GetValue(file) is { } name and not "-")
        {
            await using var stream = File.OpenRead(name);
            return await SecretBuffer.Read(stream, call.Cancellation);
        }
        if (call.Parsed.GetValue(file) is null && call.Surroundings is { CanAsk: true, Hidden: { } hidden })
        {
            await call.Surroundings.Error.WriteAsync($"Value of {path} (not shown): ");
            await call.Surroundings.Error.FlushAsync(call.Cancellation);
            return hidden() is { Length: > 0 } line ? Of(line) : Nothing(call);
        }
        var buffer = await SecretBuffer.Read(call.Surroundings.In(), call.Cancellation);
        if (call.Parsed.GetValue(file) is not null) return buffer;
        // what a person or echo ends a line with is not a part of it
        if (buffer.Length > 0 && buffer.Span[^1] == '\n') buffer.Shorten(1);
        if (buffer.Length > 0 && buffer.Span[^1] == '\r') buffer.Shorten(1);
        if (buffer.Length > 0) return buffer;
        buffer.Dispose();
        return Nothing(call);
    }

    /// <summary>Whether bytes are answered as text; U+0000 is none.</summary>
    internal static bool IsText(ReadOnlySpan<byte> bytes) => Utf8.IsValid(bytes) && !bytes.Contains((byte)0);

    static SecretBuffer? Nothing(Call call)
    {
        call.Usage("there is no value on standard input. An empty one is --file /dev/null.");
        return null;
    }

    static SecretBuffer Of(string text)
    {
        var buffer = new SecretBuffer(Encoding.UTF8.GetMaxByteCount(text.Length));
        buffer.Advance(Encoding.UTF8.GetBytes(text, buffer.GetSpan(Encoding.UTF8.GetMaxByteCount(text.Length))));
        return buffer;
    }
}

/// <summary>What goes with the value of a secret.</summary>
internal sealed class SecretTermOptions
{
    readonly Option<double?> days = new("--expires-in-days") { Description = "After so many days it is not given out any more", HelpName = "N" };
    readonly Option<int?> rotation = new("--rotation-days") { Description = "After so many days a new value is due; 0: never any more", HelpName = "N" };
    readonly Option<string[]> metadata = new("--metadata") { Description = "Notes that are not secret, all of them: NAME=TEXT, may be repeated; none takes them away", HelpName = "NAME=TEXT" };

    internal void AddTo(Command command)
    {
        command.Add(days);
        command.Add(rotation);
        command.Add(metadata);
    }

    internal SecretTerms? Read(Call call)
    {
        var notes = call.Parsed.GetValue(metadata) ?? [];
        if (call.Parsed.GetValue(rotation) is < 0) call.Usage("--rotation-days is at least 1; 0: never any more.");
        else if (notes is not ["none"] && notes.FirstOrDefault(note => note.IndexOf('=', StringComparison.Ordinal) < 1) is { } wrong) call.Usage($"--metadata takes NAME=TEXT, and not {JsonText.Quote(wrong)}.");
        else
            return new SecretTerms
            {
                ExpiresAt = call.Parsed.GetValue(days) is { } count ? call.Surroundings.Clock.GetUtcNow().AddDays(count) : null, RotationDays = call.Parsed.GetValue(rotation),
                Metadata = notes.Length == 0 ? null : JsonText.Parse(notes is ["none"] ? "null" : $"{{{string.Join(',', notes.Select(Member))}}}"),
            };
        return null;
    }

    static string Member(string note) => note.IndexOf('=', StringComparison.Ordinal) is var at ? $"{JsonText.Quote(note[..at])}:{JsonText.Quote(note[(at + 1)..])}" : "";
}
