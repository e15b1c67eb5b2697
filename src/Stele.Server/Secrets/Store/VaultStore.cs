using Stele.Core.Faults;
using Stele.Server.Gateway;
using Stele.Server.Options;
using Stele.Server.Secrets.Keys.Vault;

namespace Stele.Server.Secrets.Store;

/// <summary>
/// Values in Vault's KV, version 2. Each value has a path of its own, on which there is version 1 and never another (<c>cas: 0</c>): a write whose answer was lost is told from
/// somebody else's, nobody waits for anybody, and no limit of versions takes away an old one. Vault's deletion hides a value and can be taken back; removing takes it and all that is known of it.
/// Faults: <c>unavailable</c> (away, sealed, no right, the mount is gone or is not of version 2), <c>integrity</c> (what is to be there is not, or is something else).
/// </summary>
internal sealed class VaultStore(VaultClient vault, VaultOptions options, ILogger<VaultStore> log)
{
    volatile bool isReady;

    /// <summary>Where a new copy is to lie.</summary>
    public VaultPlace NewPlace(int org, string environment, string path)
    {
        var id = Guid.CreateVersion7();
        return new VaultPlace(id, options.KvMount, $"{options.KvPrefix}/{org}/{environment}/{path}/{id}");
    }

    /// <summary>Writes a value where nothing is yet.</summary>
    public async ValueTask<Fault?> Write(VaultPlace place, SecretBuffer value, bool isText, CancellationToken cancellation)
    {
        if (await Refused(cancellation) is { } unready) return unready;
        using var body = VaultBody.Entry(value, isText);
        if (!(await vault.Ask(HttpMethod.Post, place.Url("data"), body, cancellation)).TryGet(out var answer, out var fault)) return fault;
        using (answer)
        {
            if (answer.IsSuccess) return answer.WrittenVersion == 1 ? null : Strange(place, "a write without a version 1");
            // nobody else has this id: an attempt of ours was done, and its answer was lost. Who asked reads it back if he must know
            if (answer.Status == 400 && answer.Errors.Contains("check-and-set parameter did not match", StringComparison.Ordinal)) return await Same(place, value, cancellation);
            return Wrong(place, answer);
        }
    }

    /// <summary>Reads a value, for the caller to dispose of; he holds it against what he knows of it.</summary>
    /// <param name="place">Where.</param>
    /// <param name="isLive">Whether it is known, as of now, that the value is to be there: then one that is hidden in Vault is brought back.</param>
    /// <param name="cancellation">Ends it.</param>
    public async ValueTask<Outcome<SecretBuffer>> Read(VaultPlace place, bool isLive, CancellationToken cancellation)
    {
        for (var isFirst = true; ; isFirst = false)
        {
            if (!(await vault.Ask(HttpMethod.Get, $"{place.Url("data")}?version=1", null, cancellation)).TryGet(out var answer, out var fault)) return fault;
            using (answer)
            {
                if (answer.Entry() is not { } entry) return answer is { Status: 404, Errors: "" } ? SecretCipher.Broken("A value is not in Vault where it is to be.") : Wrong(place, answer);
                if (entry.Value is { } value) return value;
                if (entry.IsDestroyed || !entry.IsDeleted) return SecretCipher.Broken(entry.IsDestroyed ? "A value was destroyed in Vault, and not here." : "What lies in Vault is none of the values that were written there.");
                if (!isLive || !isFirst) return SecretCipher.Broken("A value is deleted in Vault, and not here.");
            }
            // the journal decides: a deletion that was taken back here, or a late one of this server's
            log.ValueShown(place.Path);
            if (await Show(place, cancellation) is { } refused) return refused;
        }
    }

    /// <summary>Hides a value, so that nobody reads it in Vault.</summary>
    public ValueTask<Fault?> Hide(VaultPlace place, CancellationToken cancellation) => Change(HttpMethod.Post, place, "delete", cancellation);

    /// <summary>Takes the hiding back.</summary>
    public ValueTask<Fault?> Show(VaultPlace place, CancellationToken cancellation) => Change(HttpMethod.Post, place, "undelete", cancellation);

    /// <summary>Ends a value for good, and all that Vault knows of it. What is not there is gone.</summary>
    public async ValueTask<Fault?> Remove(VaultPlace place, CancellationToken cancellation) =>
        await Change(HttpMethod.Post, place, "destroy", cancellation) ?? await Change(HttpMethod.Delete, place, "metadata", cancellation);

    async ValueTask<Fault?> Change(HttpMethod method, VaultPlace place, string face, CancellationToken cancellation)
    {
        using var body = method == HttpMethod.Delete ? null : VaultBody.FirstVersion();
        if (!(await vault.Ask(method, place.Url(face), body, cancellation)).TryGet(out var answer, out var fault)) return fault;
        using (answer) return answer.IsSuccess || answer is { Status: 404, Errors: "" } ? null : Wrong(place, answer);
    }

    // an engine of version 1 would take a write to data/… as a key of that name
    async ValueTask<Fault?> Refused(CancellationToken cancellation)
    {
        if (isReady) return null;
        var place = new VaultPlace(default, options.KvMount, options.KvPrefix);
        if (!(await vault.Ask(HttpMethod.Get, $"{options.KvMount}/config", null, cancellation)).TryGet(out var answer, out var fault)) return fault;
        using (answer)
        {
            if (!answer.IsSuccess) return Wrong(place, answer);
            if (answer.EndsVersionsAfter is not { } after) return Wrong(place, "is no KV of version 2");
            if (after != "0s" && after[0] != '-') return Wrong(place, $"ends versions by itself after {after}: set delete_version_after to 0s there");
        }
        isReady = true;
        return null;
    }

    async ValueTask<Fault?> Same(VaultPlace place, SecretBuffer value, CancellationToken cancellation)
    {
        if (!(await Read(place, isLive: false, cancellation)).TryGet(out var there, out var fault)) return fault;
        using (there) return there.Span.SequenceEqual(value.Span) ? null : SecretCipher.Broken("Something else lies in Vault where a value was to be written.");
    }

    Fault Strange(VaultPlace place, string what) => Wrong(place, what);

    Fault Wrong(VaultPlace place, VaultAnswer answer) => Wrong(place, $"{answer.Status} {answer.Errors}");

    Fault Wrong(VaultPlace place, string why)
    {
        log.KvRefused(place.Mount, place.Path, why);
        return VaultTrouble.Wrong($"does not do what is asked of its KV at {place.Mount}. The server's log says why.", why).Fault();
    }
}
