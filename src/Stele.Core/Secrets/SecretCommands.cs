using Stele.Core.Access;
using Stele.Core.Configs;
using Stele.Core.Journal;
using Stele.Core.Orgs;

namespace Stele.Core.Secrets;

/// <summary>One change of a secret in a change set. Its value is encrypted already.</summary>
public sealed record SecretChange
{
    /// <summary>What it does.</summary>
    public required ChangeOp Op { get; init; }

    /// <summary>In which environment: a value is bound to it, so it is known before the change is decided.</summary>
    public required EnvironmentName? Environment { get; init; }

    /// <summary>Which secret.</summary>
    public required SecretPath Path { get; init; }

    /// <summary>The value; null unless <see cref="ChangeOp.Set"/>.</summary>
    public SealedValue? Value { get; init; }

    /// <summary>Its wrapped key; null unless <see cref="ChangeOp.Set"/>, and where the value lies in Vault.</summary>
    public SecretKeyRow? Key { get; init; }

    /// <summary>Until when it is given out, or null.</summary>
    public Timestamp? ExpiresAt { get; init; }

    /// <summary>A canonical JSON object; null: as it is.</summary>
    public byte[]? Metadata { get; init; }

    /// <summary>After how many days a new value is due.</summary>
    public int? RotationDays { get; init; }

    /// <summary>Whether <see cref="RotationDays"/> was named: then null ends reminders.</summary>
    public bool NamesRotation { get; init; }

    /// <summary>The version that it must have; 0: it must not exist. Null: any.</summary>
    public int? ExpectedVersion { get; init; }

    /// <summary>Whether the expectation came from If-Match or If-None-Match, whose failure is 412 instead of 409.</summary>
    public bool ExpectedByHeader { get; init; }

    /// <summary>Whether it must exist, whatever its version (If-Match: *).</summary>
    public bool MustExist { get; init; }

    /// <summary>Its place among the changes of the set.</summary>
    public int Index { get; init; }

    /// <summary>The change's JSON pointer in what the caller was sent.</summary>
    public string Pointer { get; init; } = "";
}

/// <summary>Brings a deleted secret back with the value that it had, as a version of its own.</summary>
/// <param name="Principal">Who.</param>
/// <param name="RequestId">The request.</param>
/// <param name="Reason">The change log, or null.</param>
/// <param name="Environment">Which environment; null: the default one.</param>
/// <param name="Path">Which secret.</param>
public sealed record UndeleteSecret(Principal Principal, Guid RequestId, string? Reason, EnvironmentName? Environment, SecretPath Path) : Command(Principal, RequestId, Reason);

/// <summary>Destroys values of a secret: their keys are gone, and nobody can read them any more.</summary>
/// <param name="Principal">Who.</param>
/// <param name="RequestId">The request.</param>
/// <param name="Reason">The change log, or null.</param>
/// <param name="Environment">Which environment; null: the default one.</param>
/// <param name="Path">Which secret.</param>
/// <param name="Versions">Which versions, with the ids of their values, as history has them.</param>
public sealed record DestroySecret(Principal Principal, Guid RequestId, string? Reason, EnvironmentName? Environment, SecretPath Path, IReadOnlyList<(int Version, Guid ValueId)> Versions) : Command(Principal, RequestId, Reason)
{
    /// <summary>When all of its versions are to go: the last one that was there when they were listed. Null: those that are named.</summary>
    public int? AllUpTo { get; init; }
}
