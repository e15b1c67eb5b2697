using Stele.Client.Following;
using Xunit;

namespace Stele.Core.Tests.Client;

/// <summary>The map that a client holds its values in, beside .NET's.</summary>
public sealed class KeyMapTests
{
    [Theory]
    [InlineData(1, false)]
    [InlineData(2, true)]
    [InlineData(3, false)]
    public void It_holds_what_a_dictionary_holds_and_the_ones_before_stay_as_they_were(int seed, bool ignoreCase)
    {
        var chance = new Random(seed);
        var model = new Dictionary<string, int>(ignoreCase ? StringComparer.OrdinalIgnoreCase : StringComparer.Ordinal);
        var map = ignoreCase ? KeyMap<int>.EmptyIgnoringCase : KeyMap<int>.Empty;
        var earlier = new List<(KeyMap<int> Map, Dictionary<string, int> Model)>();
        for (var round = 0; round < 60; round++)
        {
            earlier.Add((map, new Dictionary<string, int>(model, model.Comparer)));
            var editor = map.Edit();
            for (var i = chance.Next(60); i > 0; i--)
            {
                var key = Key(chance);
                switch (chance.Next(4))
                {
                    case 0:
                        Assert.Equal(model.Remove(key), editor.Remove(key));
                        break;
                    case 1:
                        Assert.Equal(model.TryAdd(key, i), editor.TryAdd(key, i));
                        break;
                    default:
                        model[key] = i;
                        editor[key] = i;
                        break;
                }
                Assert.Equal(model.TryGetValue(key, out var expected), editor.TryGetValue(key, out var found));
                Assert.Equal(expected, found);
            }
            map = editor.Map();
        }
        earlier.Add((map, model));
        foreach (var (then, known) in earlier)
        {
            Assert.Equal(known.Count, then.Count);
            Assert.Equal(known.OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => pair.Value), then.OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => pair.Value));
            foreach (var key in known.Keys) Assert.True(then.TryGetValue(ignoreCase ? key.ToUpperInvariant() : key, out var value) && value == known[key]);
        }
        Assert.False(map.ContainsKey("a name that nothing has"));
    }

    [Fact]
    public void Names_that_differ_in_one_character_anywhere_are_apart()
    {
        const string name = "services.payment.timeout";
        var pairs = Enumerable.Range(0, name.Length).Select(i => KeyValuePair.Create(name[..i] + '#' + name[(i + 1)..], i)).Append(KeyValuePair.Create(name, -1))
            .Concat(Enumerable.Range(0, name.Length).Select(i => KeyValuePair.Create(name[..i], 100 + i))).ToList();
        var map = KeyMap<int>.Of(pairs, ignoreCase: false);
        Assert.Equal(pairs.Count, map.Count);
        Assert.All(pairs, pair => Assert.Equal(pair.Value, map[pair.Key]));
        Assert.Equal(pairs.Count, pairs.Select(pair => KeyHash.Exact(pair.Key)).Distinct().Count());
    }

    [Fact]
    public void A_look_up_allocates_nothing()
    {
        var map = KeyMap<string>.Of([.. Enumerable.Range(0, 500).Select(i => KeyValuePair.Create($"services.a{i}", "x"))], ignoreCase: false);
        map.TryGetValue("services.a7", out _);
        var before = GC.GetAllocatedBytesForCurrentThread();
        var found = 0;
        for (var i = 0; i < 1_000; i++)
            if (map.TryGetValue("services.a7", out _)) found++;
        Assert.Equal((1_000, 0L), (found, GC.GetAllocatedBytesForCurrentThread() - before));
    }

    // few enough that they meet, of all lengths around what is read at once
    static string Key(Random chance) => new string((char)('a' + chance.Next(4)), chance.Next(9)) + (chance.Next(2) == 0 ? "" : $".k{chance.Next(200)}");
}
