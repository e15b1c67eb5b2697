namespace Stele.Simulation.Scheduling;

/// <summary>
/// All chance of a run: xoshiro256** from a seed. Not System.Random, whose sequence may change between versions of .NET,
/// after which a seed in a bug report would mean another run.
/// </summary>
internal sealed class Dice
{
    ulong a, b, c, d;

    public Dice(ulong seed)
    {
        (a, b, c, d) = (Split(ref seed), Split(ref seed), Split(ref seed), Split(ref seed));
    }

    /// <summary>From 0 to below a bound.</summary>
    public int Next(int below) => (int)(Next() % (ulong)below);

    /// <summary>From one to another, both included.</summary>
    public int Between(int least, int most) => least + Next(most - least + 1);

    /// <summary>A span between two.</summary>
    public TimeSpan Between(TimeSpan least, TimeSpan most) => new(least.Ticks + (long)(Next() % (ulong)(most.Ticks - least.Ticks + 1)));

    /// <summary>A span between two numbers of milliseconds.</summary>
    public TimeSpan Milliseconds(double least, double most) => Between(TimeSpan.FromMilliseconds(least), TimeSpan.FromMilliseconds(most));

    /// <summary>True so often.</summary>
    public bool Chance(double probability) => probability > 0 && Next() >> 11 < probability * (1UL << 53);

    /// <summary>One of a list.</summary>
    public T Pick<T>(IReadOnlyList<T> list) => list[Next(list.Count)];

    /// <summary>A random id.</summary>
    public Guid Id()
    {
        Span<byte> bytes = stackalloc byte[16];
        BitConverter.TryWriteBytes(bytes, Next());
        BitConverter.TryWriteBytes(bytes[8..], Next());
        return new Guid(bytes);
    }

    /// <summary>Other dice, so that what one part throws does not move what another part throws.</summary>
    public Dice Fork() => new(Next());

    ulong Next()
    {
        var result = ulong.RotateLeft(b * 5, 7) * 9;
        var t = b << 17;
        c ^= a;
        d ^= b;
        b ^= c;
        a ^= d;
        c ^= t;
        d = ulong.RotateLeft(d, 45);
        return result;
    }

    static ulong Split(ref ulong seed)
    {
        seed += 0x9E3779B97F4A7C15;
        var z = seed;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
