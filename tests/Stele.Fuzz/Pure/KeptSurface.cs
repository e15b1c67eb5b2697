using System.Text;
using System.Text.Json;
using Stele.Cli.Values;
using Stele.Client;
using Stele.Client.Keeping;
using Stele.Fuzz.Making;
using Stele.Fuzz.Running;
using Stele.Simulation.Scheduling;

namespace Stele.Fuzz.Pure;

/// <summary>The file that an app begins with when there is no server: whatever is in it, the app gets what was kept or hears once that it cannot.</summary>
internal static class KeptSurface
{
    const byte AsItIs = 0, Sealed = 1, Changed = 2;
    const string Sound = """{"revision":7,"confirmed_at":"2026-11-22T00:00:00Z","items":[{"key":"a.b","value":{"x":[1,"é"]},"type":"json","version":3},{"key":"c","value":"text","type":"string","version":1}]}""";
    static readonly byte[] secret = [.. Enumerable.Range(1, 32).Select(i => (byte)i)];
    static readonly ThreadLocal<string> directory = new(() => Directory.CreateTempSubdirectory("stele-fuzz-kept-").FullName);

    public static ISurface Surface() => new PureSurface("kept", "files of what was last known: corrupt, cut off, another's, or sealed with something else inside; used as they were written or passed over with a word", Make, Accepts);

    static byte[] Make(Dice dice) => dice.Next(4) switch
    {
        0 => [AsItIs, .. Mutation.Of(dice, Encoding.ASCII.GetBytes(dice.Pick<string>(["stele-last-known 1 fuzz\n", "stele-last-known 2 fuzz\n", "stele-last-known ", "{}", ""]) + new string('x', dice.Next(80))))],
        1 => [Changed, (byte)dice.Next(256), (byte)dice.Next(256), (byte)dice.Next(256), (byte)dice.Next(2)],
        _ => [Sealed, .. Inside(dice)],
    };

    static byte[] Inside(Dice dice)
    {
        var maker = new JsonMaker(dice);
        string Item() => maker.Object([("key", maker.Text), ("value", () => maker.Any(3)), ("type", () => dice.Pick<string>(["\"json\"", "\"string\"", "null"])), ("version", () => "1"), ("killed", () => dice.Pick<string>(["true", "false"])),
            .. dice.Chance(0.3) ? [("path", (Func<string>)maker.Text), ("secret", () => dice.Chance(0.5) ? "null" : maker.Text())] : Array.Empty<(string, Func<string>)>()]);
        return maker.Bytes(maker.Object(("revision", () => dice.Pick<string>(["7", "0", "-1", "9223372036854775807", maker.Number()])), ("confirmed_at", () => dice.Pick<string>(["\"2026-11-22T00:00:00Z\"", "\"9999-12-31T23:59:59Z\"", "\"0001-01-01T00:00:00Z\"", maker.Text()])),
            ("items", () => maker.List(dice.Next(4), Item))));
    }

    static bool Accepts(byte[] input)
    {
        var said = new List<string>();
        var kept = new LastKnown(directory.Value!, () => secret, "fuzz", new LastKnownOptions { AgeMax = TimeSpan.FromDays(100_000), Secrets = true }, TimeProvider.System, notice => said.Add(notice.Text));
        Directory.CreateDirectory(Path.GetDirectoryName(kept.Place)!);
        System.IO.File.WriteAllBytes(kept.Place, File(kept, input));
        var found = kept.Read();
        FuzzFinding.Unless(found is null == (said.Count == 1), () => $"{(found is null ? "passed over" : "used")}, and said: {string.Join(" ", said)}");
        FuzzFinding.Unless(input[0] != AsItIs || found is null, () => "what was never sealed is used");
        FuzzFinding.Unless(input[0] != Changed || found is null == (input[3] != 0 || input[4] != 0), () => "what was changed or cut off is used, or what was not is not");
        if (found is not { } used) return false;
        foreach (var (key, item) in used.Held.Items) FuzzFinding.Unless(item.Key == key && item.Text is not null, () => $"{key} is no whole item");
        // half a character inside is seen by who reads it, and no server sends any
        if (used.Held.Items.Values.Any(item => JsonText.Parse(item.Value.GetRawText()) is null)) return false;
        // what was read is written and read as the same
        kept.Write(used.Held, TimeProvider.System.GetUtcNow());
        var again = kept.Read();
        FuzzFinding.Unless(again is { } back && back.Held.Items.Count == used.Held.Items.Count && used.Held.Items.All(pair => back.Held.Items.TryGetValue(pair.Key, out var item) && JsonText.Same(item.Value, pair.Value.Value)),
            () => $"it does not come back as it was: {string.Join(" ", said)}");
        return true;
    }

    static byte[] File(LastKnown kept, byte[] input)
    {
        if (input[0] == AsItIs) return input[1..];
        if (input[0] == Sealed) return kept.Seal(input[1..]);
        var whole = kept.Seal(Encoding.UTF8.GetBytes(Sound));
        whole[(input[1] * 256 + input[2]) % whole.Length] ^= input[3];
        return input[4] == 0 ? whole : whole[..^(1 + input[1] % (whole.Length - 1))];
    }
}
