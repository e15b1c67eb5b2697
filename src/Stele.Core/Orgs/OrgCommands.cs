using Stele.Core.Access;
using Stele.Core.Journal;
using Stele.Core.Limits;

namespace Stele.Core.Orgs;

/// <summary>Makes an org: the first command of every journal.</summary>
/// <param name="Principal">Who.</param>
/// <param name="RequestId">The request.</param>
/// <param name="Name">Its name in the directory.</param>
/// <param name="Environments">Its first environments, at least one and no two alike; the first is the default one.</param>
public sealed record CreateOrg(Principal Principal, Guid RequestId, OrgName Name, IReadOnlyList<EnvironmentName> Environments)
    : Command(Principal, RequestId, null)
{
    /// <summary>The default environment, one of <see cref="Environments"/>; null: the first of them.</summary>
    public EnvironmentName? DefaultEnvironment { get; init; }

    /// <summary>Its first token, by which its owner gets in; null: none, and only root does.</summary>
    public NewToken? Token { get; init; }
}

/// <summary>Gives an org another name. The one it had stays its own: it goes on leading to it, and no other org can take it.</summary>
/// <param name="Principal">Who.</param>
/// <param name="RequestId">The request.</param>
/// <param name="Name">The new name; one that the org had before may come back.</param>
/// <param name="Reason">The change log, or null.</param>
public sealed record RenameOrg(Principal Principal, Guid RequestId, OrgName Name, string? Reason) : Command(Principal, RequestId, Reason);

/// <summary>Closes an org, or opens it again: an archived org answers nothing and takes no write but the one that opens it.</summary>
/// <param name="Principal">Who.</param>
/// <param name="RequestId">The request.</param>
/// <param name="Archived">What it is to be.</param>
/// <param name="Reason">The change log, or null.</param>
public sealed record ArchiveOrg(Principal Principal, Guid RequestId, bool Archived, string? Reason) : Command(Principal, RequestId, Reason);

/// <summary>Changes settings of an org; what is null stays as it is.</summary>
/// <param name="Principal">Who.</param>
/// <param name="RequestId">The request.</param>
/// <param name="Reason">The change log, or null.</param>
public sealed record ChangeSettings(Principal Principal, Guid RequestId, string? Reason) : Command(Principal, RequestId, Reason)
{
    /// <summary>The environment that a request without one means.</summary>
    public EnvironmentName? DefaultEnvironment { get; init; }

    /// <summary>All environments that are protected from now on.</summary>
    public IReadOnlyList<EnvironmentName>? Protected { get; init; }

    /// <summary>Limits with their values from now on, each once; null: that of the server again. Others stay.</summary>
    public IReadOnlyList<(Limit Limit, long? Value)> Limits { get; init; } = [];

    /// <summary>The version that the org's own stream must have. Null: any.</summary>
    public int? ExpectedVersion { get; init; }
}

/// <summary>Makes an environment.</summary>
/// <param name="Principal">Who.</param>
/// <param name="RequestId">The request.</param>
/// <param name="Name">Its name, not in use.</param>
/// <param name="Description">What it is for, or null.</param>
/// <param name="Reason">The change log, or null.</param>
public sealed record CreateEnvironment(Principal Principal, Guid RequestId, EnvironmentName Name, string? Description, string? Reason)
    : Command(Principal, RequestId, Reason);

/// <summary>Describes an environment anew.</summary>
/// <param name="Principal">Who.</param>
/// <param name="RequestId">The request.</param>
/// <param name="Name">Which.</param>
/// <param name="Description">What it is for, or null.</param>
/// <param name="Reason">The change log, or null.</param>
public sealed record DescribeEnvironment(Principal Principal, Guid RequestId, EnvironmentName Name, string? Description, string? Reason)
    : Command(Principal, RequestId, Reason)
{
    /// <summary>The version that the environment's own stream must have. Null: any.</summary>
    public int? ExpectedVersion { get; init; }
}

/// <summary>Puts the environments in an order.</summary>
/// <param name="Principal">Who.</param>
/// <param name="RequestId">The request.</param>
/// <param name="Order">All of them, each once.</param>
/// <param name="Reason">The change log, or null.</param>
public sealed record ReorderEnvironments(Principal Principal, Guid RequestId, IReadOnlyList<EnvironmentName> Order, string? Reason)
    : Command(Principal, RequestId, Reason);

/// <summary>Deletes an environment with all that is in it, in one revision. Its history stays.</summary>
/// <param name="Principal">Who.</param>
/// <param name="RequestId">The request.</param>
/// <param name="Name">Which.</param>
/// <param name="Confirm">Its name once more, which one that holds data needs; else null.</param>
/// <param name="Reason">The change log, or null.</param>
public sealed record DeleteEnvironment(Principal Principal, Guid RequestId, EnvironmentName Name, string? Confirm, string? Reason)
    : Command(Principal, RequestId, Reason)
{
    /// <summary>The version that the environment's own stream must have. Null: any.</summary>
    public int? ExpectedVersion { get; init; }
}
