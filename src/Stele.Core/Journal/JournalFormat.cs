namespace Stele.Core.Journal;

/// <summary>
/// What may be written to a journal. Nodes are replaced one by one, and an older one stops at an event that it does not
/// know; so what is new is written only after an operator has said that the last older node is gone (<c>stele upgrade finalize</c>),
/// which raises the format in each org's head. A server reads every format up to <see cref="Newest"/>.
/// </summary>
/// <remarks>
/// <list type="table">
/// <item><term>1</term><description>configuration, environments, the org itself</description></item>
/// <item><term>2</term><description>a <c>schema</c> in <c>config.set</c>; an org's names, settings and archiving; environments that are described, moved and deleted; users, service accounts, tokens, roles; flags; webhooks; secrets</description></item>
/// </list>
/// An event says itself which format it needs (<see cref="JournalEvent.Format"/>). The bytes that the chain is made of
/// (<see cref="RevisionChain"/>) are the same in both.
/// </remarks>
public static class JournalFormat
{
    /// <summary>The first one.</summary>
    public const int Oldest = 1;

    /// <summary>Since which a key may have a schema.</summary>
    public const int Schemas = 2;

    /// <summary>Since when orgs have settings, can be renamed and archived, and environments can be changed.</summary>
    public const int Settings = 2;

    /// <summary>Since which there are users, service accounts, tokens and roles.</summary>
    public const int Access = 2;

    /// <summary>Since when there are flags.</summary>
    public const int Flags = 2;

    /// <summary>Since which there are webhooks.</summary>
    public const int Webhooks = 2;

    /// <summary>Since when there are secrets.</summary>
    public const int Secrets = 2;

    /// <summary>The last one that this code knows: it may write it when a head says so, and serves no org whose head names a later one.</summary>
    public const int Newest = 2;
}
