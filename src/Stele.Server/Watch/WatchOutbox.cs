using System.Diagnostics.CodeAnalysis;
using Stele.Core.Watch;

namespace Stele.Server.Watch;

/// <summary>A frame on its way to one subscription of a connection; without one, to the connection itself.</summary>
internal readonly record struct WatchMessage(Subscriber? Subscriber, WatchFrame Frame);

/// <summary>
/// What waits to be sent on one connection: bounded in number and bytes, but for a single message, which always has room.
/// Frames are shared by all who see the same, so a message that waits costs a reference. One reader, any writers.
/// </summary>
internal sealed class WatchOutbox(WatchOptions options, TimeProvider time)
{
    readonly Lock gate = new();
    readonly WatchSignal filled = new();
    Queue<WatchMessage>? waiting;
    TaskCompletionSource? room;
    WatchEnd? end;
    long bytes, takenAt;

    /// <summary>Called when the server ends the stream, shortly and under a lock: a writer may be waiting for a client who takes nothing.</summary>
    public Action? OnEnd { get; set; }

    /// <summary>Why the stream ends; null as long as it goes on.</summary>
    public WatchEnd? End
    {
        get
        {
            lock (gate) return end;
        }
    }

    /// <summary>Whether nothing waits.</summary>
    public bool IsEmpty
    {
        get
        {
            lock (gate) return waiting is not { Count: > 0 };
        }
    }

    /// <summary>Adds a message; false: there is no room for it.</summary>
    public bool TryAdd(Subscriber? subscriber, WatchFrame frame)
    {
        lock (gate)
        {
            // nobody reads on: what is not sent is resumed
            if (end is not null) return true;
            if (waiting is { Count: > 0 } && IsFull(frame)) return false;
            if (waiting is not { Count: > 0 }) takenAt = time.GetTimestamp();
            (waiting ??= new Queue<WatchMessage>(4)).Enqueue(new WatchMessage(subscriber, frame));
            bytes += frame.Members.Length;
        }
        filled.Set();
        return true;
    }

    /// <summary>Adds messages, from one on, as many as there is room for, and wakes the reader once; how many.</summary>
    public int AddSome(Subscriber subscriber, IReadOnlyList<WatchFrame> frames, int from)
    {
        var at = from;
        lock (gate)
        {
            // nobody reads on: what is not sent is resumed
            if (end is not null) return frames.Count - from;
            if (waiting is not { Count: > 0 }) takenAt = time.GetTimestamp();
            waiting ??= new Queue<WatchMessage>(frames.Count - from);
            for (; at < frames.Count && (waiting.Count == 0 || !IsFull(frames[at])); at++)
            {
                waiting.Enqueue(new WatchMessage(subscriber, frames[at]));
                bytes += frames[at].Members.Length;
            }
        }
        if (at > from) filled.Set();
        return at - from;
    }

    /// <summary>Whether so many messages of so many bytes can be added at once.</summary>
    public bool HasRoom(int messages, long more)
    {
        lock (gate) return end is not null || (waiting?.Count ?? 0) + messages <= Math.Max(options.BufferMessages, 2) && bytes + more <= options.BufferBytes;
    }

    /// <summary>Ends when nothing waits any more, or the stream has ended.</summary>
    public async Task WaitForNothing()
    {
        while (true)
        {
            Task wait;
            lock (gate)
            {
                if (end is not null || waiting is not { Count: > 0 }) return;
                wait = (room ??= new(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
            }
            await wait;
        }
    }

    /// <summary>Waits for room for a frame, for as long as it takes; false: the stream has ended.</summary>
    public async Task<bool> WaitForRoom(WatchFrame frame)
    {
        while (true)
        {
            Task wait;
            lock (gate)
            {
                if (end is not null) return false;
                if (waiting is not { Count: > 0 } || !IsFull(frame)) return true;
                wait = (room ??= new(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
            }
            await wait;
        }
    }

    /// <summary>The next message; false: none waits.</summary>
    public bool TryTake([MaybeNullWhen(false)] out WatchMessage message)
    {
        TaskCompletionSource? freed = null;
        lock (gate)
        {
            if (waiting is null || !waiting.TryDequeue(out message))
            {
                message = default;
                return false;
            }
            bytes -= message.Frame.Members.Length;
            takenAt = time.GetTimestamp();
            // who replays is woken when there is room for some, and not for each
            if (waiting.Count == 0 || (waiting.Count <= options.BufferMessages / 2 && bytes <= options.BufferBytes / 2)) (freed, room) = (room, null);
            // an idle connection holds no memory for what it was sent
            if (waiting.Count == 0 && waiting.Capacity > 64) waiting = null;
        }
        freed?.TrySetResult();
        return true;
    }

    /// <summary>Ends when something waits, or the stream ends; for the one reader.</summary>
    public Task Wait() => filled.Wait();

    /// <summary>Has the reader look again.</summary>
    public void Wake() => filled.Set();

    /// <summary>Ends the stream; what waits is dropped, because it is resumed from what was sent.</summary>
    public void Finish(WatchEnd reason)
    {
        TaskCompletionSource? freed;
        lock (gate)
        {
            if (end is not null) return;
            (end, waiting, bytes) = (reason, null, 0);
            (freed, room) = (room, null);
        }
        freed?.TrySetResult();
        filled.Set();
        OnEnd?.Invoke();
    }

    /// <summary>Drops what waits for one subscription.</summary>
    public void Drop(Subscriber subscriber)
    {
        TaskCompletionSource? freed;
        lock (gate)
        {
            if (waiting is not { Count: > 0 }) return;
            var kept = waiting.Where(message => message.Subscriber != subscriber).ToList();
            (waiting, bytes) = (new Queue<WatchMessage>(kept), kept.Sum(message => (long)message.Frame.Members.Length));
            (freed, room) = (room, null);
        }
        freed?.TrySetResult();
    }

    /// <summary>Whether something waits of which nothing was taken for so long.</summary>
    public bool IsStalled(TimeSpan most)
    {
        lock (gate) return waiting is { Count: > 0 } && time.GetElapsedTime(takenAt) > most;
    }

    bool IsFull(WatchFrame frame) => waiting!.Count >= options.BufferMessages || bytes + frame.Members.Length > options.BufferBytes;
}
