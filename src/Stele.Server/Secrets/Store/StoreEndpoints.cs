using Stele.Core.Access;
using Stele.Core.Faults;
using Stele.Core.Json;
using Stele.Core.Secrets;
using Stele.Server.Gateway;
using Stele.Server.Journal;
using Stele.Server.Options;

namespace Stele.Server.Secrets.Store;

/// <summary>The operator's side of stores: where values lie, and moving them. A step that moves is on record before it reads a value.</summary>
internal sealed class StoreEndpoints(JournalNode journal, StoreMoves moves, SecretRecords records, SteleOptions options)
{
    const int LimitDefault = 100, SkippedShown = 20;
    const string Action = "secret.moved";

    static readonly BodyMembers Members = new(required: ["to"], optional: ["limit", "after"]);

    string Store => options.SecretsInVault ? "vault-kv" : "database";

    /// <summary><c>GET /v1/secret-store</c></summary>
    public async Task Show(HttpContext context)
    {
        List<Problem>? problems = null;
        RequestParameters.Parse(context.Request, Parameter.None, ref problems);
        if ((problems is not null ? Fault.Invalid(problems) : await Forbidden(context)) is { } fault)
        {
            await HttpProblems.Write(context, fault);
            return;
        }
        var (database, vault, pending) = await moves.Counts(Caller.Of(context).Org, context.RequestAborted);
        await Answer.Send(context, new JsonText().Raw("{\"store\":\""u8).Ascii(Store).Raw("\",\"database\":"u8).Number(database).Raw(",\"vault_kv\":"u8).Number(vault).Raw(",\"pending\":"u8).Number(pending).Raw("}"u8));
    }

    /// <summary><c>POST /v1/secret-store/move</c></summary>
    public async Task Move(HttpContext context)
    {
        var caller = Caller.Of(context);
        if (!(await Read(context)).TryGet(out var asked, out var fault)
            || (fault = await records.Require(context, Action, null, Store, $"up to {asked.Limit} values", null, context.RequestAborted)) is not null
            || !(await moves.Step(caller.Org, caller.Principal, caller.RequestId, asked.After, asked.Limit, context.RequestAborted)).TryGet(out var step, out fault))
        {
            await HttpProblems.Write(context, fault);
            return;
        }
        var (database, vault, _) = await moves.Counts(caller.Org, context.RequestAborted);
        var json = new JsonText().Raw("{\"to\":\""u8).Ascii(Store).Raw("\",\"moved\":"u8).Number(step.Moved).Raw(",\"remaining\":"u8).Number(options.SecretsInVault ? database : vault).Raw(",\"skipped\":["u8);
        foreach (var (index, (value, why)) in step.Skipped.Take(SkippedShown).Index())
            (index > 0 ? json.Raw(","u8) : json).Raw("{\"path\":\""u8).Ascii(value.Path).Raw("\",\"environment\":\""u8).Ascii(value.Environment).Raw("\",\"version\":"u8).Number(value.Version).Raw(",\"reason\":"u8).Text(why).Raw("}"u8);
        json.Raw("]"u8);
        if (step.Next is { } next) json.Raw(",\"next\":\""u8).Ascii(next.ToString()).Raw("\""u8);
        await Answer.Send(context, json.Raw("}"u8));
    }

    async ValueTask<Outcome<(Guid After, int Limit)>> Read(HttpContext context)
    {
        if (await Forbidden(context) is { } forbidden) return forbidden;
        if (!(await WriteRequest.Read(context, Parameter.None)).TryGet(out var request, out var fault)) return fault;
        using (request)
        {
            var (to, limit, after) = Parse(request.Body, request.Problems);
            if (request.Refused is { } invalid) return invalid;
            if (to != Store)
            {
                var message = $"New secrets go to {Store} here, and so do those that are moved: set STELE_SECRETS_STORE on every node first.";
                return new Fault(FaultCode.Conflict, message, [Problem.Body("/to", "store.current", message)]);
            }
            return (after, limit);
        }
    }

    static (string? To, int Limit, Guid After) Parse(ReadOnlySpan<byte> utf8, List<Problem> problems)
    {
        string? to = null;
        var (limit, after) = (LimitDefault, Guid.Empty);
        var body = new JsonBody(utf8, Members, problems);
        while (body.NextMember(out var name))
            switch (name)
            {
                case "limit":
                    limit = (int?)body.ReadInt64(1, SecretLimits.MoveBatch.Value) ?? LimitDefault;
                    break;
                case "after":
                    if (body.ReadString() is { } text && !Guid.TryParseExact(text, "D", out after)) body.Refuse("move.after", "after is what an earlier step gave as next.");
                    break;
                default:
                    to = body.ReadString();
                    if (to is not (null or "database" or "vault-kv")) body.Refuse("store.value", "A store is database or vault-kv.");
                    break;
            }
        return (to, limit, after);
    }

    async ValueTask<Fault?> Forbidden(HttpContext context)
    {
        var caller = Caller.Of(context);
        var read = await journal.Read(caller.Org, new ReadOptions(Consistency.Strong, null, null), context.RequestAborted);
        return read.TryGet(out var snapshot, out var fault) ? Authorisation.Check(snapshot.State.Access, caller.Principal, Permission.Operate, null, null) : fault;
    }
}

/// <summary>What the stores are made of.</summary>
internal static class StoreServices
{
    public static IServiceCollection AddSecretStore(this IServiceCollection services, SteleOptions options)
    {
        services.AddSingleton<StoreCopies>().AddSingleton<StoreMoves>().AddSingleton<StoreEndpoints>()
            .AddSingleton(provided => new VaultValues(provided.GetService<VaultStore>(), provided.GetRequiredService<StoreCopies>(), provided.GetRequiredService<SecretBox>()));
        // also where new values go to the database: those that lie in Vault are read, hidden and ended there
        if (options.Vault is not null) services.AddSingleton<VaultStore>().AddSingleton<StoreLeveller>().AddHostedService(provided => provided.GetRequiredService<StoreLeveller>());
        return services;
    }
}
