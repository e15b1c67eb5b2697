using System.Globalization;
using Amazon.KeyManagementService;
using Amazon.KeyManagementService.Model;
using Amazon.Runtime;
using Stele.Core.Faults;
using Stele.Server.Gateway;
using Stele.Server.Options;

namespace Stele.Server.Secrets.Keys.Aws;

/// <summary>
/// Keys in AWS KMS, which never leave it. KMS makes the data keys (GenerateDataKey) and opens them (Decrypt); a rewrap travels as ciphertext (ReEncrypt). Org, the version of
/// the org's key and value are the encryption context, which KMS binds to the ciphertext and needs again, so that a wrap which is moved opens nothing; it stands in AWS' own
/// log of calls, and is no secret. The key is named by the ARN that is stored with the org's key, so an alias that is pointed elsewhere strands nothing, and KMS refuses what another key encrypted.
/// <list type="bullet">
/// <item>Versions are KMS' rotations: the first, and one for each rotation that is completed. KMS finds the right one by itself when it decrypts.</item>
/// <item>Away, throttled, 5xx: tried again for <see cref="AwsOptions.Timeout"/>, then <c>unavailable</c>, at once for those who come next.</item>
/// <item>Key disabled, about to be deleted, not there; a right or credentials that are missing: <c>unavailable</c>; somebody has to mend it, and the log says what.</item>
/// <item>A ciphertext that fails its check, or is of another key or context: <c>integrity</c>.</item>
/// <item>Limits: one data key a call, 16 calls at once.</item>
/// </list>
/// </summary>
internal sealed class AwsKeys(AwsClient aws, AwsOptions options, ILogger<AwsKeys> log) : KeyProvider
{
    const int CallsAtOnce = 16, RotationsOfPage = 100, PagesMax = 100, CiphertextBytesMax = 6_144;

    /// <inheritdoc/>
    public override string Name => "aws-kms";

    /// <inheritdoc/>
    public override bool IsRemote => true;

    /// <inheritdoc/>
    public override async ValueTask<Outcome<ProviderKey>> Newest(CancellationToken cancellation) =>
        (await List(cancellation)).TryGet(out var keys, out var fault) ? keys[^1] : fault;

    /// <inheritdoc/>
    public override async ValueTask<Outcome<IReadOnlyList<ProviderKey>>> List(CancellationToken cancellation)
    {
        var asked = await aws.Ask(options.Key, "DescribeKey", (kms, end) => kms.DescribeKeyAsync(new DescribeKeyRequest { KeyId = options.Key }, end), cancellation);
        if (!asked.TryGet(out var described, out var fault)) return fault;
        if (described.KeyMetadata is not { Arn.Length: > 0 } key) return Wrong("gave an answer that is none of its own.", "DescribeKey without an ARN");
        if (key.KeyState != KeyState.Enabled) return Wrong($"has the key in the state {key.KeyState}, in which nothing is encrypted.", "");
        if (key.KeyUsage != KeyUsageType.ENCRYPT_DECRYPT || key.KeySpec != KeySpec.SYMMETRIC_DEFAULT) return Wrong("has a key of that name which is none for symmetric encryption.", $"{key.KeyUsage} {key.KeySpec}");
        var versions = new List<ProviderKey> { new(key.Arn, 1, At(key.CreationDate)) };
        if (!(await Rotations(key.Arn, cancellation)).TryGet(out var rotations, out fault)) return fault;
        foreach (var at in rotations) versions.Add(new ProviderKey(key.Arn, versions.Count + 1, at));
        return versions;
    }

    /// <inheritdoc/>
    public override async ValueTask<Outcome<(SecretBuffer[] Plain, byte[][] Wrapped)>> New(OrgKey key, IReadOnlyList<Guid> ids, CancellationToken cancellation)
    {
        var made = await Each(ids.Count, (index, end) => NewOne(key, ids[index], end), cancellation);
        return made.TryGet(out var both, out var fault) ? ([.. both.Select(one => one.Plain!)], [.. both.Select(one => one.Wrapped!)]) : fault;
    }

    /// <inheritdoc/>
    public override async ValueTask<Outcome<byte[][]>> Wrap(OrgKey key, IReadOnlyList<PlainKey> keys, CancellationToken cancellation)
    {
        var made = await Each(keys.Count, async (index, end) =>
        {
            var plain = keys[index].Key.Span.ToArray();
            try
            {
                var answer = await aws.Ask(key.KeyId, "Encrypt", (kms, c) => kms.EncryptAsync(
                    new EncryptRequest { KeyId = key.KeyId, Plaintext = new MemoryStream(plain), EncryptionContext = Context(key, keys[index].ValueId), EncryptionAlgorithm = EncryptionAlgorithmSpec.SYMMETRIC_DEFAULT }, c), end);
                return answer.TryGet(out var encrypted, out var fault) ? Wrapped(key.KeyId, encrypted.KeyId, encrypted.CiphertextBlob) : fault;
            }
            finally
            {
                plain.AsSpan().Clear();
            }
        }, cancellation);
        return made.TryGet(out var wrapped, out var refused) ? wrapped.Select(one => one.Wrapped!).ToArray() : refused;
    }

