using System.Text;
using System.Text.Json;
using Stele.Cli.Values;
using Stele.Client;
using Stele.Client.Configuration;
using Stele.Client.Following;
using Stele.Fuzz.Making;
using Stele.Fuzz.Running;
using Stele.Simulation.Scheduling;

namespace Stele.Fuzz.Pure;

/// <summary>Keys and values as .NET's configuration sees them: what is made of the view before is what is made anew, and every name is found where it is listed.</summary>
internal static class NameSurface
{
    const int BytesMax = 4_096;
    static readonly string[] keys = ["a", "A", "a.b", "a.B", "a/b", "a[0]", "a[1]", "a[0].b", "a.0", "a.0.b", "a..b", ".a", "a.", "b", "b.c.d", "b[0][1]", "ab", "a.b.c", "[0]", "a:b"];

    public static ISurface Surface() => new PureSurface("names", "revisions of keys and values, flattened into .NET's names: one after the other or at once, it is the same", Make, Accepts);

    static byte[] Make(Dice dice)
    {
        var maker = new JsonMaker(dice);
        return maker.Bytes(maker.List(dice.Between(1, 6), () => maker.List(dice.Between(1, 4), () => dice.Chance(0.25)
            ? $"[{maker.Quote(Key(dice))}]" : $"[{maker.Quote(Key(dice))},{maker.Any(3)}]")));
    }

    static string Key(Dice dice) => dice.Chance(0.85) ? dice.Pick<string>(keys) : Nasty.SoundText(dice);

    static bool Accepts(byte[] input)
    {
        if (Revisions(input) is not { } revisions) return false;
        var (held, view) = (Held.Nothing, ConfigurationView.Empty);
        for (var i = 0; i < revisions.Count; i++)
        {
            held = held.With(new WatchEvent { Revision = i + 1, Cursor = $"{i + 1}-0", Changes = revisions[i] });
            view = ConfigurationView.Of(held, view);
            held.Since = null;
            Same(view, ConfigurationView.Of(held));
        }
        return true;
    }

    static void Same(ConfigurationView step, ConfigurationView whole)
    {
        FuzzFinding.Unless(step.Problems.SequenceEqual(whole.Problems), () => $"said: {string.Join(" ", step.Problems)}, and anew: {string.Join(" ", whole.Problems)}");
        Below("", 0);

        void Below(string path, int depth)
        {
            var names = step.ChildKeys([], path).ToList();
            FuzzFinding.Unless(names.SequenceEqual(whole.ChildKeys([], path), StringComparer.OrdinalIgnoreCase), () => $"below {path}: {string.Join(' ', names)}, and anew: {string.Join(' ', whole.ChildKeys([], path))}");
            FuzzFinding.Unless(depth == 0 || names.Count > 0 || whole.TryGet(path, out _), () => $"{path} is listed, and there is nothing");
            foreach (var name in names)
            {
                var at = depth == 0 ? name : $"{path}:{name}";
                var (here, there) = (step.TryGet(at, out var one), whole.TryGet(at, out var other));
                FuzzFinding.Unless(here == there && one == other, () => $"{at} is {one}, and anew {other}");
                Below(at, depth + 1);
            }
        }
    }

    static List<WatchedChange[]>? Revisions(byte[] input)
    {
        try
        {
            // what no server sends, because it takes none: half a character. And all that is looked at here is so for each of many names: small ones find as much
            if (input.Length > BytesMax || !System.Text.Unicode.Utf8.IsValid(input) || JsonText.Parse(Encoding.UTF8.GetString(input)) is not { } json) return null;
            return [.. json.EnumerateArray().Select(revision => revision.EnumerateArray().Select(Change).ToArray())];
        }
        catch (Exception e) when (e is InvalidOperationException or IndexOutOfRangeException)
        {
            return null;
        }
    }

    static WatchedChange Change(JsonElement change) =>
        new() { Op = change.GetArrayLength() > 1 ? "set" : "delete", Kind = "config", Environment = "production", Key = change[0].GetString() ?? "", Value = change.GetArrayLength() > 1 ? change[1] : null, Version = 1 };
}
