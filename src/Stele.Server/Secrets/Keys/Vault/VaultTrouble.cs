using Stele.Core.Faults;

namespace Stele.Server.Secrets.Keys.Vault;

/// <summary>Why Vault did not do what it was asked.</summary>
/// <param name="What">Ends the sentence "Vault, which keeps secrets or their keys, …".</param>
/// <param name="IsPassing">Whether the same request may well do later what it did not do now.</param>
/// <param name="Why">For the log.</param>
internal sealed record VaultTrouble(string What, bool IsPassing, string Why)
{
    const int SoonSeconds = 1, LaterSeconds = 30;

    /// <summary>Nobody answered.</summary>
    public static VaultTrouble Away(string why) => new("is away.", true, why);

    /// <summary>It answered something that its API does not have.</summary>
    public static VaultTrouble Strange(string why) => new("gave an answer that is none of its own.", false, why);

    /// <summary>It is not as it must be, and somebody has to change that.</summary>
    public static VaultTrouble Wrong(string what, string why) => new(what, false, why);

    /// <summary>Of an answer's status; null: the answer is for the caller to read.</summary>
    public static VaultTrouble? Of(VaultAnswer answer) => answer.Status switch
    {
        429 => new VaultTrouble("is asked too much (429).", true, Said(answer)),
        503 when answer.Errors.Contains("sealed", StringComparison.OrdinalIgnoreCase) => new VaultTrouble("is sealed.", true, Said(answer)),
        // 412: a replica that has not yet what the token was made with; 472 and 473: standbys
        412 or 472 or 473 or >= 500 => new VaultTrouble($"cannot answer now ({answer.Status}).", true, Said(answer)),
        401 or 403 => new VaultTrouble("refuses what this node asks.", false, Said(answer)),
        >= 200 and < 300 or 400 or 404 => null,
        _ => Strange(Said(answer)),
    };

    /// <summary>The fault that those who asked are given.</summary>
    public Fault Fault() => Core.Faults.Fault.Unavailable($"Vault, which keeps secrets or their keys, {What}", IsPassing ? SoonSeconds : LaterSeconds);

    static string Said(VaultAnswer answer) => $"{answer.Status} {answer.Errors}";
}
