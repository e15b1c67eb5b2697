using System.Globalization;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Limits;
using Stele.Server.Gateway;
using Stele.Server.Journal;
using Xunit;

namespace Stele.Server.Tests.Http;

/// <summary>What a node remembers of names, and what asking for the others may cost.</summary>
public sealed class OrgDirectoryTests
{
    readonly List<string> asked = [];
    readonly TaskCompletionSource held = new(TaskCreationOptions.RunContinuationsAsynchronously);
    Func<string, OrgId?> answer = _ => new OrgId(7);

    OrgDirectory Directory(TimeSpan? patience = null) => new(async name =>
    {
        OrgId? found;
        lock (asked)
        {
            asked.Add(name);
            found = answer(name);
        }
        await held.Task;
        return found;
    }, TimeProvider.System, new JournalOptions { PrimaryWait = patience ?? TimeSpan.FromSeconds(30) });

    [Fact]
    public async Task A_name_is_looked_up_once_for_all_who_ask_at_once_and_then_known()
    {
        var directory = Directory();
        var first = Enumerable.Range(0, 50).Select(_ => directory.Find("acme").AsTask()).ToList();
        held.SetResult();
        foreach (var found in await Task.WhenAll(first)) Assert.Equal(new OrgId(7), found.Value);
        Assert.True(directory.TryFind("acme", out _));
        Assert.True(directory.Find("acme").IsCompletedSuccessfully);
        Assert.Single(asked);
    }

    [Fact]
    public async Task What_was_not_there_is_asked_for_again_and_whoever_joined_a_look_up_asks_once_more()
    {
        held.SetResult();
        answer = _ => null;
        var directory = Directory();
        Assert.Null((await directory.Find("late")).Value);
        answer = _ => new OrgId(8);
        Assert.Equal(new OrgId(8), (await directory.Find("late")).Value);

        // one that looked before the org was made, and one who asks after
        var slow = new TaskCompletionSource<OrgId?>();
        var looks = 0;
        var joined = new OrgDirectory(_ => ++looks == 1 ? slow.Task : Task.FromResult<OrgId?>(new OrgId(9)), TimeProvider.System, new JournalOptions { PrimaryWait = TimeSpan.FromSeconds(30) });
        var before = joined.Find("late").AsTask();
        var after = joined.Find("late").AsTask();
        slow.SetResult(null);
        Assert.Null((await before).Value);
        Assert.Equal(new OrgId(9), (await after).Value);
    }

    [Fact]
    public async Task What_cannot_be_a_name_is_not_looked_up()
    {
        held.SetResult();
        var directory = Directory();
        foreach (var name in (string[])["", "Acme", "a b", new string('a', 51), "a\u202eb", "'; DROP TABLE"]) Assert.Null((await directory.Find(name)).Value);
        Assert.Empty(asked);
    }

    [Fact]
    public async Task So_many_are_looked_up_and_not_one_more()
    {
        var directory = Directory();
        var waiting = Enumerable.Range(0, 256).Select(i => directory.Find(Name(i)).AsTask()).ToList();
        Assert.Equal(FaultCode.Unavailable, (await directory.Find("one-more")).Fault!.Code);
        // those who ask for the same join
        var same = directory.Find(Name(0)).AsTask();
        lock (asked) Assert.InRange(asked.Count, 0, 8);
        held.SetResult();
        Assert.All(await Task.WhenAll(waiting), found => Assert.Equal(new OrgId(7), found.Value));
        Assert.Equal(new OrgId(7), (await same).Value);
        Assert.Equal(new OrgId(7), (await directory.Find("one-more")).Value);
    }

    [Fact]
    public async Task A_primary_that_does_not_answer_is_unavailable_for_what_is_not_known()
    {
        var directory = Directory(TimeSpan.FromMilliseconds(1));
        directory.Know("known", new OrgId(3));
        Assert.Equal(FaultCode.Unavailable, (await directory.Find("acme")).Fault!.Code);
        Assert.Equal(new OrgId(3), (await directory.Find("known")).Value);
    }

    [Fact]
    public void What_is_remembered_is_bounded_and_what_is_used_stays()
    {
        var directory = Directory();
        directory.Know("used", new OrgId(1));
        for (var i = 0; i < 3 * SteleLimits.DirectoryNames.Value; i++)
        {
            directory.Know(Name(i), new OrgId(i + 2));
            Assert.True(directory.TryFind("used", out _));
        }
        var known = Enumerable.Range(0, 3 * (int)SteleLimits.DirectoryNames.Value).Count(i => directory.TryFind(Name(i), out _));
        Assert.InRange(known, SteleLimits.DirectoryNames.Value / 2 - 2, SteleLimits.DirectoryNames.Value);
        directory.Forget();
        Assert.False(directory.TryFind("used", out _));
    }

    [Fact]
    public void What_nobody_asks_for_is_forgotten_when_its_org_is_idle()
    {
        var directory = new OrgDirectory(_ => Task.FromResult<OrgId?>(null), TimeProvider.System, new JournalOptions { Idle = TimeSpan.Zero });
        directory.Know("used", new OrgId(1));
        directory.Know("idle", new OrgId(2));
        directory.Sweep();
        Assert.True(directory.TryFind("used", out _));
        directory.Sweep();
        Assert.True(directory.TryFind("used", out _));
        Assert.False(directory.TryFind("idle", out _));
        var patient = new OrgDirectory(_ => Task.FromResult<OrgId?>(null), TimeProvider.System, new JournalOptions { Idle = TimeSpan.FromHours(1) });
        patient.Know("idle", new OrgId(2));
        patient.Sweep();
        patient.Sweep();
        Assert.True(patient.TryFind("idle", out _));
    }

    static string Name(int i) => string.Create(CultureInfo.InvariantCulture, $"org-{i}");
}
