namespace Stele.Fuzz.Running;

/// <summary>What must hold did not. Any other exception from a surface is one as well.</summary>
internal sealed class FuzzFinding(string message) : Exception(message)
{
    /// <summary>Throws unless something holds.</summary>
    public static void Unless(bool holds, Func<string> otherwise)
    {
        if (!holds) throw new FuzzFinding(otherwise());
    }
}
