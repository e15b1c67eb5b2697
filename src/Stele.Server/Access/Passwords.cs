using Microsoft.AspNetCore.Identity;
using Stele.Core.Access;

namespace Stele.Server.Access;

/// <summary>
/// Passwords and what they are held against: the framework's PBKDF2 (HMAC-SHA512, 100,000 rounds, a salt each). It is slow on
/// purpose, so only a few are worked on at once, and who finds too many waiting is told to come again.
/// </summary>
internal sealed class Passwords : IDisposable
{
    const int WaitingMax = 64;

    readonly PasswordHasher<Principal> hasher = new();
    readonly SemaphoreSlim working = new(Math.Max(1, Environment.ProcessorCount / 2));
    readonly string nobody;
    int waiting;

    public Passwords() => nobody = hasher.HashPassword(Principal.Nobody, Guid.NewGuid().ToString());

    /// <summary>What a new password is held against; null: too many wait.</summary>
    public Task<string?> Hash(string password) => Work(() => hasher.HashPassword(Principal.Nobody, password));

    /// <summary>Whether it is the password; null: too many wait. Without a verifier it takes as long, and is not.</summary>
    public async Task<bool?> Verify(string? verifier, string password) =>
        await Work(() => hasher.VerifyHashedPassword(Principal.Nobody, verifier ?? nobody, password) != PasswordVerificationResult.Failed ? "right" : "wrong") is { } found
            ? found == "right" && verifier is not null
            : null;

    /// <inheritdoc/>
    public void Dispose() => working.Dispose();

    async Task<string?> Work(Func<string> work)
    {
        if (Interlocked.Increment(ref waiting) > WaitingMax)
        {
            Interlocked.Decrement(ref waiting);
            return null;
        }
        await working.WaitAsync();
        try
        {
            return await Task.Run(work);
        }
        finally
        {
            working.Release();
            Interlocked.Decrement(ref waiting);
        }
    }
}
