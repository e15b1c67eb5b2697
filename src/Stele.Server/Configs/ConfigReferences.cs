using Stele.Core.Access;
using Stele.Core.Configs;
using Stele.Core.Faults;
using Stele.Core.Orgs;
using Stele.Core.Secrets;
using Stele.Server.Gateway;
using Stele.Server.Secrets;

namespace Stele.Server.Configs;

/// <summary>
/// Reads of keys that refer to secrets: the answer has the secret's value where the reference stands, for who may read both. What cannot be
/// resolved is a fault, and never another value; each value, and each refusal, is on record as the secret's.
/// </summary>
internal sealed class ConfigReferences(SecretReads secrets, SecretRecords records)
{
    /// <summary>Answers a key whose value is a reference; the caller may read the key.</summary>
    public async Task Send(HttpContext context, OrgState state, EnvironmentState environment, ConfigEntry entry, SecretReference reference, ConfigSchema? schema)
    {
        var (name, through) = (environment.Name, $"config/{environment.Name}/{entry.Key}");
        var refused = Authorisation.Check(state.Access, Caller.Of(context).Principal, Permission.SecretRead, name, reference.Path);
        if (refused is not null || !(await secrets.Find(state.Org, environment, reference.Path, reference.Version, evenDeleted: false, context.RequestAborted)).TryGet(out var secret, out refused))
        {
            await HttpProblems.Write(context, Told((await records.Read(context, name, reference.Path, reference.Version, refused, context.RequestAborted, through))!, entry));
            return;
        }
        var tag = EntityTag.Of(entry.Version, secret.Version, state.Incarnation);
        if (context.Request.Headers.IfNoneMatch is { Count: > 0 } noneMatch && tag.IsIn(noneMatch) && secrets.Refused(name, secret) is null)
        {
            context.Response.Headers.ETag = tag.ToString();
            context.Response.StatusCode = StatusCodes.Status304NotModified;
            return;
        }
        if (!(await secrets.Open(context, state, name, secret, through)).TryGet(out var value, out refused))
        {
            await HttpProblems.Write(context, Told(refused, entry));
            return;
        }
        context.Response.Headers.ETag = tag.ToString();
        using (value)
            await SecretAnswer.Send(context, ConfigJson.Resolved(ConfigJson.For(entry), name, entry, secret, schema), SecretJson.Value("value", value.Span, secret.IsText));
    }

    // the problems name what was asked for, which is the key
    static Fault Told(Fault fault, ConfigEntry entry) => fault with
    {
        Detail = $"{entry.Key} refers to a secret. {fault.Detail}",
        Problems = [.. fault.Problems.Select(problem => Problem.Path("key", problem.Rule, problem.Message))],
    };
}
