using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Stele.Core.Access;
using Stele.Core.Configs;
using Stele.Core.Journal;
using Stele.Core.Tests.Access;
using Stele.Core.Watch;
using Xunit;

namespace Stele.Core.Tests.Watch;

/// <summary>What a filter asks for, what a frame says, and when a cursor does not hold.</summary>
public sealed class WatchFilterTests
{
    static RevisionRecord Record(params JournalEvent[] events) => new(OrgId.Default, 7, new Timestamp(1_000_000), "user:\"x\"", null, Guid.Empty, [0xAB, 0xCD, 0xEF, 0x01, .. new byte[28]],
        [.. events.Select((e, i) => new EventRecord(i, Guid.Empty, e, e.Type, e.Stream, e.StreamVersion, e.Encode(), []))]);

    static ConfigSet Set(string key, string json = "1", string environment = "production") => new(environment, key, Encoding.UTF8.GetBytes(json), ConfigValueType.Json, 3);

    [Fact]
    public void A_key_is_covered_exactly_if_a_prefix_begins_it()
    {
        var word = Gen.Elements("", "a", "a.", "ab", "a.b", "b", "b.c", "ba", "A", "a.b.c", "zz").ListOf();
        Prop.ForAll(word.ToArbitrary(), words =>
        {
            var filter = new WatchFilter("e", [.. words], WatchKinds.All);
            foreach (var key in new[] { "a", "a.b", "a.b.c", "abc", "b", "b.c.d", "bab", "c", "A.x", "zzz", "z" })
                Assert.Equal(words.Count == 0 || words.Any(prefix => key.StartsWith(prefix, StringComparison.Ordinal)), filter.Covers(key));
        }).Check(Config.QuickThrowOnFailure);
    }

    [Fact]
    public void Ranges_of_streams_hold_what_the_filter_asks_for_and_nothing_else()
    {
        var ranges = new WatchFilter("production", ["a.", "b"], WatchKinds.Config | WatchKinds.Flag).Streams();
        bool Has(string stream) => ranges.Any(range => string.CompareOrdinal(stream, range.From) >= 0 && string.CompareOrdinal(stream, range.To) < 0);
        Assert.True(Has("config/production/a.x"));
        Assert.True(Has("flag/production/beta"));
        Assert.False(Has("config/production/aa"));
        Assert.False(Has("config/staging/a.x"));
        // a secret may be what some key under a prefix refers to
        Assert.True(Has("secret/production/a.x"));
        Assert.True(Has("secret/production/zzz"));
        Assert.False(Has("secret/staging/a.x"));
        Assert.DoesNotContain(new WatchFilter("production", ["a."], WatchKinds.Flag).Streams(), range => range.From.StartsWith("secret/", StringComparison.Ordinal));
        Assert.Equal([("secret/production/a.", "secret/production/a/")], new WatchFilter("production", ["a."], WatchKinds.Secret).Streams());
        Assert.True(new WatchFilter("p", [], WatchKinds.Config).Streams() is [var all, ("secret/p/", "secret/p0")] && string.CompareOrdinal("config/p/zzz", all.From) > 0 && string.CompareOrdinal("config/p/zzz", all.To) < 0 && string.CompareOrdinal("config/pp/a", all.To) > 0);
    }

    [Fact]
    public void Filters_that_ask_for_the_same_are_equal()
    {
        Assert.Equal(new WatchFilter("e", ["b", "a", "a.b"], WatchKinds.All), new WatchFilter("e", ["a", "b", "b"], WatchKinds.All));
        Assert.NotEqual(new WatchFilter("e", ["a"], WatchKinds.All), new WatchFilter("e", ["a"], WatchKinds.Config));
        Assert.NotEqual(new WatchFilter("e", ["a"], WatchKinds.All), new WatchFilter("f", ["a"], WatchKinds.All));
    }

    [Fact]
    public void A_frame_says_what_is_seen_of_a_revision()
    {
        var revision = WatchRevision.Of(Record(Set("a.x", "{\"b\":1}"), Set("hidden"), new ConfigDeleted("production", "a.y", 2), Set("a.z", "1", "staging"), new Stele.Core.Orgs.EnvironmentCreated("new", null, 3, 1)));
        var seen = revision.Seen(new WatchFilter("production", ["a."], WatchKinds.All), Rights.Everything);
        Assert.Equal([0, 2], seen);
        Assert.Equal("""
            "revision":7,"cursor":"7-abcdef01","changes":[{"op":"set","kind":"config","key":"a.x","environment":"production","value":{"b":1},"value_type":"json","version":3,"old_version":2},{"op":"delete","kind":"config","key":"a.y","environment":"production","value":null,"value_type":null,"version":2,"old_version":1}],"at":"1970-01-01T00:00:01.000000Z","by":"user:\"x\""
            """, Encoding.UTF8.GetString(WatchFrame.Change(revision, seen).Members));
        Assert.Empty(revision.Seen(new WatchFilter("production", ["a."], WatchKinds.Flag), Rights.Everything));
    }

    [Fact]
    public void What_was_redacted_is_said_to_be()
    {
        var record = Record(Set("a.x"));
        var gone = record with { Events = [record.Events[0] with { Data = null, Payload = null }] };
        Assert.Contains("\"value\":null,\"value_type\":null,\"version\":3,\"old_version\":2,\"redacted\":true", Encoding.UTF8.GetString(WatchFrame.Change(WatchRevision.Of(gone), [0]).Members), StringComparison.Ordinal);
    }

    [Fact]
    public void Who_is_not_told_that_his_rights_changed_sees_what_he_saw() => Prop.ForAll(AccessWorld.States.Two().ToArbitrary(), pair =>
    {
        foreach (var principal in new[] { Principal.User(AccessWorld.Ada), Principal.Token(AccessWorld.Key, null, null) })
            foreach (var environment in new[] { "dev", "prod" })
            {
                var (before, now) = (pair.Item1.RightsOf(principal), pair.Item2.RightsOf(principal));
                if (!WatchResume.SameSight(before, now, new WatchFilter(environment, [], WatchKinds.Config))) continue;
                foreach (var key in AccessWorld.Keys) Assert.Equal(before.Allows(Permission.ConfigRead, environment, key), now.Allows(Permission.ConfigRead, environment, key));
            }
    }).Check(Config.QuickThrowOnFailure.WithMaxTest(1_000));

    [Fact]
    public void A_cursor_holds_only_in_its_own_history()
    {
        var cursor = new Cursor(5, 0x1234);
        Assert.Null(WatchResume.Refused(cursor, 9, 0, cursor));
        Assert.Equal(WatchResetReason.Future, WatchResume.Refused(cursor, 4, 0, null));
        Assert.Equal(WatchResetReason.History, WatchResume.Refused(cursor, 9, 0, new Cursor(5, 0x1235)));
        Assert.Equal(WatchResetReason.History, WatchResume.Refused(cursor, 9, 0, null));
        Assert.Equal(WatchResetReason.Archived, WatchResume.Refused(cursor, 9, 6, cursor));
        Assert.Null(WatchResume.Refused(cursor, 5, 5, cursor));
    }
}
