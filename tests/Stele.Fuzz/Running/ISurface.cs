using Stele.Simulation.Scheduling;

namespace Stele.Fuzz.Running;

/// <summary>A place where Stele takes what somebody else wrote.</summary>
internal interface ISurface : IAsyncDisposable
{
    /// <summary>What it is called on the command line.</summary>
    string Name { get; }

    /// <summary>One line: what is made, and what must hold.</summary>
    string Meaning { get; }

    /// <summary>How many inputs go together over one connection.</summary>
    int BatchInputs { get; }

    /// <summary>Makes an input. The same dice make the same input.</summary>
    byte[] Make(Dice dice);

    /// <summary>Gives inputs to Stele, and throws <see cref="FuzzFinding"/> if what must hold does not. How many were accepted as sound.</summary>
    ValueTask<int> Try(IReadOnlyList<byte[]> inputs);
}
