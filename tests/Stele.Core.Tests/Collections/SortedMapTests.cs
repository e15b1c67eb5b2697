using System.Diagnostics;
using FsCheck;
using FsCheck.Fluent;
using Stele.Core.Collections;
using Xunit;

namespace Stele.Core.Tests.Collections;

public sealed class SortedMapTests(ITestOutputHelper output)
{
    sealed record Entry(string Key, int Number) : IKeyed;

    /// <summary>One step of a random history. Small keys are drawn densely, so that removal and replacement happen.</summary>
    sealed record Change(bool IsRemoval, int Key, int Number);

    static readonly Gen<Change[]> Histories = Gen.Sized(size =>
        (from removal in Gen.Frequency((3, Gen.Constant(false)), (2, Gen.Constant(true)))
         from key in Gen.Choose(0, 20 + 20 * size)
         from number in Gen.Choose(0, 1_000)
         select new Change(removal, key, number)).ArrayOf(40 * size));

    static string KeyOf(int number) => number.ToString("x", null) + (number % 7 == 0 ? "/sub" : "");

    static SortedDictionary<string, Entry> Model() => new(StringComparer.Ordinal);

    [Fact]
    public void Any_history_of_single_changes_gives_what_a_sorted_dictionary_holds() =>
        Prop.ForAll(Histories.ToArbitrary(), history =>
        {
            var (map, model) = (SortedMap<Entry>.Empty, Model());
            foreach (var change in history) map = Apply(map, model, change);
            AssertEqual(model, map);
        }).Check(Config.QuickThrowOnFailure.WithEndSize(60));

    [Fact]
    public void Any_history_in_one_builder_gives_what_a_sorted_dictionary_holds() =>
        Prop.ForAll(Histories.ToArbitrary(), history =>
        {
            var (builder, model) = (SortedMap<Entry>.Empty.ToBuilder(), Model());
            foreach (var change in history)
            {
                var key = KeyOf(change.Key);
                if (change.IsRemoval) Assert.Equal(model.Remove(key), builder.Remove(key));
                else builder.Set(model[key] = new Entry(key, change.Number));
                Assert.Equal(model.Count, builder.Count);
            }
            AssertEqual(model, builder.ToMap());
        }).Check(Config.QuickThrowOnFailure.WithEndSize(60));

    [Fact]
    public void Old_versions_stay_as_they_were() =>
        Prop.ForAll(Histories.ToArbitrary(), history =>
        {
            var (map, model) = (SortedMap<Entry>.Empty, Model());
            var versions = new List<(SortedMap<Entry>, Entry[])>();
            foreach (var chunk in history.Chunk(37))
            {
                foreach (var change in chunk) map = Apply(map, model, change);
                versions.Add((map, [.. model.Values]));
                // a builder that goes on after ToMap must not reach into the map that it gave
                var builder = map.ToBuilder();
                foreach (var change in chunk) builder.Set(new Entry(KeyOf(change.Key), -1));
                var between = builder.ToMap();
                var expected = between.ToArray();
                foreach (var change in chunk) builder.Remove(KeyOf(change.Key));
                Assert.True(expected.SequenceEqual(between), "a map stays when its builder goes on");
            }
            foreach (var (version, entries) in versions) Assert.True(entries.SequenceEqual(version), "a version stays as it was");
        }).Check(Config.QuickThrowOnFailure.WithEndSize(40));

