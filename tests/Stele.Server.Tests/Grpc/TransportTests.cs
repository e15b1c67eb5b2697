using System.Security.Cryptography.X509Certificates;
using Stele.Proto.Rpc;
using Stele.Proto.V1;
using Stele.Server.Limits;
using Stele.Server.Tests.Fixtures;
using Stele.Server.Tests.Transport;
using Xunit;

namespace Stele.Server.Tests.Grpc;

/// <summary>What holds for a request holds for a call: TLS with its client certificates, and rates.</summary>
public sealed class TransportTests(TlsFixture tls) : IClassFixture<TlsFixture>
{
    const string Get = "/stele.v1.ConfigService/Get", Set = "/stele.v1.ConfigService/Set", Session = "/stele.v1.AccessService/GetSession";

    static GetConfigRequest Asking => new() { Key = "grpc.tls" };

    [Fact]
    public async Task A_call_over_TLS_is_answered_and_a_certificate_says_who_calls()
    {
        using (var client = new WireClient(tls.Server.Https, tls.Handler()))
        {
            Assert.Equal(0, (await client.Call(Set, new SetConfigRequest { Key = "grpc.tls", ValueJson = "1" })).Code);
            Assert.Equal("1", (await client.Call(Get, Asking)).As(Config.Parser).ValueJson);
            Assert.Equal(16, (await client.Call(Get, Asking, ("authorization", null))).Code);
        }
        using var mapped = TestCertificates.IssueClient(tls.ClientAuthority, "CN=anything", names => names.AddUri(new Uri("spiffe://acme/ns/payments/sa/billing")));
        using var certified = new WireClient(tls.Server.Https, tls.Handler(mapped));
        // the account is nobody here, which is said of it by its own certificate
        var answer = await certified.Call(Session, new GetSessionRequest(), ("authorization", null));
        Assert.Equal((16, "This token is not known."), (answer.Code, answer.Message));
    }

    [Fact]
    public async Task A_call_past_the_rate_is_RESOURCE_EXHAUSTED_and_says_when_to_come_again()
    {
        await using var db = await Postgres.NewDatabase();
        await using var server = await TestServer.Start(db, limits: new LimitOptions { RootIsFree = false, TokenPerSecond = 1 });
        using var client = new WireClient(server.Grpc);
        var answer = await client.Call(Get, Asking);
        for (var tries = 0; answer.Code != 8 && tries < 1_000; tries++) answer = await client.Call(Get, Asking);
        Assert.Equal(8, answer.Code);
        Assert.Contains("(limit rate.token_per_second)", answer.Message, StringComparison.Ordinal);
        Assert.Equal("rate_limited", answer.Info.Reason);
        Assert.Equal(1, answer.Details.Details.Single(detail => detail.Is(RetryInfo.Descriptor)).Unpack<RetryInfo>().RetryDelay.Seconds);
        // a stream is begun by a call like any other
        answer = await client.Call("/stele.v1.WatchService/Watch", new WatchRequest(), ("grpc-timeout", "5S"));
        for (var tries = 0; answer.Code != 8 && tries < 10; tries++) answer = await client.Call("/stele.v1.WatchService/Watch", new WatchRequest(), ("grpc-timeout", "5S"));
        Assert.Equal(8, answer.Code);
    }
}
