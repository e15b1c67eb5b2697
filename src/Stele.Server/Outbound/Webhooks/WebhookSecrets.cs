using System.Security.Cryptography;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Webhooks;
using Stele.Server.Secrets;

namespace Stele.Server.Outbound.Webhooks;

/// <summary>What signs messages: sealed by a key of the org's where it is stored, opened where it signs, and zeroed afterwards.</summary>
internal sealed class WebhookSecrets(WebhookQueries queries, WebhookStore store, SecretBox box, TimeProvider time)
{
    const string Purpose = "webhook";
    static readonly TimeSpan BetweenLooks = TimeSpan.FromMinutes(1);

    // whoever asks while another looks waits until it has looked
    readonly SemaphoreSlim looking = new(1, 1);
    long? lookedAt;

    /// <summary>A secret as it is stored.</summary>
    public ValueTask<Outcome<byte[]>> Seal(OrgId org, Guid webhook, byte[] secret, CancellationToken cancellation) => box.Seal(org, SecretBox.Webhooks, Purpose, webhook, secret, cancellation);

    /// <summary>What signs now: the newest first, and the one before it while they overlap. The caller calls <see cref="Zero"/>.</summary>
    public async Task<Outcome<IReadOnlyList<byte[]>>> Open(OrgId org, Guid webhook, CancellationToken cancellation)
    {
        var opened = new List<byte[]>();
        foreach (var (_, stored) in await queries.Secrets(org, webhook, cancellation))
        {
            // from before they were sealed
            if (stored.Length == WebhookSignature.SecretBytes)
            {
                opened.Add(stored);
                continue;
            }
            if (!(await box.Open(org, SecretBox.Webhooks, Purpose, webhook, stored, cancellation)).TryGet(out var secret, out var fault))
            {
                Zero(opened);
                return fault;
            }
            using (secret) opened.Add(secret.Span.ToArray());
        }
        return opened;
    }

    /// <summary>Forgets what was opened.</summary>
    public static void Zero(IReadOnlyList<byte[]> secrets)
    {
        foreach (var secret in secrets) CryptographicOperations.ZeroMemory(secret);
    }

    /// <summary>Seals what was stored before secrets were sealed; looks once a minute. Where the key's provider is away, the next look does it.</summary>
    public async Task SealOlder(CancellationToken cancellation)
    {
        await looking.WaitAsync(cancellation);
        try
        {
            if (lookedAt is { } at && time.GetElapsedTime(at) < BetweenLooks) return;
            lookedAt = time.GetTimestamp();
            foreach (var (org, webhook) in await store.Unsealed(cancellation))
                foreach (var (version, stored) in await queries.Secrets(org, webhook, cancellation))
                {
                    if (stored.Length != WebhookSignature.SecretBytes) continue;
                    if (!(await Seal(org, webhook, stored, cancellation)).TryGet(out var secret, out _)) return;
                    await store.Seal(org, webhook, version, stored, secret, cancellation);
                }
        }
        finally
        {
            looking.Release();
        }
    }
}
