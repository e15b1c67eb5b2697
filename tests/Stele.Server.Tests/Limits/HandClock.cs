namespace Stele.Server.Tests.Limits;

/// <summary>A clock that a test moves.</summary>
sealed class HandClock : TimeProvider
{
    long ticks;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => Volatile.Read(ref ticks);

    public override DateTimeOffset GetUtcNow() => new(new DateTime(2026, 1, 31, 12, 0, 0, DateTimeKind.Utc).AddTicks(Volatile.Read(ref ticks)));

    public void Pass(TimeSpan time) => Interlocked.Add(ref ticks, time.Ticks);
}
