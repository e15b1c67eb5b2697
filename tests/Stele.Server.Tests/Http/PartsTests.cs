using System.Text;
using Microsoft.Extensions.Primitives;
using Stele.Core.Journal;
using Stele.Server.Gateway;
using Xunit;

namespace Stele.Server.Tests.Http;

/// <summary>The gate's small parts, alone.</summary>
public sealed class PartsTests
{
    [Fact]
    public void Request_ids_are_version_7_ordered_by_time_and_end_in_fourteen_zeros()
    {
        var ids = new RequestIds(TimeProvider.System);
        var made = Enumerable.Range(0, 10_000).Select(_ => ids.Next()).ToList();
        Assert.Equal(made.Count, made.Distinct().Count());
        var before = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();
        Assert.All(made, id =>
        {
            var bytes = id.ToByteArray(bigEndian: true);
            Assert.Equal((7, 2), (id.Version, bytes[8] >> 6));
            Assert.Equal(0, (bytes[14] & 0x3F) | bytes[15]);
            var time = (long)bytes[0] << 40 | (long)bytes[1] << 32 | (long)bytes[2] << 24 | (long)bytes[3] << 16 | (long)bytes[4] << 8 | bytes[5];
            Assert.InRange(time, before - 60_000, before);
        });
    }

    [Fact]
    public void A_tag_is_read_back_and_nothing_else_is()
    {
        var tag = EntityTag.Of(12, new Guid("0a1b2c3d-0000-0000-0000-000000000000"));
        Assert.Equal("\"12-0a1b2c3d\"", tag.ToString());
        Assert.True(EntityTag.TryParse("\"12-0a1b2c3d\"", out var read));
        Assert.Equal(tag, read);
        foreach (var text in (string[])["", "\"", "\"\"", "12-0a1b2c3d", "\"12-0a1b2c3\"", "\"-12-0a1b2c3d\"", "\"x-0a1b2c3d\"", "\"12-0a1b2c3g\""])
            Assert.False(EntityTag.TryParse(text, out _), text);
        Assert.True(tag.IsIn(new StringValues(["\"1-0a1b2c3d\"", "W/\"12-0a1b2c3d\""])));
        Assert.True(tag.IsIn("*"));
        Assert.False(tag.IsIn("\"12-ffffffff\""));
    }

    [Fact]
    public void A_page_cursor_belongs_to_its_query()
    {
        var text = new PageCursor(7, 9, "app.key").Encode("list", "a");
        Assert.Null(PageCursor.TryParse(text, out var cursor, "list", "a"));
        Assert.Equal(new PageCursor(7, 9, "app.key"), cursor);
        Assert.Equal("cursor.mismatch", PageCursor.TryParse(text, out _, "list", "b")!.Rule);
        Assert.Equal("cursor.malformed", PageCursor.TryParse(text + "!", out _, "list", "a")!.Rule);
        Assert.Equal("cursor.malformed", PageCursor.TryParse("AAAA", out _, "list", "a")!.Rule);
        Assert.Equal("cursor.malformed", PageCursor.TryParse(new string('A', 9_000), out _, "list", "a")!.Rule);
    }

    [Fact]
    public void Root_tokens_are_known_by_their_hash()
    {
        var tokens = new RootTokens();
        Assert.False(Holds(tokens, "one"));
        tokens.Set([RootTokens.Hash("one"), RootTokens.Hash("tzwei ß")]);
        Assert.True(Holds(tokens, "one"));
        Assert.True(Holds(tokens, "tzwei ß"));
        Assert.False(Holds(tokens, ""));
        Assert.False(Holds(tokens, "On"));
        Assert.False(Holds(tokens, new string('x', 100_000)));

        static bool Holds(RootTokens tokens, string token)
        {
            Span<byte> hash = stackalloc byte[32];
            return RootTokens.TryHash(token, hash) && tokens.Holds(hash);
        }
    }

    [Fact]
    public void Answers_are_written_as_JSON()
    {
        using var json = new JsonText(16);
        json.Text("plain").Text("a\"b\\c\n\u0001ß🍌").Text(null).Number(long.MinValue).Boolean(true)
            .Time(new Timestamp(1_700_000_000_000_042)).Id(new Guid("0a1b2c3d-0000-0000-0000-000000000001"));
        Assert.Equal(""" "plain""a\"b\\c\n\u0001ß🍌"null-9223372036854775808true"2023-11-14T22:13:20.000042Z""0a1b2c3d-0000-0000-0000-000000000001" """.Trim(),
            Encoding.UTF8.GetString(json.Written));
        Assert.Equal("2023-11-14T22:13:20.000042Z", new Timestamp(1_700_000_000_000_042).ToString());
    }
}