    /// <inheritdoc/>
    public override async ValueTask<Outcome<SecretBuffer[]>> Unwrap(OrgKey key, IReadOnlyList<WrappedKey> keys, CancellationToken cancellation)
    {
        var opened = await Each(keys.Count, async (index, end) =>
        {
            if (keys[index].Wrapped.Length is 0 or > CiphertextBytesMax) return NoCiphertext;
            var answer = await aws.Ask(key.KeyId, "Decrypt", (kms, c) => kms.DecryptAsync(new DecryptRequest
            {
                KeyId = key.KeyId, CiphertextBlob = new MemoryStream(keys[index].Wrapped), EncryptionContext = Context(key, keys[index].ValueId), EncryptionAlgorithm = EncryptionAlgorithmSpec.SYMMETRIC_DEFAULT,
            }, c), end);
            if (!answer.TryGet(out var decrypted, out var fault)) return fault;
            return decrypted.KeyId == key.KeyId && Taken(decrypted.Plaintext) is { } plain ? new Outcome<Item>(new Item(null, plain)) : Strange("Decrypt");
        }, cancellation);
        return opened.TryGet(out var plains, out var refused) ? plains.Select(one => one.Plain!).ToArray() : refused;
    }

    /// <inheritdoc/>
    public override async ValueTask<Outcome<byte[][]>> Rewrap(OrgKey from, OrgKey to, IReadOnlyList<WrappedKey> keys, CancellationToken cancellation)
    {
        // KMS re-encrypts within a region; between two of them data keys travel through this node
        if (AwsClient.RegionOf(from.KeyId) != AwsClient.RegionOf(to.KeyId)) return await base.Rewrap(from, to, keys, cancellation);
        var moved = await Each(keys.Count, async (index, end) =>
        {
            if (keys[index].Wrapped.Length is 0 or > CiphertextBytesMax) return NoCiphertext;
            var answer = await aws.Ask(to.KeyId, "ReEncrypt", (kms, c) => kms.ReEncryptAsync(new ReEncryptRequest
            {
                CiphertextBlob = new MemoryStream(keys[index].Wrapped), SourceKeyId = from.KeyId, SourceEncryptionContext = Context(from, keys[index].ValueId), DestinationKeyId = to.KeyId,
                DestinationEncryptionContext = Context(to, keys[index].ValueId), SourceEncryptionAlgorithm = EncryptionAlgorithmSpec.SYMMETRIC_DEFAULT, DestinationEncryptionAlgorithm = EncryptionAlgorithmSpec.SYMMETRIC_DEFAULT,
            }, c), end);
            if (!answer.TryGet(out var again, out var fault)) return fault;
            return again.SourceKeyId == from.KeyId ? Wrapped(to.KeyId, again.KeyId, again.CiphertextBlob) : Strange("ReEncrypt");
        }, cancellation);
        return moved.TryGet(out var wrapped, out var refused) ? wrapped.Select(one => one.Wrapped!).ToArray() : refused;
    }

    /// <summary>As its base says. KMS only begins with it: the version shows when KMS has completed it, and an org's key follows then by itself.</summary>
    public override async ValueTask<Outcome<ProviderKey>> Rotate(CancellationToken cancellation)
    {
        if (!(await Newest(cancellation)).TryGet(out var key, out var fault)) return fault;
        var begun = await aws.Ask(key.Id, "RotateKeyOnDemand", (kms, end) => kms.RotateKeyOnDemandAsync(new RotateKeyOnDemandRequest { KeyId = key.Id }, end), cancellation);
        return begun.TryGet(out _, out fault) ? await Newest(cancellation) : fault;
    }

    /// <summary>As its base says: KMS ends no version of a key, but only the key, which is somebody else's right.</summary>
    public override ValueTask<Fault?> Retire(int version, CancellationToken cancellation) => new(new Fault(FaultCode.Conflict,
        "AWS KMS ends no version of a key, only a key: set STELE_AWS_KMS_KEY to another one, rewrap, and schedule the old one's deletion there when no backup needs it."));

