using Stele.Simulation.Scheduling;

namespace Stele.Fuzz.Running;

/// <summary>A surface that is code alone: one input at a time, on the thread that made it.</summary>
/// <param name="name">What it is called on the command line.</param>
/// <param name="meaning">One line: what is made, and what must hold.</param>
/// <param name="make">Makes an input.</param>
/// <param name="accepts">Tries an input: whether it was accepted as sound.</param>
internal sealed class PureSurface(string name, string meaning, Func<Dice, byte[]> make, Func<byte[], bool> accepts) : ISurface
{
    public string Name => name;

    public string Meaning => meaning;

    public int BatchInputs => 1;

    public byte[] Make(Dice dice) => make(dice);

    public ValueTask<int> Try(IReadOnlyList<byte[]> inputs) => new(inputs.Count(accepts));

    public ValueTask DisposeAsync() => default;
}
