using System.Text;
using Stele.Core.Configs;
using Stele.Core.Json;
using Stele.Core.Limits;
using Xunit;

namespace Stele.Core.Tests.Configs;

public sealed class ConfigEntryTests
{
    static readonly int Most = (int)SteleLimits.InlineValueBytes.Value;

    static ConfigEntry Entry(byte[]? value, ConfigValueType type = ConfigValueType.String) =>
        new("app.key", value, type, 1, 1, default, "root", null, default, 1);

    static byte[] Text(int bytes, char of = 'x') => CanonicalJson.FromString(new string(of, bytes));

    [Theory]
    [InlineData('x')]
    [InlineData('"')]
    public void The_state_keeps_values_up_to_the_limit_and_of_larger_ones_hash_and_size(char of)
    {
        var (at, past) = (Entry(Text(Most, of)), Entry(Text(Most + 1, of)));
        Assert.Same(at, at.ForState());
        var kept = past.ForState();
        Assert.Equal((null, Most + 1, false), (kept.Value, kept.Reference!.Bytes, kept.Deleted));
        Assert.True(kept.MemoryBytes < 1_000);
        Assert.Equal(ValueReference.OfText(Encoding.UTF8.GetBytes(new string(of, Most + 1))), kept.Reference);
    }

    [Fact]
    public void Values_are_equal_by_bytes_and_type_wherever_they_are()
    {
        var (large, other) = (Entry(Text(Most + 1)), Entry(Text(Most + 1, 'y')));
        ConfigEntry[] same = [large, large.ForState()];
        foreach (var a in same)
        {
            foreach (var b in same) Assert.True(a.SameValue(b));
            foreach (var b in (ConfigEntry[])[other, other.ForState(), Entry(Text(1)), Entry(null), Entry(large.Value, ConfigValueType.Json), Entry(large.Value, ConfigValueType.Json).ForState()])
            {
                Assert.False(a.SameValue(b));
                Assert.False(b.SameValue(a));
            }
            Assert.True(a.Holds(large.Value, ConfigValueType.String));
            Assert.False(a.Holds(large.Value, ConfigValueType.Json));
            Assert.False(a.Holds(null, ConfigValueType.String));
        }
        Assert.True(Entry(null).SameValue(Entry(null)));
        Assert.True(Entry(null).Deleted);
    }
}
