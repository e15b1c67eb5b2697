using System.Collections.Concurrent;
using System.Diagnostics;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Options;
using Stele.Client;
using Stele.Server.Tests.Fixtures;
using Stele.Server.Tests.Http;
using Xunit;

namespace Stele.Server.Tests.Client;

/// <summary>Configuration of a .NET app out of a real server: names, changes, whole revisions, refusals.</summary>
public sealed class ConfigurationTests(HttpServer server) : IClassFixture<HttpServer>
{
    const string Env = "?env=production";

    [Fact]
    public async Task Keys_are_sections_and_json_and_arrays_are_flattened()
    {
        await Put("services.names.timeout", "30");
        await Put("services.names.hosts[0]", "\"a\"");
        await Put("services.names.hosts[1]", "\"b\"");
        await Put("services.names.retry", """{"max":3,"codes":[500,503],"none":{},"empty":[],"on":true,"nothing":null}""");
        await Put("elsewhere.names.x", "1");
        await using var app = await ClientApp.Start(server);
        var names = app.Configuration.GetSection("services:names");
        Assert.Equal("30", names["timeout"]);
        Assert.Equal("30", app.Configuration["SERVICES:Names:Timeout"]);
        Assert.Equal(["a", "b"], names.GetSection("hosts").Get<string[]>()!);
        Assert.Equal(("3", "500", "503", "true"), (names["retry:max"], names["retry:codes:0"], names["retry:codes:1"], names["retry:on"]));
        Assert.Equal(["hosts", "retry", "timeout"], names.GetChildren().Select(child => child.Key));
        Assert.Null(app.Configuration["elsewhere:names:x"]);
    }

    [Fact]
    public async Task A_change_reaches_whoever_listens_and_the_server_knows_what_is_applied()
    {
        await Put("services.payment.timeout", "30");
        await using var app = await ClientApp.Start(server, more: options => options.Application = "pay");
        Assert.Equal(30, app.Payment.CurrentValue.Timeout);
        var told = new ConcurrentQueue<int>();
        using var listening = app.Payment.OnChange(options => told.Enqueue(options.Timeout));
        var revision = (await Put("services.payment.timeout", "45"))["revision"].GetInt64();
        await Wait.Until(() => told.Contains(45), "the callback");
        Assert.Equal(45, app.Payment.CurrentValue.Timeout);
        await Wait.Until(async () => (await Subscription("pay", "config")) is { AppliedRevision: { } applied } && applied >= revision, "the acknowledgement");
    }

    [Fact]
    public async Task Two_keys_that_change_together_are_never_seen_apart()
    {
        await Post(0);
        await using var app = await ClientApp.Start(server);
        using var listening = app.Payment.OnChange(options => Assert.Equal(options.Timeout, options.Retries));
        using var done = new CancellationTokenSource();
        // readers that bind anew, all the time, as scoped options do, and let others run between
        var torn = 0;
        var reading = Enumerable.Range(0, 2).Select(_ => Task.Run(() =>
        {
            var factory = app.Service<IOptionsFactory<PaymentOptions>>();
            for (; !done.IsCancellationRequested; Thread.Yield())
                if (factory.Create("") is var options && options.Timeout != options.Retries) Interlocked.Increment(ref torn);
        })).ToList();
        for (var i = 1; i <= 60; i++) await Post(i);
        await Wait.Until(() => app.Payment.CurrentValue.Timeout == 60, "the last change");
        await done.CancelAsync();
        await Task.WhenAll(reading);
        Assert.Equal(0, torn);

        async Task Post(int value) => (await server.Post("/v1/changes" + Env,
            $$"""{"changes":[{"op":"set","key":"services.payment.timeout","value":{{value}}},{"op":"set","key":"services.payment.retries","value":{{value}}}]}""")).Is(200);
    }

