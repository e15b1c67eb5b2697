using Stele.Core.Faults;
using Stele.Server.Journal;
using Xunit;

namespace Stele.Server.Tests.Journal;

public sealed class QueueWaitTests
{
    readonly QueueWait wait = new(new JournalOptions { QueueCommands = 100, QueueWait = TimeSpan.FromSeconds(2) });

    [Fact]
    public void A_queue_that_would_take_too_long_refuses_at_once_and_says_when_to_come_again()
    {
        for (var i = 0; i < 10; i++) wait.Note(20, TimeSpan.FromSeconds(2));
        Assert.Null(wait.Refuse(19));
        var refused = wait.Refuse(50);
        Assert.Equal(FaultCode.Unavailable, refused!.Code);
        Assert.Equal(5, refused.RetryAfterSeconds);
    }

    [Fact]
    public void A_queue_that_moves_fast_is_bounded_by_number_alone()
    {
        wait.Note(256, TimeSpan.FromMilliseconds(10));
        Assert.Null(wait.Refuse(100));
        Assert.Equal(1, wait.Refuse(101)!.RetryAfterSeconds);
    }

    [Fact]
    public void One_append_that_was_held_up_refuses_nobody_for_long()
    {
        wait.Note(1, TimeSpan.FromSeconds(10));
        Assert.Null(wait.Refuse(17));
        wait.Note(16, TimeSpan.FromSeconds(10));
        Assert.NotNull(wait.Refuse(17));
        // these may come whatever it was, and what they take is learnt
        for (var i = 0; i < 8; i++)
        {
            Assert.Null(wait.Refuse(16));
            wait.Note(16, TimeSpan.FromMilliseconds(5));
        }
        Assert.Null(wait.Refuse(40));
    }
}
