using Stele.Core.Faults;

namespace Stele.Server.Journal;

/// <summary>
/// Whether whoever comes now may wait for his append. A queue that is bounded by number alone has everybody wait for his deadline when more
/// comes than can be done, and the work that was spent on those who gave up is lost; so who would wait too long, by what the last appends
/// took, is told at once, and when to come again.
/// </summary>
internal sealed class QueueWait(JournalOptions options)
{
    // so many may wait whatever the last append took: one that was held up must not have all those after it refused
    const int Always = 16;

    double secondsPerCommand;

    /// <summary>The refusal of one more, with whom so many wait; null: he may.</summary>
    public Fault? Refuse(int waiting)
    {
        if (waiting > options.QueueCommands) return Fault.Unavailable($"{options.QueueCommands} commands wait for this organization already (limit queue.commands); nothing was written.");
        var seconds = waiting * Volatile.Read(ref secondsPerCommand);
        return waiting <= Always || seconds <= options.QueueWait.TotalSeconds ? null : Fault.Unavailable(
            $"{waiting} commands wait for this organization, which takes longer than {options.QueueWait.TotalMilliseconds:0} ms (limit queue.wait_ms); nothing was written.", (int)Math.Ceiling(seconds));
    }

    /// <summary>
    /// So many commands took so long together: half of what is expected, the other half is what was expected before. Of a few nothing is learnt
    /// (a commit takes what it takes, for one or for many) but that no queue is long.
    /// </summary>
    public void Note(int commands, TimeSpan took)
    {
        if (commands > 0) Volatile.Write(ref secondsPerCommand, (secondsPerCommand + (commands < Always ? 0 : took.TotalSeconds / commands)) / 2);
    }
}