    async ValueTask<Outcome<Item>> NewOne(OrgKey key, Guid id, CancellationToken cancellation)
    {
        var answer = await aws.Ask(key.KeyId, "GenerateDataKey", (kms, end) => kms.GenerateDataKeyAsync(
            new GenerateDataKeyRequest { KeyId = key.KeyId, KeySpec = DataKeySpec.AES_256, EncryptionContext = Context(key, id) }, end), cancellation);
        if (!answer.TryGet(out var made, out var fault)) return fault;
        if (Taken(made.Plaintext) is not { } plain) return Strange("GenerateDataKey");
        if (Wrapped(key.KeyId, made.KeyId, made.CiphertextBlob).TryGet(out var wrapped, out fault)) return wrapped with { Plain = plain };
        plain.Dispose();
        return fault;
    }

    async ValueTask<Outcome<List<DateTimeOffset?>>> Rotations(string arn, CancellationToken cancellation)
    {
        var rotations = new List<DateTimeOffset?>();
        string? marker = null;
        for (var page = 0; page < PagesMax; page++)
        {
            if (!(await aws.Ask(arn, "ListKeyRotations", (kms, end) => Page(kms, arn, marker, end), cancellation)).TryGet(out var found, out var fault)) return fault;
            rotations.AddRange((found.Rotations ?? []).Select(rotation => At(rotation.RotationDate)));
            if (found.Truncated is not true || found.NextMarker is not { Length: > 0 } next) break;
            marker = next;
        }
        rotations.Sort();
        return rotations;
    }

    // keys of another account, and some that have no rotations, cannot be listed; nothing that is encrypted depends on it
    async Task<ListKeyRotationsResponse> Page(AmazonKeyManagementServiceClient kms, string arn, string? marker, CancellationToken cancellation)
    {
        try
        {
            return await kms.ListKeyRotationsAsync(new ListKeyRotationsRequest { KeyId = arn, Limit = RotationsOfPage, Marker = marker }, cancellation);
        }
        catch (AmazonServiceException e) when (e.ErrorCode is "AccessDeniedException" or "UnsupportedOperationException")
        {
            log.RotationsUnknown(arn, e.Message);
            return new ListKeyRotationsResponse { Rotations = [] };
        }
    }

    /// <summary>Some calls at once; all of what they give, in order, or the first fault.</summary>
    static async ValueTask<Outcome<Item[]>> Each(int count, Func<int, CancellationToken, ValueTask<Outcome<Item>>> one, CancellationToken cancellation)
    {
        var items = new Item[count];
        Fault? refused = null;
        if (count == 1)
        {
            if (!(await one(0, cancellation)).TryGet(out items[0], out refused)) return refused;
            return items;
        }
        await Parallel.ForEachAsync(Enumerable.Range(0, count), new ParallelOptions { MaxDegreeOfParallelism = CallsAtOnce, CancellationToken = cancellation }, async (index, end) =>
        {
            if (Volatile.Read(ref refused) is null && !(await one(index, end)).TryGet(out items[index], out var fault)) Interlocked.CompareExchange(ref refused, fault, null);
        });
        if (refused is null) return items;
        foreach (var item in items) item.Plain?.Dispose();
        return refused;
    }

    /// <summary>What comes of one call.</summary>
    readonly record struct Item(byte[]? Wrapped, SecretBuffer? Plain);

    static Dictionary<string, string> Context(OrgKey key, Guid valueId) => new()
    {
        ["stele:org"] = key.Org.Value.ToString(CultureInfo.InvariantCulture), ["stele:key-version"] = key.Version.ToString(CultureInfo.InvariantCulture), ["stele:value"] = valueId.ToString(),
    };

    Outcome<Item> Wrapped(string asked, string by, MemoryStream? ciphertext)
    {
        using (ciphertext) return by == asked && ciphertext is { Length: > 0 and <= CiphertextBytesMax } ? new Item(ciphertext.ToArray(), null) : Strange("a ciphertext");
    }

    // the SDK's own array is overwritten; the text that it was read from is not ours to zero
    static SecretBuffer? Taken(MemoryStream? plaintext)
    {
        if (plaintext is null) return null;
        SecretBuffer? key = null;
        if (plaintext.Length == DataKeyBytes)
        {
            key = new SecretBuffer(DataKeyBytes);
            plaintext.Position = 0;
            plaintext.ReadExactly(key.Span);
        }
        if (plaintext.CanWrite)
        {
            plaintext.Position = 0;
            plaintext.Write(new byte[plaintext.Length]);
        }
        plaintext.Dispose();
        return key;
    }

    static DateTimeOffset? At(DateTime? time) => time is { } at ? new DateTimeOffset(at.ToUniversalTime()) : null;

    Fault Strange(string what) => Wrong("gave an answer that is none of its own.", what);

    Fault Wrong(string what, string why)
    {
        log.KmsRefuses(what, "What was asked", options.Key, why);
        return AwsTrouble.OfKey(what, why).Fault();
    }

    static Fault NoCiphertext => SecretCipher.Broken("The wrapped key of a secret is none of AWS KMS'.");
}
