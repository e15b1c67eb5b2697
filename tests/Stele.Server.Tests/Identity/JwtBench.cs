using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging;
using Stele.Core.Faults;
using Stele.Server.Identity;
using Stele.Server.Operation;
using Stele.Server.Options;
using Stele.Server.Tests.Fixtures;
using Xunit;

namespace Stele.Server.Tests.Identity;

/// <summary>An issuer, and the part of a node that believes it, by a clock that a test turns.</summary>
public sealed class JwtBench : IAsyncLifetime
{
    readonly Metrics metrics = new();
    readonly CapturedLogs logs = new();

    internal TestIssuer Issuer { get; private set; } = null!;

    internal JwtIdentities Identities { get; private set; } = null!;

    internal TurnedClock Clock { get; } = new();

    internal DateTimeOffset Now => Clock.GetUtcNow();

    internal IReadOnlyCollection<string> Logged => logs.Lines;

    public async ValueTask InitializeAsync()
    {
        Issuer = await TestIssuer.Start();
        Believe(Issuer.Configured());
    }

    /// <summary>Has the node begin anew with other issuers.</summary>
    internal void Believe(params TokenIssuer[] issuers)
    {
        Identities?.Dispose();
        Identities = Of(issuers);
    }

    internal JwtIdentities Of(params TokenIssuer[] issuers)
    {
        var options = new SteleOptions { Http = new(0, 0), Grpc = new(0, 0), Data = "/", Node = "test", Issuers = issuers };
        return new JwtIdentities(options, Clock, new IdentityMetrics(metrics), LoggerFactory.Create(logging => logging.SetMinimumLevel(LogLevel.Trace).AddProvider(logs)));
    }

    internal async Task<Outcome<JwtIdentity>> Verify(string token)
    {
        var (identity, refusal) = await Identities.Verify(token, TestContext.Current.CancellationToken);
        return identity is null ? refusal.Fault() : identity;
    }

    internal async Task<JwtIdentity> Accept(string token)
    {
        var outcome = await Verify(token);
        Assert.True(outcome.Fault is null, $"refused: {outcome.Fault?.Detail}, {string.Join(", ", Refused().Where(pair => pair.Value > 0))}\n{string.Join("\n", Logged)}");
        return outcome.Value;
    }

    /// <summary>A token by the first key, its claims changed.</summary>
    internal string Token(Action<JsonObject>? change = null) => Issuer.Token(Now, change);

    /// <summary>Asserts that it is refused for a reason, that the metric counts it, and that its bearer is told no more than he may know.</summary>
    internal async Task Refuse(string token, JwtRefusal reason, string detail = "This token is not known.")
    {
        var before = Refused();
        var outcome = await Verify(token);
        Assert.False(outcome.Fault is null, $"accepted, and should be refused for {reason}");
        var counted = Refused().Where(pair => before[pair.Key] != pair.Value).Select(pair => pair.Key);
        Assert.Equal([reason.Label()], counted);
        Assert.Equal(detail, outcome.Fault.Detail);
        Assert.Equal(reason == JwtRefusal.KeysAway ? FaultCode.Unavailable : FaultCode.Unauthenticated, outcome.Fault.Code);
        Assert.False(Identities.TryFind(token, out _));
    }

    internal double Metric(string name) => metrics.Write().Split('\n').Where(line => line.StartsWith(name + " ", StringComparison.Ordinal))
        .Sum(line => double.Parse(line.AsSpan(line.LastIndexOf(' ') + 1), System.Globalization.CultureInfo.InvariantCulture));

    Dictionary<string, double> Refused() => JwtRefusals.All.ToDictionary(refusal => refusal.Label(), refusal => Metric($$"""stele_jwt_refused_total{reason="{{refusal.Label()}}"}"""));

    public async ValueTask DisposeAsync()
    {
        Identities.Dispose();
        await Issuer.DisposeAsync();
    }
}