    [Fact]
    public async Task Without_services_a_change_waits_so_that_no_first_binding_is_of_two_revisions()
    {
        await Post(1);
        using var configuration = new ConfigurationManager();
        configuration.AddStele(server.Client.BaseAddress!.ToString(), options =>
            (options.Token, options.Environment, options.Prefix, options.LastKnown, options.Flags, options.Application) = (HttpServer.Token, "production", "waits.", null, false, "waits"));
        var revision = await Post(2);
        await Wait.Until(async () => (await Subscription("waits", "config")) is { AppliedRevision: { } applied } && applied >= revision, "the change in the process");
        // whoever binds key by key now sees one revision, however long he takes
        Assert.Equal(("1", "1"), (configuration["waits:timeout"], configuration["waits:retries"]));
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddStele(configuration);
        services.Configure<PaymentOptions>(configuration.GetSection("waits"));
        await using var provider = services.BuildServiceProvider();
        var bound = provider.GetRequiredService<IOptionsMonitor<PaymentOptions>>();
        Assert.Equal((2, 2), (bound.CurrentValue.Timeout, bound.CurrentValue.Retries));
        await Post(3);
        await Wait.Until(() => bound.CurrentValue is { Timeout: 3, Retries: 3 }, "the change after");

        async Task<long> Post(int value) => (await server.Post("/v1/changes" + Env,
            $$"""{"changes":[{"op":"set","key":"waits.timeout","value":{{value}}},{"op":"set","key":"waits.retries","value":{{value}}}]}""")).Is(200)["revision"].GetInt64();
    }

    [Theory]
    [InlineData("-1", "A timeout is not negative.")]
    [InlineData("\"soon\"", "Failed to convert configuration value")]
    public async Task A_value_that_the_app_refuses_changes_nothing_and_the_server_is_told_why(string value, string reason)
    {
        await Put("services.payment.timeout", "30", "number");
        await using var app = await ClientApp.Start(server, more: options => options.Application = "refuser");
        Assert.Equal(30, app.Payment.CurrentValue.Timeout);
        await Put("services.payment.timeout", value, value[0] == '"' ? "string" : "number");
        await Wait.Until(async () => (await Subscription("refuser", "config"))?.Rejected is { } rejected && rejected.Reason.Contains(reason, StringComparison.Ordinal), "the refusal at the server");
        Assert.Equal((30, "30"), (app.Payment.CurrentValue.Timeout, app.Configuration["services:payment:timeout"]));
        Assert.Equal(HealthStatus.Degraded, (await app.Service<HealthCheckService>().CheckHealthAsync()).Status);
        Assert.Contains(app.Said, said => said.Contains("is refused", StringComparison.Ordinal) && said.Contains(reason, StringComparison.Ordinal));
        await Put("services.payment.timeout", "31", "number");
        await Wait.Until(() => app.Payment.CurrentValue.Timeout == 31, "the value after");
        Assert.Equal(HealthStatus.Healthy, (await app.Service<HealthCheckService>().CheckHealthAsync()).Status);
    }

    [Fact]
    public async Task Without_validation_a_value_that_a_listener_cannot_take_is_put_back()
    {
        await Put("services.listener.port", "80", "number");
        await using var app = await ClientApp.Start(server);
        using var listening = Microsoft.Extensions.Primitives.ChangeToken.OnChange(app.Configuration.GetReloadToken, () => app.Configuration.GetValue<int>("services:listener:port"));
        await Put("services.listener.port", "\"eighty\"", "string");
        await Wait.Until(() => app.Client.Values.Status.Rejected is not null, "the refusal");
        Assert.Equal("80", app.Configuration["services:listener:port"]);
        await Put("services.listener.port", "81", "number");
    }