    [Fact]
    public void Ranges_and_prefixes_are_what_a_filter_of_all_entries_gives() =>
        Prop.ForAll(Histories.ToArbitrary(), Gen.Choose(0, 1_300).ToArbitrary(), Gen.Choose(0, 1_300).ToArbitrary(), (history, bound, prefixed) =>
        {
            var (map, model) = (SortedMap<Entry>.Empty, Model());
            foreach (var change in history) map = Apply(map, model, change);
            var lower = KeyOf(bound);
            var prefix = KeyOf(prefixed)[..1];
            Assert.Equal(model.Values.Where(e => string.CompareOrdinal(e.Key, lower) >= 0), map.From(lower, inclusive: true));
            Assert.Equal(model.Values.Where(e => string.CompareOrdinal(e.Key, lower) > 0), map.From(lower, inclusive: false));
            Assert.Equal(model.Values.Where(e => e.Key.StartsWith(prefix, StringComparison.Ordinal)), map.StartingWith(prefix));
            Assert.Equal(
                model.Values.Where(e => e.Key.StartsWith(prefix, StringComparison.Ordinal) && string.CompareOrdinal(e.Key, lower) > 0),
                map.StartingWith(prefix, after: lower));
        }).Check(Config.QuickThrowOnFailure.WithEndSize(60));

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(32)]
    [InlineData(33)]
    [InlineData(1_024)]
    [InlineData(1_025)]
    [InlineData(40_000)]
    public void A_sorted_list_loads_into_a_balanced_tree_and_empties_again(int count)
    {
        var entries = Enumerable.Range(0, count).Select(i => new Entry(i.ToString("d8", null), i)).ToArray();
        var map = SortedMap<Entry>.FromSorted(entries);
        var model = Model();
        foreach (var entry in entries) model.Add(entry.Key, entry);
        AssertEqual(model, map);
        var builder = map.ToBuilder();
        foreach (var entry in entries.Reverse()) Assert.True(builder.Remove(entry.Key));
        Assert.Same(SortedMap<Entry>.Empty, builder.ToMap());
        Assert.Equal(count, map.Count);
    }

    [Fact]
    public void A_deep_tree_stays_sound_while_it_shrinks_in_any_order_and_grows_again()
    {
        // two levels of inner nodes, so that inner nodes too are split, merged and evened out
        var random = new Random(1);
        var entries = Enumerable.Range(0, 20_000).Select(i => new Entry(i.ToString("x6", null), i)).ToArray();
        foreach (var order in new[] { entries.OrderBy(_ => random.Next()), entries.AsEnumerable(), entries.Reverse(), entries.OrderBy(e => e.Number % 1_000) })
        {
            var model = Model();
            foreach (var entry in entries) model.Add(entry.Key, entry);
            var map = SortedMap<Entry>.FromSorted(entries);
            foreach (var chunk in order.Take(19_500).Chunk(1_500))
            {
                var builder = map.ToBuilder();
                foreach (var entry in chunk) Assert.Equal(model.Remove(entry.Key), builder.Remove(entry.Key));
                map = builder.ToMap();
                AssertSound(map);
                Assert.True(model.Values.SequenceEqual(map), "the same entries in the same order");
            }
            foreach (var entry in entries.Where(entry => entry.Number % 3 == 0)) model[entry.Key] = entry;
            map = map.SetAll(entries.Where(entry => entry.Number % 3 == 0));
            AssertEqual(model, map);
        }
    }

    [Fact]
    public void A_list_that_is_not_sorted_is_not_loaded()
    {
        Assert.Throws<ArgumentException>(() => SortedMap<Entry>.FromSorted([new("b", 0), new("a", 0)]));
        Assert.Throws<ArgumentException>(() => SortedMap<Entry>.FromSorted([new("a", 0), new("a", 0)]));
    }

    [Fact]
    public void Removing_an_absent_key_gives_the_same_map()
    {
        var map = SortedMap<Entry>.Empty.Set(new Entry("a", 1));
        Assert.Same(map, map.Remove("b"));
        Assert.Same(SortedMap<Entry>.Empty, map.Remove("a"));
    }

    [Fact]
    public void SetAll_replaces_with_the_later_of_equal_keys()
    {
        var map = SortedMap<Entry>.Empty.SetAll([new("a", 1), new("b", 2), new("a", 3)]);
        Assert.Equal([new Entry("a", 3), new Entry("b", 2)], map);
    }

    [Fact]
    public void Keys_are_ordered_by_code_unit_not_by_culture()
    {
        string[] keys = ["B", "a", "A", "_", "a.b", "a-b", "a[0]", "aB"];
        var map = SortedMap<Entry>.Empty.SetAll(keys.Select(key => new Entry(key, 0)));
        Assert.Equal(keys.Order(StringComparer.Ordinal), map.Select(entry => entry.Key));
    }

    [Fact]
    public void Speed_is_shown()
    {
        var entries = Enumerable.Range(0, 50_000).Select(i => new Entry($"services.service{i % 500:d3}.setting{i:d7}", i)).OrderBy(e => e.Key, StringComparer.Ordinal).ToArray();
        var map = SortedMap<Entry>.Empty;
        Show("FromSorted", entries.Length, () => map = SortedMap<Entry>.FromSorted(entries));
        Show("builder Set", entries.Length, () => SortedMap<Entry>.Empty.SetAll(entries));
        Show("Set", 20_000, () => { for (var i = 0; i < 20_000; i++) map = map.Set(entries[i * 7919 % entries.Length]); });
        Show("TryGetValue", entries.Length, () => { foreach (var entry in entries) map.TryGetValue(entry.Key, out _); });
        Show("walk", entries.Length, () => { foreach (var entry in map) GC.KeepAlive(entry); });
    }

    void Show(string what, int times, Action action)
    {
        var started = Stopwatch.GetTimestamp();
        var bytes = GC.GetAllocatedBytesForCurrentThread();
        action();
        var elapsed = Stopwatch.GetElapsedTime(started);
        output.WriteLine($"{what}: {elapsed.TotalNanoseconds / times:f0} ns, {(GC.GetAllocatedBytesForCurrentThread() - bytes) / times} bytes each");
    }

    static SortedMap<Entry> Apply(SortedMap<Entry> map, SortedDictionary<string, Entry> model, Change change)
    {
        var key = KeyOf(change.Key);
        if (change.IsRemoval)
        {
            model.Remove(key);
            return map.Remove(key);
        }
        return map.Set(model[key] = new Entry(key, change.Number));
    }

    static void AssertEqual(SortedDictionary<string, Entry> model, SortedMap<Entry> map)
    {
        Assert.Equal(model.Count, map.Count);
        Assert.True(model.Values.SequenceEqual(map), "the same entries in the same order");
        foreach (var entry in model.Values)
        {
            Assert.True(map.TryGetValue(entry.Key, out var value));
            Assert.Same(entry, value);
            Assert.False(map.TryGetValue(entry.Key + "!", out _));
        }
        AssertSound(map);
    }

    /// <summary>Order, bounds, balance, fill and count are as promised.</summary>
    static void AssertSound(SortedMap<Entry> map)
    {
        var (depth, found) = (-1, 0);
        Walk(map.Root, 0, null, null);
        Assert.Equal(map.Count, found);

        void Walk(SortedMap<Entry>.Node node, int level, string? lower, string? upper)
        {
            Assert.InRange(node.Count, node == map.Root ? 0 : SortedMap<Entry>.NodeMin, SortedMap<Entry>.NodeMax);
            if (node is SortedMap<Entry>.Inner inner)
            {
                Assert.True(inner.Count >= 2, "an inner root has two children");
                for (var i = 0; i < inner.Count; i++)
                    Walk(inner.Links[i].Child, level + 1, i == 0 ? lower : inner.Links[i].Bound, i + 1 < inner.Count ? inner.Links[i + 1].Bound : upper);
                return;
            }
            Assert.True(depth < 0 || depth == level, "all leaves lie at one depth");
            depth = level;
            var values = ((SortedMap<Entry>.Leaf)node).Values;
            foreach (var value in values.AsSpan(0, node.Count))
            {
                Assert.True(lower is null || string.CompareOrdinal(lower, value.Key) <= 0, "no key is below its bound");
                Assert.True(upper is null || string.CompareOrdinal(value.Key, upper) < 0, "no key is above its bound");
                found++;
            }
            Assert.True(values.AsSpan(node.Count).IndexOfAnyExcept((Entry?)null!) < 0, "what is removed is not referred to");
        }
    }
}
