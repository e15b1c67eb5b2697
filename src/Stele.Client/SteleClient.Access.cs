using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Stele.Client;

/// <summary>Who may do what: tokens, users, service accounts, roles.</summary>
public sealed partial class SteleClient
{
    /// <summary>Makes a token; <see cref="TokenItem.Token"/> is it, this once.</summary>
    public Task<TokenItem> CreateTokenAsync(TokenCreate token, CancellationToken cancellationToken) =>
        transport.Write(HttpMethod.Post, "/v1/tokens", token, SteleJson.Default.TokenCreate, SteleJson.Default.TokenItem, cancellationToken);

    /// <summary>One page of the tokens.</summary>
    public Task<TokenPage> ListTokensAsync(int? limit, string? cursor, CancellationToken cancellationToken) => Page("/v1/tokens", limit, cursor, SteleJson.Default.TokenPage, cancellationToken);

    /// <summary>Revokes a token, and those that were made with it.</summary>
    public Task RevokeTokenAsync(string id, CancellationToken cancellationToken) => Delete($"/v1/tokens/{Uri.EscapeDataString(id)}", cancellationToken);

    /// <summary>Makes a user: email, name and a role.</summary>
    public Task<MemberItem> CreateUserAsync(MemberSet user, CancellationToken cancellationToken) => Write(HttpMethod.Post, "/v1/users", user, cancellationToken);

    /// <summary>Changes a user; what is null stays.</summary>
    public Task<MemberItem> ChangeUserAsync(string id, MemberSet user, CancellationToken cancellationToken) => Write(HttpMethod.Put, $"/v1/users/{Uri.EscapeDataString(id)}", user, cancellationToken);

    /// <summary>A user.</summary>
    public Task<MemberItem> GetUserAsync(string id, CancellationToken cancellationToken) => transport.Get($"/v1/users/{Uri.EscapeDataString(id)}", SteleJson.Default.MemberItem, cancellationToken);

    /// <summary>One page of the users.</summary>
    public Task<MemberPage> ListUsersAsync(int? limit, string? cursor, CancellationToken cancellationToken) => Page("/v1/users", limit, cursor, SteleJson.Default.MemberPage, cancellationToken);

    /// <summary>Removes a user, with his tokens and sessions.</summary>
    public Task RemoveUserAsync(string id, CancellationToken cancellationToken) => Delete($"/v1/users/{Uri.EscapeDataString(id)}", cancellationToken);

    /// <summary>Gives a user a password; his sessions end.</summary>
    public Task SetPasswordAsync(string id, string password, CancellationToken cancellationToken) =>
        transport.Write(HttpMethod.Put, $"/v1/users/{Uri.EscapeDataString(id)}/password", new PasswordMessage(password), SteleJson.Default.PasswordMessage, SteleJson.Default.JsonElement, cancellationToken);

    /// <summary>Makes a service account: name and a role.</summary>
    public Task<MemberItem> CreateServiceAccountAsync(MemberSet account, CancellationToken cancellationToken) => Write(HttpMethod.Post, "/v1/service-accounts", account, cancellationToken);

    /// <summary>Changes a service account; what is null stays.</summary>
    public Task<MemberItem> ChangeServiceAccountAsync(string id, MemberSet account, CancellationToken cancellationToken) =>
        Write(HttpMethod.Put, $"/v1/service-accounts/{Uri.EscapeDataString(id)}", account, cancellationToken);

    /// <summary>A service account.</summary>
    public Task<MemberItem> GetServiceAccountAsync(string id, CancellationToken cancellationToken) => transport.Get($"/v1/service-accounts/{Uri.EscapeDataString(id)}", SteleJson.Default.MemberItem, cancellationToken);

    /// <summary>One page of the service accounts.</summary>
    public Task<MemberPage> ListServiceAccountsAsync(int? limit, string? cursor, CancellationToken cancellationToken) =>
        Page("/v1/service-accounts", limit, cursor, SteleJson.Default.MemberPage, cancellationToken);

    /// <summary>Removes a service account, with its tokens.</summary>
    public Task RemoveServiceAccountAsync(string id, CancellationToken cancellationToken) => Delete($"/v1/service-accounts/{Uri.EscapeDataString(id)}", cancellationToken);

    /// <summary>One page of the roles, the built-in ones included.</summary>
    public Task<RolePage> ListRolesAsync(int? limit, string? cursor, CancellationToken cancellationToken) => Page("/v1/roles", limit, cursor, SteleJson.Default.RolePage, cancellationToken);

    /// <summary>A role.</summary>
    public Task<RoleItem> GetRoleAsync(string name, CancellationToken cancellationToken) => transport.Get($"/v1/roles/{Uri.EscapeDataString(name)}", SteleJson.Default.RoleItem, cancellationToken);

    /// <summary>Makes a custom role, or changes it whole.</summary>
    public Task<RoleItem> SetRoleAsync(string name, RoleDefinition role, CancellationToken cancellationToken) =>
        transport.Write(HttpMethod.Put, $"/v1/roles/{Uri.EscapeDataString(name)}", role, SteleJson.Default.RoleDefinition, SteleJson.Default.RoleItem, cancellationToken);

    /// <summary>Removes a custom role that nobody has.</summary>
    public Task RemoveRoleAsync(string name, CancellationToken cancellationToken) => Delete($"/v1/roles/{Uri.EscapeDataString(name)}", cancellationToken);

    /// <summary>Why something is allowed or not.</summary>
    public Task<AccessExplanation> ExplainAccessAsync(AccessQuestion question, CancellationToken cancellationToken) =>
        transport.Write(HttpMethod.Post, "/v1/access/explain", question, SteleJson.Default.AccessQuestion, SteleJson.Default.AccessExplanation, cancellationToken);

    /// <summary>
    /// Signs a user in. The session goes into <see cref="SteleClientOptions.Session"/> of another client; organization null is <c>default</c>.
    /// </summary>
    public Task<SteleSession> SignInAsync(string? organization, string email, string password, CancellationToken cancellationToken) =>
        transport.SignIn(new SignInBody(organization, email, password), cancellationToken);

    /// <summary>Ends this client's session.</summary>
    public Task SignOutAsync(CancellationToken cancellationToken) => Delete("/v1/session", cancellationToken);

    /// <summary>As whom this client asks.</summary>
    public Task<SteleCaller> GetCallerAsync(CancellationToken cancellationToken) => transport.Get("/v1/session", SteleJson.Default.SteleCaller, cancellationToken);

    /// <summary>Gives oneself another password, by the current one; all one's sessions end, this one too.</summary>
    public Task ChangePasswordAsync(string currentPassword, string password, CancellationToken cancellationToken) =>
        transport.Write(HttpMethod.Put, "/v1/session/password", new ChangePasswordBody(currentPassword, password), SteleJson.Default.ChangePasswordBody, SteleJson.Default.JsonElement, cancellationToken);

    Task<T> Page<T>(string path, int? limit, string? cursor, JsonTypeInfo<T> answer, CancellationToken cancellation) =>
        transport.Get(new QueryText(path).With("limit", limit).With("cursor", cursor).ToString(), answer, cancellation);

    Task<MemberItem> Write(HttpMethod method, string path, MemberSet member, CancellationToken cancellation) =>
        transport.Write(method, path, member, SteleJson.Default.MemberSet, SteleJson.Default.MemberItem, cancellation);

    Task<JsonElement> Delete(string path, CancellationToken cancellation) => transport.Call(HttpMethod.Delete, path, null, SteleJson.Default.JsonElement, cancellation);
}
