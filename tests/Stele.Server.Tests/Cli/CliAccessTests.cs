using System.Text.Json;
using Stele.Server.Tests.Http;
using Xunit;

namespace Stele.Server.Tests.Cli;

/// <summary>The words of access, against a real server.</summary>
public sealed class CliAccessTests(HttpServer server) : IClassFixture<HttpServer>
{
    [Fact]
    public async Task A_token_is_made_used_listed_and_revoked()
    {
        await server.Run("set", "cli.a", "1", "--env", "staging");
        var made = await server.Run("token", "create", "reads", "--scope", "config:read@staging,production/cli.", "--env", "staging", "--expires-in-days", "1");
        Assert.True(made.Code == 0, made.Error);
        var token = made.Out.Trim();
        Assert.StartsWith("stele_default_", token, StringComparison.Ordinal);
        Assert.Equal("1\n", (await CliServer.Run(server.Client.BaseAddress!, token, "get", "cli.a")).Out);
        Assert.NotEqual(0, (await CliServer.Run(server.Client.BaseAddress!, token, "set", "cli.a", "2")).Code);
        var listed = JsonDocument.Parse((await server.Run("token", "list", "--json")).Out).RootElement.GetProperty("items")[0];
        Assert.False(listed.TryGetProperty("token", out _));
        Assert.Contains("config:read@staging,production/cli.", (await server.Run("token", "list")).Out, StringComparison.Ordinal);
        Assert.Equal(0, (await server.Run("token", "revoke", listed.GetProperty("id").GetString()!)).Code);
        Assert.NotEqual(0, (await CliServer.Run(server.Client.BaseAddress!, token, "get", "cli.a")).Code);
        Assert.Equal(2, (await server.Run("token", "create", "x", "--scope", "config:fly")).Code);
    }

    [Fact]
    public async Task Users_accounts_and_roles_are_made_changed_explained_and_removed()
    {
        Assert.Equal(0, (await server.Run("role", "set", "payments", "--grant", "config:read", "--grant", "config:write@staging/payments.", "--deny", "config:write@staging/payments.limits")).Code);
        Assert.Contains("denies config:write@staging/payments.limits", (await server.Run("role", "get", "payments")).Out, StringComparison.Ordinal);
        Assert.Matches(@"(?m)^payments +config:read config:write@staging/payments\. +config:write@staging/payments\.limits$", (await server.Run("role", "list")).Out);
        var user = JsonDocument.Parse((await server.Run("user", "create", "cli@example.com", "From the CLI", "--role", "payments", "--role", "viewer@production/x", "--json")).Out).RootElement.GetProperty("id").GetString()!;
        Assert.Contains("cli@example.com", (await server.Run("user", "list")).Out, StringComparison.Ordinal);
        Assert.Equal((0, "allowed: Role 'payments' grants config:write in staging on payments.*.\n"), Heard(await server.Run("access", "explain", "config:write", "payments.a", "--env", "staging", "--user", user)));
        Assert.Equal((1, "not allowed: Role 'payments' denies config:write in staging on payments.limits*.\n"), Heard(await server.Run("access", "explain", "config:write", "payments.limits.a", "--env", "staging", "--user", user)));
        Assert.Contains("suspended", (await server.Run("user", "change", user, "--status", "suspended", "--role", "viewer")).Out, StringComparison.Ordinal);
        Assert.Equal(0, (await server.Run("role", "remove", "payments")).Code);
        Assert.Equal(0, (await server.Run("user", "remove", user, "--yes")).Code);
        Assert.Equal(0, (await server.Run("service-account", "create", "cli", "--role", "editor")).Code);
        var account = JsonDocument.Parse((await server.Run("service-account", "list", "--json")).Out).RootElement.GetProperty("items")[0].GetProperty("id").GetString()!;
        Assert.Equal(0, (await server.Run("service-account", "change", account, "--name", "renamed")).Code);
        Assert.Equal(0, (await server.Run("service-account", "remove", account, "--yes")).Code);
    }

    static (int, string) Heard(CliAnswer answer) => (answer.Code, answer.Out);
}