    [Fact]
    public async Task Keys_that_have_no_name_or_share_one_are_said_and_the_rest_is_used()
    {
        await Put("services.clash.a..b", "1");
        await Put("services.clash.One", "\"first\"");
        await Put("services.clash.one", "\"second\"");
        await Put("services.clash.list", "[1]");
        await Put("services.clash.list[0]", "2");
        await Put("services.clash.good", "3");
        await using var app = await ClientApp.Start(server);
        var clash = app.Configuration.GetSection("services:clash");
        Assert.Equal(("first", "2", "3"), (clash["one"], clash["list:0"], clash["good"]));
        Assert.Contains(app.Said, said => said.Contains("services.clash.a..b has no name", StringComparison.Ordinal));
        Assert.Contains(app.Said, said => said.StartsWith("The keys services.clash.One and services.clash.one both are services:clash:one", StringComparison.Ordinal));
        Assert.Contains(app.Said, said => said.Contains("services.clash.list[0] and services.clash.list both are", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Values_are_read_watched_and_deleted_in_process()
    {
        await Put("services.live.limit", "7");
        await using var app = await ClientApp.Start(server);
        var values = app.Client.Values;
        Assert.Equal((7L, 7.0, "7", true), (values.GetInt64("services.live.limit", 0), values.GetDouble("services.live.limit", 0), values.GetString("services.live.limit"), values.GetBoolean("services.live.none", true)));
        using var enough = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        await using var watching = values.WatchAsync("services.live.limit", enough.Token).GetAsyncEnumerator(enough.Token);
        Assert.True(await watching.MoveNextAsync());
        Assert.Equal(7, watching.Current!.Int64);
        await Put("services.live.other", "1");
        await Put("services.live.limit", "8");
        Assert.True(await watching.MoveNextAsync());
        Assert.Equal(8, watching.Current!.Int64);
        (await server.Send("DELETE", "/v1/config/services.live.limit" + Env, null)).Is(200);
        Assert.True(await watching.MoveNextAsync());
        Assert.Null(watching.Current);
        Assert.Null(values.GetString("services.live.limit"));
    }

    [Fact]
    public async Task Flags_are_evaluated_in_process_and_their_use_is_told()
    {
        await Flag("checkout", """{"definition":{"state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"off","targeting":{"if":[{"$ref":"staff"},"on","off"]}}}""", rule: """{"definition":{"==":[{"var":"team"},"core"]}}""");
        await Flag("tempo", """{"definition":{"state":"ENABLED","variants":{"slow":1.5,"fast":9},"defaultVariant":"slow"}}""");
        await Flag("greeting", """{"definition":{"state":"ENABLED","variants":{"en":"hello"},"defaultVariant":"en"}}""");
        await using var app = await ClientApp.Start(server);
        var flags = app.Service<SteleFlags>();
        var (staff, guest) = (FlagSubject.Of("u1").With("team", "core"), FlagSubject.Of("u2").With("team", "x"));
        Assert.Equal((true, false), (flags.GetBoolean("checkout", false, staff), flags.GetBoolean("checkout", true, guest)));
        Assert.Equal((1.5, 1L, "hello"), (flags.GetDouble("tempo", 0, guest), flags.GetInt64("tempo", 0, guest), flags.GetString("greeting", "?", guest)));
        Assert.Equal((true, "FLAG_NOT_FOUND"), (flags.GetBoolean("absent", true), flags.EvaluateBoolean("absent", true, guest).Error));
        Assert.Equal("TYPE_MISMATCH", flags.EvaluateBoolean("tempo", true, guest).Error);
        (await server.Send("PUT", "/v1/flags/checkout" + Env, """{"killed":true}""")).Is(200);
        await Wait.Until(() => !flags.GetBoolean("checkout", false, staff), "the kill switch");
        (await server.Send("PUT", "/v1/flags/checkout" + Env, """{"killed":false}""")).Is(200);
        await Wait.Until(() => flags.GetBoolean("checkout", false, staff), "the kill switch is off again");
        await app.Client.DisposeAsync();
        var use = (await server.Get("/v1/flags/tempo" + Env)).Is(200);
        Assert.True(use.Json.TryGetProperty("last_evaluated_at", out _), use.Text);
    }

    async Task Flag(string name, string body, string? rule = null)
    {
        if (rule is not null) (await server.Send("PUT", "/v1/flags/$evaluators/staff" + Env, rule)).Is(200);
        (await server.Send("PUT", $"/v1/flags/{name}{Env}", body)).Is(200);
    }

    Task<HttpAnswer> Put(string key, string value, string? type = null) => Put(server, key, value, type);

    static async Task<HttpAnswer> Put(HttpServer server, string key, string value, string? type) =>
        (await server.Put(key, $$"""{"value":{{value}}{{(type is null ? "" : $",\"value_type\":\"{type}\"")}}}""", Env)).Is(200);

    async Task<SubscriptionItem?> Subscription(string client, string kind)
    {
        using var stele = new SteleClient(new SteleClientOptions { Url = server.Client.BaseAddress!, Token = HttpServer.Token });
        return (await stele.ListSubscriptionsAsync(1000, null, CancellationToken.None)).Items.FirstOrDefault(item => item.Client?.Contains(client, StringComparison.Ordinal) == true && item.Kinds?.Contains(kind) == true);
    }
}
