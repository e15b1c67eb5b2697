using System.Collections.Immutable;
using System.Text.Json;
using Stele.Core.Access;
using Stele.Core.Journal;

namespace Stele.Simulation.Database;

/// <summary>Users, service accounts, tokens and roles of one org as rows, written from the stored bytes of events.</summary>
internal sealed record AccessTables(
    ImmutableDictionary<Guid, User> Users, ImmutableDictionary<Guid, ServiceAccount> ServiceAccounts, ImmutableDictionary<Guid, Token> Tokens, ImmutableDictionary<string, Role> Roles)
{
    public static readonly AccessTables Empty = new(
        ImmutableDictionary<Guid, User>.Empty, ImmutableDictionary<Guid, ServiceAccount>.Empty, ImmutableDictionary<Guid, Token>.Empty, ImmutableDictionary.Create<string, Role>(StringComparer.Ordinal));

    /// <summary>Whether events of a type are written here.</summary>
    public static bool Owns(string type) => type.Split('.')[0] is "user" or "service_account" or "token" or "role";

    /// <summary>The rows after an event.</summary>
    public AccessTables Project(RevisionRecord revision, string type, JsonElement data) => type switch
    {
        "user.set" => this with { Users = Users.SetItem(Id(data), UserOf(revision, data)) },
        "user.password_set" => this with { Users = Users.SetItem(Id(data), Users[Id(data)] with { Version = Version(data), UpdatedAt = revision.At }) },
        "user.removed" => this with { Users = Users.Remove(Id(data)) },
        "service_account.set" => this with { ServiceAccounts = ServiceAccounts.SetItem(Id(data), AccountOf(revision, data)) },
        "service_account.removed" => this with { ServiceAccounts = ServiceAccounts.Remove(Id(data)) },
        "token.created" => this with { Tokens = Tokens.SetItem(Id(data), TokenOf(revision, data)) },
        "token.revoked" => this with { Tokens = Tokens.Remove(Id(data)) },
        "role.set" => this with
        {
            Roles = Roles.SetItem(Text(data, "name")!, new Role(Text(data, "name")!, Text(data, "description"), AccessJson.ReadGrants(Raw(data, "grants")), AccessJson.ReadGrants(Raw(data, "denies")), Version(data))),
        },
        "role.removed" => this with { Roles = Roles.SetItem(Text(data, "name")!, new Role(Text(data, "name")!, null, [], [], Version(data)) { IsRemoved = true }) },
        _ => throw new InvalidOperationException($"no projection for {type}"),
    };

    /// <summary>What a node loads from these rows.</summary>
    public AccessState Load() => Users.Count + ServiceAccounts.Count + Tokens.Count + Roles.Count == 0 ? AccessState.Empty
        : AccessState.Of(Users.Values, ServiceAccounts.Values, Tokens.Values, Roles.Values);

    User UserOf(RevisionRecord revision, JsonElement data) => new(
        Id(data), Text(data, "email")!, Text(data, "name")!, AccessJson.ReadBindings(Raw(data, "roles")), MemberStatuses.Parse(Text(data, "status")), Version(data),
        Users.TryGetValue(Id(data), out var before) ? before.CreatedAt : revision.At, revision.At);

    ServiceAccount AccountOf(RevisionRecord revision, JsonElement data) => new(
        Id(data), Text(data, "name")!, AccessJson.ReadBindings(Raw(data, "roles")), MemberStatuses.Parse(Text(data, "status")), Version(data),
        ServiceAccounts.TryGetValue(Id(data), out var before) ? before.CreatedAt : revision.At, revision.At);

    static Token TokenOf(RevisionRecord revision, JsonElement data) => new(
        Id(data), Text(data, "name")!, TokenOwners.Parse(Text(data, "owner")), data.GetProperty("owner_id").GetGuid(), AccessJson.ReadGrants(Raw(data, "scopes")),
        Text(data, "environment"), Timestamp.TryParse(Text(data, "expires_at"), out var at) ? at : null, revision.At, revision.Actor);

    static Guid Id(JsonElement data) => data.GetProperty("id").GetGuid();

    static int Version(JsonElement data) => data.GetProperty("version").GetInt32();

    static string? Text(JsonElement data, string member) => data.TryGetProperty(member, out var value) ? value.GetString() : null;

    static string Raw(JsonElement data, string member) => data.GetProperty(member).GetRawText();
}
