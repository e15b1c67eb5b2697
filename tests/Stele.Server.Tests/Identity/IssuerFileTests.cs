using System.Text;
using Stele.Server.Options;
using Xunit;

namespace Stele.Server.Tests.Identity;

/// <summary>The file of STELE_OIDC_ISSUERS: what it means, and every mistake in it at once.</summary>
public sealed class IssuerFileTests
{
    [Fact]
    public void The_least_that_an_issuer_needs()
    {
        var issuer = Assert.Single(Right("""{"issuers":[{"issuer":"https://login.example.com/","audiences":["stele"]}]}"""));
        Assert.Equal("https://login.example.com/", issuer.Issuer);
        Assert.Equal("https://login.example.com/.well-known/openid-configuration", issuer.Discovery.ToString());
        Assert.Null(issuer.Jwks);
        Assert.Equal(["RS256", "ES256"], issuer.Algorithms);
        Assert.Equal((30, 600, 30, 86_400), (issuer.ClockSkew.TotalSeconds, issuer.Refresh.TotalSeconds, issuer.RefreshFloor.TotalSeconds, issuer.KeysStale.TotalSeconds));
        Assert.Empty(issuer.Grants);
    }

    [Fact]
    public void Grants_name_a_claim_a_value_an_org_and_roles()
    {
        var issuer = Assert.Single(Right("""
            {"issuers":[{"issuer":"kubernetes/serviceaccount","audiences":["stele"],"jwks_url":"https://kubernetes.default.svc/openid/v1/jwks","clock_skew_seconds":0,"algorithms":["PS512"],
              "grants":[{"claim":"sub","value":"system:serviceaccount:payments:*","org":"acme","roles":["viewer","secrets"]},{"claim":"/a/b","value":"x","org_claim":"tenant","service_account":"0190f6a1-0000-7000-8000-000000000001"}]}]}
            """));
        Assert.Equal("https://kubernetes.default.svc/openid/v1/jwks", issuer.Jwks!.ToString());
        Assert.Equal((new ClaimGrant("sub", "system:serviceaccount:payments:", true, "acme", null, issuer.Grants[0].Roles), TimeSpan.Zero), (issuer.Grants[0], issuer.ClockSkew));
        Assert.Equal(["viewer", "secrets"], issuer.Grants[0].Roles);
        Assert.Equal(("tenant", Guid.Parse("0190f6a1-0000-7000-8000-000000000001")), (issuer.Grants[1].OrgClaim, issuer.Grants[1].ServiceAccount));
    }

    [Fact]
    public void Every_mistake_is_named_with_its_place()
    {
        var problems = Wrong("""
            {"issuers":[
              {"issuer":"http://login.example.com","audiences":[],"algorithms":["none","HS256"],"clock_skew_seconds":301,"ca_file":"/nowhere","bearer_token_file":"/nowhere","secret":1},
              {"issuer":"https://a","audiences":["x"],"jwks_url":"http://a/keys","refresh_seconds":600,"stale_seconds":60,"refresh_floor_seconds":3600,
               "grants":[{"claim":"sub","value":"x","service_account":"billing"},{"claim":"sub","value":"x","org":"a","org_claim":"b","roles":[]}]},
              {"issuer":"https://user:hunter2@a","audiences":["x"]},
              {"issuer":"https://a","audiences":["x"]},
              {"audiences":["x"]}
            ]}
            """);
        string[] places =
        [
            "/issuers/0/issuer:", "/issuers/0/audiences:", "/issuers/0/algorithms: 'none'", "/issuers/0/algorithms: 'HS256'", "/issuers/0/clock_skew_seconds:", "/issuers/0/ca_file:",
            "/issuers/0/bearer_token_file:", "/issuers/0/secret:", "/issuers/1/jwks_url:", "/issuers/1/stale_seconds:", "/issuers/1/refresh_floor_seconds:", "/issuers/1/grants/0: Either org", "/issuers/1/grants/0/service_account:",
            "/issuers/1/grants/1: Either org", "/issuers/1/grants/1: Either roles", "/issuers/1/grants/1/roles:", "/issuers/2/issuer:", "/issuers: The issuer https://a is there 2 times", "/issuers/4/issuer:",
        ];
        foreach (var place in places) Assert.Single(problems, problem => problem.StartsWith(place, StringComparison.Ordinal));
        Assert.Equal(places.Length, problems.Count);
        Assert.DoesNotContain(problems, problem => problem.Contains("hunter2", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("""{"issuers":7}""")]
    [InlineData("""{"issuers":[7]}""")]
    [InlineData("""{"issuers":[]} x""")]
    public void What_is_no_such_file_is_refused(string text) => Assert.NotEmpty(Wrong(text));

    [Fact]
    public void A_file_that_is_not_there_is_one_problem() => Assert.Single(IssuerFile.Read("/nowhere/issuers.json").Problems);

    static IReadOnlyList<TokenIssuer> Right(string text)
    {
        var (issuers, problems) = IssuerFile.Parse(Encoding.UTF8.GetBytes(text));
        Assert.Empty(problems);
        return issuers;
    }

    static IReadOnlyList<string> Wrong(string text)
    {
        var (issuers, problems) = IssuerFile.Parse(Encoding.UTF8.GetBytes(text));
        Assert.Empty(issuers);
        return problems;
    }
}
