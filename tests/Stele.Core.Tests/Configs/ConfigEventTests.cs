using System.Text;
using Stele.Core.Configs;
using Stele.Core.Journal;
using Stele.Core.Json;
using Stele.Core.Limits;
using Xunit;

namespace Stele.Core.Tests.Configs;

public sealed class ConfigEventTests
{
    static void AssertComesBack(string json)
    {
        Assert.True(CanonicalJson.TryCanonicalize(Encoding.UTF8.GetBytes(json), "/value", [], out var value));
        var written = new ConfigSet("production", "services.a[0].b-c", value, ConfigValueType.Json, 7);
        var read = Assert.IsType<ConfigSet>(EventCodec.Decode(written.Type, written.Encode()));
        Assert.Equal(written with { Value = read.Value }, read);
        Assert.Equal(value, read.Value);
        // what the journal hashes must itself be canonical but for the depth that the event adds
        Assert.Equal(written.Encode(), read.Encode());
    }

    [Theory]
    [InlineData("null")]
    [InlineData("1.10")]
    [InlineData("\"a\\u0001\\\"é😀\"")]
    [InlineData("""{"value":{"version":[1,2]},"key":"x"}""")]
    [InlineData("[[],{},\"\"]")]
    public void A_set_comes_back_from_its_bytes(string json) => AssertComesBack(json);

    [Theory]
    [InlineData('[', ']')]
    [InlineData('{', '}')]
    public void A_value_as_deep_as_the_limit_allows_comes_back_from_the_journal(char open, char close)
    {
        // the event adds a level: a reader with the same limit would stop the org for good
        var levels = (int)SteleLimits.JsonDepth.Value;
        var opening = open == '[' ? "[" : "{\"a\":";
        AssertComesBack(string.Concat(Enumerable.Repeat(opening, levels)) + "0" + new string(close, levels));
    }

    [Fact]
    public void A_set_with_a_schema_comes_back_and_one_without_is_written_as_before_there_were_schemas()
    {
        var bare = new ConfigSet("e", "k", "1"u8.ToArray(), ConfigValueType.Number, 2);
        Assert.Equal("""{"environment":"e","key":"k","value":1,"value_type":"number","version":2}""", Encoding.UTF8.GetString(bare.Encode()));
        Assert.Null(ConfigSet.Decode(bare.Encode()).Schema);
        var held = bare with { Schema = ConfigSchema.Stored("""{"const":{"schema":1}}"""u8.ToArray()) };
        var read = ConfigSet.Decode(held.Encode());
        Assert.Equal(held.Schema!.Text, read.Schema!.Text);
        Assert.Equal(held.Encode(), read.Encode());
    }

    [Fact]
    public void A_deletion_comes_back_from_its_bytes()
    {
        var written = new ConfigDeleted("production", "a.b", 3);
        Assert.Equal(written, EventCodec.Decode(written.Type, written.Encode()));
    }

    [Theory]
    [InlineData("config.set", """{"environment":"e","key":"k","value":1,"value_type":"number","version":1,"later":true}""")]
    [InlineData("config.set", """{"environment":"e","key":"k"}""")]
    [InlineData("config.set", """{"environment":"e","key":"k","value":1,"value_type":"colour","version":1}""")]
    [InlineData("config.deleted", """{"environment":"e","key":"k","version":1,"later":true}""")]
    [InlineData("config.moved", "{}")]
    public void What_this_server_does_not_know_is_never_skipped(string type, string data) =>
        Assert.Throws<UnknownEventException>(() => EventCodec.Decode(type, Encoding.UTF8.GetBytes(data)));
}
