namespace Stele.Server.Configs;

/// <summary>
/// Versioned configuration: keys with JSON values in environments. What it promises:
/// <list type="bullet">
/// <item>A write is one revision or nothing, whatever number of keys it touches. Each change of a key is a version, counted
/// without gaps, deletions included. Nothing is answered before it is durable.</item>
/// <item>Every write can be conditional: expected_version (0: must not exist), If-Match with the tag of a read, expected_revision
/// over several keys. A stale condition is refused with who changed what since, and nothing is written.</item>
/// <item>A value comes back with the text it had: numbers are not rounded or respelt, members keep their order.</item>
/// <item>A read is strong unless it says local; then it says how long ago it was confirmed. A list shows one revision on all
/// its pages, and so does a comparison on both sides.</item>
/// <item>The past does not change: a version, a revision or a moment, once answered, is answered the same for ever. Only a
/// redaction empties a value, and says so.</item>
/// <item>A value over 64 KiB is in no node's memory: it is read from PostgreSQL by exactly the version that the state names,
/// and held against the hash that the state has of it.</item>
/// <item>A key may have a JSON Schema (draft 2020-12), versioned with it: each value that is set keeps to it, and so does
/// one that is rolled back to, by the schema of today. A deletion takes the schema along.</item>
/// <item>A value may refer to a secret of its environment (<see cref="ConfigReferences"/>): reading the key gives the secret's value to who may read
/// both, else it is refused; lists, histories and watchers get the reference.</item>
/// <item>An answer to a write is made from the revision it wrote: a retry with the same Idempotency-Key gets the same one.</item>
/// </list>
/// Limits: keys 256 characters, values 8 MiB, 10,000 changes and 32 MiB a request, pages of 1,000 items and 32 MiB. At a
/// limit the request is refused, a page ends early. When the primary is away, strong reads and writes are refused
/// (unavailable) within two seconds, local reads go on, and the past, which is SQL, is refused.
/// </summary>
internal static class ConfigFeature
{
    public static IServiceCollection AddConfigs(this IServiceCollection services) => services
        .AddSingleton<ConfigQueries>()
        .AddSingleton<ConfigValues>()
        .AddSingleton<ConfigView>()
        .AddSingleton<ConfigReferences>()
        .AddSingleton<ConfigEndpoints>()
        .AddSingleton<ConfigWriteEndpoints>()
        .AddSingleton<ChangeEndpoints>()
        .AddSingleton<DiffEndpoints>()
        .AddSingleton<SchemaEndpoints>();

    public static IEndpointRouteBuilder MapConfigs(this IEndpointRouteBuilder routes)
    {
        var reads = routes.ServiceProvider.GetRequiredService<ConfigEndpoints>();
        routes.MapGet("/v1/config", reads.List);
        routes.MapGet("/v1/config/{key}", reads.Get);
        routes.MapGet("/v1/config/{key}/history", reads.History);

        var writes = routes.ServiceProvider.GetRequiredService<ConfigWriteEndpoints>();
        routes.MapPut("/v1/config/{key}", writes.Put);
        routes.MapDelete("/v1/config/{key}", writes.Delete);
        routes.MapPost("/v1/config/{key}/rollback", writes.Rollback);

        var changes = routes.ServiceProvider.GetRequiredService<ChangeEndpoints>();
        routes.MapPost("/v1/changes", changes.Post);
        routes.MapPost("/v1/rollback", changes.Rollback);

        var schemas = routes.ServiceProvider.GetRequiredService<SchemaEndpoints>();
        routes.MapPost("/v1/schema/validate", SchemaEndpoints.Validate);
        routes.MapPost("/v1/config/schema-check", schemas.Check);

        routes.MapGet("/v1/diff", routes.ServiceProvider.GetRequiredService<DiffEndpoints>().Get);
        return routes;
    }
}
