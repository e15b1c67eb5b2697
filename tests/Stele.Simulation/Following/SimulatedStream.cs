namespace Stele.Simulation.Following;

/// <summary>What HttpClient runs on: inside it continuations follow no context, and so they have to run at once, where the answer comes; else they would go to the thread pool.</summary>
internal static class WithoutContext
{
    /// <summary>Ends something that HttpClient waits for.</summary>
    public static void Run(Action end)
    {
        var before = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(null);
        try
        {
            end();
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(before);
        }
    }
}

/// <summary>The body of an answer that does not end by itself: its reader gets what is fed, in order, until it breaks or is left.</summary>
internal sealed class SimulatedStream : Stream
{
    readonly Queue<byte> waiting = new();
    TaskCompletionSource<int>? reading;
    Memory<byte> into;

    /// <summary>Whether nobody reads any more, or nothing comes.</summary>
    public bool IsOver { get; private set; }

    /// <summary>Called when the reader leaves.</summary>
    public Action OnLeft { get; set; } = static () => { };

    /// <summary>Adds bytes.</summary>
    public void Feed(byte[] bytes)
    {
        if (IsOver) return;
        foreach (var one in bytes) waiting.Enqueue(one);
        if (reading is not { } reader) return;
        reading = null;
        var count = Take(into);
        WithoutContext.Run(() => reader.TrySetResult(count));
    }

    /// <summary>The connection breaks: what was not read is lost.</summary>
    public void Break()
    {
        IsOver = true;
        waiting.Clear();
        if (reading is { } reader) WithoutContext.Run(() => reader.TrySetException(new IOException("the connection broke")));
        reading = null;
    }

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (waiting.Count > 0) return new(Take(buffer));
        if (IsOver) throw new IOException("the connection broke");
        var reader = reading = new TaskCompletionSource<int>();
        into = buffer;
        cancellationToken.UnsafeRegister(_ => WithoutContext.Run(() => reader.TrySetCanceled(cancellationToken)), null);
        return new(reader.Task);
    }

    int Take(Memory<byte> buffer)
    {
        var count = Math.Min(buffer.Length, waiting.Count);
        for (var i = 0; i < count; i++) buffer.Span[i] = waiting.Dequeue();
        return count;
    }

    protected override void Dispose(bool disposing)
    {
        IsOver = true;
        OnLeft();
        base.Dispose(disposing);
    }

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public override void Flush()
    {
        // nothing is written
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("nothing in the simulation blocks");

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
