using Stele.Server.Options;
using Stele.Server.Secrets.Keys;
using Stele.Server.Secrets.Store;

namespace Stele.Server.Secrets;

/// <summary>
/// Secrets: values that are kept apart, encrypted under keys of the operator's, and given out on record. What it promises:
/// <list type="bullet">
/// <item>Versioned like everything else: one revision or nothing, versions without gaps, conditions, change sets together with
/// configuration and flags. A deletion can be taken back; a destruction cannot.</item>
/// <item>A value is encrypted before the command that brings it is decided, under a data key of its own, bound to org, environment, path
/// and a random id (<see cref="SecretCipher"/>). The journal holds ciphertext; the wrapped data key stands beside it, in <c>secret_key</c>.</item>
/// <item>No value leaves before its reading is committed in the audit log; what cannot be recorded is not answered. A refusal is
/// recorded as well.</item>
/// <item>A wrap (<see cref="WrapEndpoints"/>) yields its value once, whatever nodes are asked; a second attempt is an alarm.</item>
/// <item>What fails a check is <c>integrity</c>, an alarm in the audit log, and never other bytes.</item>
/// <item>Who should look after a secret is told once (<see cref="SecretReminders"/>): that a new value is due, that its end is near, that it has ended.</item>
/// <item>Memory that held a value or a key is zeroed (<see cref="Gateway.SecretBuffer"/>, <see cref="Gateway.ZeroingMemory"/>).</item>
/// </list>
/// Limits: paths 256 characters, values 1 MiB, metadata 16 KiB, 200,000 secrets an environment. When the key provider is away, writes are
/// refused at once (unavailable); reads go on with keys that were used lately, for the limit secret.key_seconds.
/// </summary>
internal static class SecretFeature
{
    public static IServiceCollection AddSecrets(this IServiceCollection services, SteleOptions options)
    {
        // several nodes on a database that is not ours must share one file, which none of them can make for the others
        if (options is { Postgres: null, PostgresApp: null, Keys: "local" }) KeyFile.MakeIfMissing(options.KeyFile);
        return services
            .AddKeyProviders(options)
            .AddSingleton<OrgKeyStore>()
            .AddSingleton<OrgKeys>()
            .AddSingleton<SecretBox>()
            .AddSecretStore(options)
            .AddSingleton<SecretSealer>()
            .AddSingleton<SecretQueries>()
            .AddSingleton<SecretValues>()
            .AddSingleton<SecretReads>()
            .AddSingleton<SecretRecords>()
            .AddSingleton<SecretMetrics>()
            .AddSingleton<SecretWrites>()
            .AddSingleton<SecretEndpoints>()
            .AddSingleton<SecretWriteEndpoints>()
            .AddSingleton<SecretDestructions>()
            .AddHostedService(provider => provider.GetRequiredService<SecretDestructions>())
            .AddSingleton<SecretReminders>()
            .AddHostedService(provider => provider.GetRequiredService<SecretReminders>())
            .AddSingleton<SecretWraps>()
            .AddSingleton<WrapEndpoints>()
            .AddSingleton<SearchEndpoints>()
            .AddSingleton<KeyEndpoints>();
    }

    public static IEndpointRouteBuilder MapSecrets(this IEndpointRouteBuilder routes)
    {
        var reads = routes.ServiceProvider.GetRequiredService<SecretEndpoints>();
        routes.MapGet("/v1/secrets", reads.List);
        routes.MapGet("/v1/secrets/{path}", reads.Get);
        routes.MapGet("/v1/secrets/{path}/history", reads.History);

        var writes = routes.ServiceProvider.GetRequiredService<SecretWriteEndpoints>();
        routes.MapPut("/v1/secrets/{path}", writes.Put);
        routes.MapDelete("/v1/secrets/{path}", writes.Delete);
        routes.MapPost("/v1/secrets/{path}/generate", writes.Generate);
        routes.MapPost("/v1/secrets/{path}/undelete", writes.Undelete);
        routes.MapPost("/v1/secrets/{path}/destroy", writes.Destroy);

        var wraps = routes.ServiceProvider.GetRequiredService<WrapEndpoints>();
        routes.MapPost("/v1/secrets/{path}/wrap", wraps.Wrap);
        routes.MapPost("/v1/unwrap", wraps.Unwrap);
        routes.MapPost("/v1/audit/secrets", routes.ServiceProvider.GetRequiredService<SearchEndpoints>().Search);

        var keys = routes.ServiceProvider.GetRequiredService<KeyEndpoints>();
        routes.MapGet("/v1/keys", keys.List);
        routes.MapPost("/v1/keys/rotate", keys.Rotate);
        routes.MapPost("/v1/keys/rewrap", keys.Rewrap);
        routes.MapPost("/v1/keys/retire", keys.Retire);
        var store = routes.ServiceProvider.GetRequiredService<StoreEndpoints>();
        routes.MapGet("/v1/secret-store", store.Show);
        routes.MapPost("/v1/secret-store/move", store.Move);
        return routes;
    }
}
