namespace Stele.Core.Access;

/// <summary>Who asks. Every command carries one, and every read is decided for one.</summary>
/// <param name="ActorId">Opaque id, at most 255 characters; it stands in the journal. Names and addresses never do.</param>
/// <param name="IsRoot">Whether it holds the root token, which may do everything in every org.</param>
public sealed record Principal(string ActorId, bool IsRoot)
{
    /// <summary>The holder of the root token.</summary>
    public static readonly Principal Root = new("root", true);
}
