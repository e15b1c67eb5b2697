using Stele.Core.Webhooks;
using Stele.Server.Tests.Access;
using Stele.Server.Tests.Http;
using Xunit;

namespace Stele.Server.Tests.Outbound.Webhooks;

/// <summary>What arrives at a receiver: everything, in order, signed; and what happens when it does not want it.</summary>
public sealed class WebhookDeliveryTests(HttpServer server) : IClassFixture<HttpServer>
{
    [Fact]
    public async Task Each_revision_arrives_once_in_order_and_signed()
    {
        await using var receiver = await WebhookReceiver.Start();
        var (id, secret) = await Make(receiver, "each.");
        for (var n = 0; n < 20; n++) (await server.Put($"each.k{n:00}", $$"""{"value":{{n}}}""")).Is(200);
        (await server.Put("other.key", """{"value":1}""")).Is(200);
        (await server.Post("/v1/changes", """{"changes":[{"op":"set","key":"each.a","value":"x"},{"op":"set","key":"other.b","value":"y"},{"op":"delete","key":"each.k00"}]}""")).Is(200);
        var messages = new List<ReceivedMessage>();
        while (messages.Count < 21) messages.Add(await receiver.Next());
        Assert.Equal([.. Enumerable.Range(0, 20).Select(n => $"each.k{n:00}"), "each.a", "each.k00"], messages.SelectMany(message => message.Keys));
        Assert.Equal(messages.Select(message => message.Revision).Order(), messages.Select(message => message.Revision));
        Assert.All(messages, message => Assert.Equal((1, "stele.change", "application/cloudevents+json; charset=utf-8", $"msg_{Guid.Parse(id):N}_{message.Revision}"),
            (message.SignedWith(secret), message.Type, message.Headers["content-type"], message.Id)));
        Assert.Equal(["delete", "set"], messages[^1].Data.GetProperty("changes").EnumerateArray().Select(change => change.GetProperty("op").GetString()!).Order());
        await Level(id);
        var deliveries = (await server.Get($"/v1/webhooks/{id}/deliveries?limit=5")).Is(200);
        Assert.Equal(messages[^1].Revision, deliveries["items"][0].GetProperty("revision").GetInt64());
        Assert.Equal(16, (await server.Get($"/v1/webhooks/{id}/deliveries?limit=100&cursor={deliveries["next_cursor"].GetString()}")).Is(200)["items"].GetArrayLength());
    }

    [Fact]
    public async Task What_fails_is_tried_again_and_nothing_overtakes_it()
    {
        await using var receiver = await WebhookReceiver.Start();
        var left = 2;
        receiver.Answer = (context, _) =>
        {
            context.Response.StatusCode = left-- > 0 ? 503 : 204;
            return Task.CompletedTask;
        };
        var (id, _) = await Make(receiver, "again.");
        (await server.Put("again.a", """{"value":1}""")).Is(200);
        (await server.Put("again.b", """{"value":2}""")).Is(200);
        Assert.Equal(["again.a", "again.a", "again.a", "again.b"], await receiver.Keys(4));
        Assert.Single(receiver.All.Take(3).Select(message => (message.Id, Convert.ToBase64String(message.Body))).Distinct());
        await Level(id);
        Assert.Equal([1, 3], (await server.Get($"/v1/webhooks/{id}/deliveries")).Is(200)["items"].EnumerateArray().Select(item => item.GetProperty("attempts").GetInt32()));
    }

    [Fact]
    public async Task After_the_last_attempt_a_message_is_a_dead_letter_and_can_be_sent_again()
    {
        await using var receiver = await WebhookReceiver.Start();
        receiver.Answer = (context, message) =>
        {
            if (message.Keys.Contains("dead.a")) Refuse(context);
            return Task.CompletedTask;
        };
        var (id, _) = await Make(receiver, "dead.");
        (await server.Put("dead.a", """{"value":1}""")).Is(200);
        await receiver.Next();
        // as if all but one had been made
        await Until(id, delivery => delivery.GetProperty("attempts").GetInt32() > 0);
        await server.Execute($"UPDATE stele.webhook_place SET attempts = {WebhookLimits.Attempts.Value - 2}, next_at = NULL WHERE webhook_id = '{id}'");
        await receiver.Next();
        await Until(id, delivery => delivery.GetProperty("attempts").GetInt32() == WebhookLimits.Attempts.Value - 1);
        Assert.Empty((await server.Get($"/v1/webhooks/{id}/dead-letters")).Is(200)["items"].EnumerateArray());
        await server.Execute($"UPDATE stele.webhook_place SET next_at = NULL WHERE webhook_id = '{id}'");
        (await server.Put("dead.b", """{"value":2}""")).Is(200);
        Assert.Equal(["dead.a", "dead.b"], await receiver.Keys(2));
        await Level(id);
        var dead = (await server.Get($"/v1/webhooks/{id}/dead-letters")).Is(200)["items"].EnumerateArray().Single();
        Assert.Equal((500, "The answer was 500.", (int)WebhookLimits.Attempts.Value), (dead.GetProperty("status").GetInt32(), dead.GetProperty("failure").GetString(), dead.GetProperty("attempts").GetInt32()));

        receiver.AnswerAll(200);
        (await server.Post($"/v1/webhooks/{id}/deliveries/{dead.GetProperty("revision").GetInt64()}/redeliver", "{}")).Is(200);
        Assert.Equal("dead.a", Assert.Single((await receiver.Next()).Keys));
        await Eventually(async () => (await server.Get($"/v1/webhooks/{id}/dead-letters")).Is(200)["items"].GetArrayLength() == 0);
        (await server.Post($"/v1/webhooks/{id}/deliveries/1/redeliver", "{}")).Is(404);
    }

    [Fact]
    public async Task So_many_dead_letters_suspend_it_and_one_less_does_not()
    {
        await using var receiver = await WebhookReceiver.Start();
        receiver.Answer = static (context, _) =>
        {
            Refuse(context);
            return Task.CompletedTask;
        };
        var (id, _) = await Make(receiver, "full.");
        async Task Die(string key)
        {
            (await server.Put(key, """{"value":1}""")).Is(200);
            await receiver.Next();
            await Until(id, delivery => delivery.GetProperty("attempts").GetInt32() > 0);
            await server.Execute($"UPDATE stele.webhook_place SET attempts = {WebhookLimits.Attempts.Value - 1}, next_at = NULL WHERE webhook_id = '{id}'");
            await receiver.Next();
            await Until(id, delivery => delivery.GetProperty("attempts").GetInt32() == 0);
        }
        await server.Execute($"INSERT INTO stele.webhook_letter SELECT org_id, webhook_id, -n, 'dead', 1, now(), 500, NULL FROM stele.webhook_place, generate_series(1, {WebhookLimits.DeadLetters.Value - 2}) n WHERE webhook_id = '{id}'");
        await Die("full.a");
        Assert.False((await Delivery(id)).TryGetProperty("suspended", out _));
        await Die("full.b");
        Assert.Equal("dead_letters", (await Delivery(id)).GetProperty("suspended").GetString());
        (await server.Post($"/v1/webhooks/{id}/dead-letters/discard", "{}")).Is(200);
        Assert.False((await server.Post($"/v1/webhooks/{id}/resume", "{}")).Is(200)["delivery"].TryGetProperty("suspended", out _));
    }

    [Fact]
    public async Task Of_so_many_that_arrived_it_is_known_when_and_of_one_more_the_oldest_is_forgotten()
    {
        await using var receiver = await WebhookReceiver.Start();
        var (id, _) = await Make(receiver, "known.");
        async Task<string> Known() => (await server.Rows($"SELECT count(*) || ' from ' || min(revision) FROM stele.webhook_letter WHERE webhook_id = '{id}' AND state = 'delivered'")).Single();
        // below all that there will be; and a dead letter, which is not of them
        await server.Execute($"INSERT INTO stele.webhook_letter SELECT org_id, webhook_id, -n, 'delivered', 1, now(), 200, NULL FROM stele.webhook_place, generate_series(1, {WebhookLimits.Deliveries.Value - 1}) n WHERE webhook_id = '{id}'");
        await server.Execute($"INSERT INTO stele.webhook_letter SELECT org_id, webhook_id, -5000, 'dead', 1, now(), 500, NULL FROM stele.webhook_place WHERE webhook_id = '{id}'");
        (await server.Put("known.a", """{"value":1}""")).Is(200);
        await receiver.Next();
        await Level(id);
        Assert.Equal($"{WebhookLimits.Deliveries.Value} from {1 - WebhookLimits.Deliveries.Value}", await Known());
        (await server.Put("known.b", """{"value":1}""")).Is(200);
        await receiver.Next();
        await Level(id);
        Assert.Equal($"{WebhookLimits.Deliveries.Value} from {2 - WebhookLimits.Deliveries.Value}", await Known());
        Assert.Equal(["1"], await server.Rows($"SELECT count(*) FROM stele.webhook_letter WHERE webhook_id = '{id}' AND state = 'dead'"));
    }

    [Fact]
    public async Task Gone_suspends_it_and_nothing_is_lost()
    {
        await using var receiver = await WebhookReceiver.Start();
        receiver.AnswerAll(410);
        var (id, _) = await Make(receiver, "gone.");
        (await server.Put("gone.a", """{"value":1}""")).Is(200);
        await receiver.Next();
        await Until(id, delivery => delivery.TryGetProperty("suspended", out var why) && why.GetString() == "gone");
        (await server.Put("gone.b", """{"value":1}""")).Is(200);
        receiver.AnswerAll(200);
        (await server.Post($"/v1/webhooks/{id}/resume", "{}")).Is(200);
        Assert.Equal(["gone.a", "gone.b"], await receiver.Keys(2));
        Assert.Equal(3, receiver.All.Count);
    }

    [Fact]
    public async Task Two_secrets_sign_while_they_overlap()
    {
        await using var receiver = await WebhookReceiver.Start();
        var (id, first) = await Make(receiver, "two.");
        var second = (await server.Post($"/v1/webhooks/{id}/rotate", """{"overlap_seconds":600}""")).Is(200)["secret"].GetString()!;
        (await server.Put("two.a", """{"value":1}""")).Is(200);
        var message = await receiver.Next();
        Assert.Equal((1, 1, 2), (message.SignedWith(first), message.SignedWith(second), message.Headers["webhook-signature"].Split(' ').Length));
        await server.Execute($"UPDATE stele.webhook_secret SET ends_at = now() WHERE webhook_id = '{id}' AND ends_at IS NOT NULL");
        (await server.Put("two.b", """{"value":1}""")).Is(200);
        message = await receiver.Next();
        Assert.Equal((0, 1), (message.SignedWith(first), message.SignedWith(second)));
        var third = (await server.Post($"/v1/webhooks/{id}/rotate", """{"overlap_seconds":0}""")).Is(200)["secret"].GetString()!;
        (await server.Put("two.c", """{"value":1}""")).Is(200);
        message = await receiver.Next();
        Assert.Equal((0, 1), (message.SignedWith(second), message.SignedWith(third)));
    }

    [Fact]
    public async Task A_secret_that_was_stored_as_it_is_signs_and_is_sealed_by_the_server()
    {
        await using var receiver = await WebhookReceiver.Start();
        var (id, _) = await Make(receiver, "older.");
        var older = System.Security.Cryptography.RandomNumberGenerator.GetBytes(32);
        var secret = "whsec_" + Convert.ToBase64String(older);
        await server.Execute($"UPDATE stele.webhook_secret SET secret = '\\x{Convert.ToHexString(older)}' WHERE webhook_id = '{id}'");
        (await server.Put("older.a", """{"value":1}""")).Is(200);
        Assert.Equal(1, (await receiver.Next()).SignedWith(secret));
        // a node looks when it starts
        await using var other = await server.Another();
        await other.Service<Stele.Server.Outbound.Webhooks.WebhookRunner>().RunOnce(CancellationToken.None);
        Assert.Equal(["true"], await server.Rows($"SELECT is_sealed::text FROM stele.webhook_secret WHERE webhook_id = '{id}'"));
        (await server.Put("older.b", """{"value":1}""")).Is(200);
        Assert.Equal(1, (await receiver.Next()).SignedWith(secret));
        // moved to another webhook it signs nothing
        var (moved, _) = await Make(receiver, "moved.");
        await server.Execute($"UPDATE stele.webhook_secret SET secret = (SELECT secret FROM stele.webhook_secret WHERE webhook_id = '{id}') WHERE webhook_id = '{moved}'");
        (await server.Post($"/v1/webhooks/{moved}/test", "{}")).IsProblem(500, "integrity");
    }

    [Fact]
    public async Task A_replay_sends_what_was_sent_again_with_the_same_ids()
    {
        await using var receiver = await WebhookReceiver.Start();
        var (id, _) = await Make(receiver, "replay.");
        for (var n = 0; n < 3; n++) (await server.Put($"replay.k{n}", """{"value":1}""")).Is(200);
        await receiver.Keys(3);
        await Level(id);
        (await server.Post($"/v1/webhooks/{id}/replay", $$"""{"after_revision":{{receiver.All[0].Revision}}}""")).Is(200);
        Assert.Equal(["replay.k1", "replay.k2"], await receiver.Keys(2));
        Assert.Equal(receiver.All.Skip(1).Take(2).Select(message => message.Id), receiver.All.Skip(3).Select(message => message.Id));
        (await server.Post($"/v1/webhooks/{id}/replay", """{"after_revision":1000000}""")).Is(400);
    }

    [Fact]
    public async Task What_its_owner_may_not_read_does_not_leave()
    {
        await using var receiver = await WebhookReceiver.Start();
        (await server.Send("PUT", "/v1/roles/hooks", $$"""{"grants":[{{AccessServer.Scope("webhook:write")}},{{AccessServer.Scope("config:read", prefix: "mine.")}}]}""")).Is(200);
        var user = (await server.Post("/v1/users", """{"email":"hooks@example.com","name":"Hooks","role":"hooks"}""")).Is(201)["id"].GetString();
        var made = (await server.Post("/v1/webhooks", $$"""{"url":"{{receiver.Url}}"}""")).Is(201)["id"].GetString()!;
        // it sees as who changed it last
        await server.Journal.Append(Core.Journal.OrgId.Default, new ChangeWebhook(Core.Access.Principal.User(Guid.Parse(user!)), Guid.CreateVersion7(), Guid.Parse(made), new WebhookChange { Description = "x", NamesDescription = true }), null, CancellationToken.None);
        (await server.Put("theirs.a", """{"value":"not for him"}""")).Is(200);
        (await server.Put("mine.a", """{"value":1}""")).Is(200);
        Assert.Equal(["mine.a"], (await receiver.Next()).Keys);
        (await server.Send("PUT", $"/v1/users/{user}", """{"status":"suspended"}""")).Is(200);
        (await server.Put("mine.b", """{"value":1}""")).Is(200);
        await Until(made, delivery => delivery.TryGetProperty("failure", out var why) && why.GetString()!.Contains("sees as", StringComparison.Ordinal));
        Assert.Single(receiver.All);
        // held back, and not lost
        (await server.Send("PUT", $"/v1/users/{user}", """{"status":"active"}""")).Is(200);
        (await server.Post($"/v1/webhooks/{made}/resume", "{}")).Is(200);
        Assert.Equal(["mine.b"], (await receiver.Next()).Keys);
        Assert.All(receiver.All, message => Assert.DoesNotContain("not for him", System.Text.Encoding.UTF8.GetString(message.Body), StringComparison.Ordinal));
        (await server.Send("DELETE", $"/v1/webhooks/{made}", null)).Is(204);
    }

    [Fact]
    public async Task A_test_says_what_came_of_it()
    {
        await using var receiver = await WebhookReceiver.Start();
        var (id, secret) = await Make(receiver, "test.");
        var arrived = (await server.Post($"/v1/webhooks/{id}/test", "{}")).Is(200);
        Assert.Equal((true, 200), (arrived["arrived"].GetBoolean(), arrived["status"].GetInt32()));
        var message = await receiver.Next();
        Assert.Equal(("stele.ping", 1, arrived["message_id"].GetString()), (message.Type, message.SignedWith(secret), message.Id));
        receiver.Answer = static (context, _) =>
        {
            context.Response.Redirect("http://127.0.0.1:1/elsewhere");
            return Task.CompletedTask;
        };
        var redirected = (await server.Post($"/v1/webhooks/{id}/test", "{}")).Is(200);
        Assert.Equal((false, 302, "The answer was 302: redirects are not followed."), (redirected["arrived"].GetBoolean(), redirected["status"].GetInt32(), redirected["failure"].GetString()));
    }

    [Fact]
    public async Task Two_nodes_share_the_work_and_double_nothing()
    {
        await using var receiver = await WebhookReceiver.Start();
        await using var other = await server.Another();
        var (id, _) = await Make(receiver, "both.");
        for (var n = 0; n < 40; n++) (await (n % 2 == 0 ? server : other).Put($"both.k{n:00}", """{"value":1}""")).Is(200);
        Assert.Equal(Enumerable.Range(0, 40).Select(n => $"both.k{n:00}"), await receiver.Keys(40));
        await Level(id);
        Assert.Equal(40, receiver.All.Count);
    }

    [Fact]
    public async Task After_a_lost_history_it_says_so_once_and_goes_on_from_now()
    {
        await using var receiver = await WebhookReceiver.Start();
        var (id, secret) = await Make(receiver, "lost.");
        (await server.Put("lost.a", """{"value":1}""")).Is(200);
        await receiver.Next();
        await Level(id);
        // the place is one of a history that is not this one
        await server.Execute($"UPDATE stele.webhook_place SET incarnation = gen_random_uuid(), chain = sha256('another') WHERE webhook_id = '{id}'");
        var reset = await receiver.Next();
        Assert.Equal(("stele.reset", "history", 1), (reset.Type, reset.Data.GetProperty("reason").GetString(), reset.SignedWith(secret)));
        await Level(id);
        (await server.Put("lost.b", """{"value":1}""")).Is(200);
        Assert.Equal(["lost.b"], (await receiver.Next()).Keys);

        // a new incarnation whose history holds the place is no reason to
        await server.Execute($"UPDATE stele.webhook_place SET incarnation = gen_random_uuid() WHERE webhook_id = '{id}'");
        await Eventually(async () => (await server.Rows($"SELECT p.incarnation = h.incarnation FROM stele.webhook_place p JOIN stele.journal_head h USING (org_id) WHERE p.webhook_id = '{id}'")).Single() is "True" or "t" or "true");
        (await server.Put("lost.c", """{"value":1}""")).Is(200);
        Assert.Equal(["lost.c"], (await receiver.Next()).Keys);
    }

    // and wants to be left alone: a pause is drawn from nothing on, and the next attempt is the test's to make
    static void Refuse(Microsoft.AspNetCore.Http.HttpContext context)
    {
        context.Response.StatusCode = 500;
        context.Response.Headers.RetryAfter = "600";
    }

    async Task<(string Id, string Secret)> Make(WebhookReceiver receiver, string prefix)
    {
        var made = (await server.Post("/v1/webhooks", $$"""{"url":"{{receiver.Url}}","prefixes":["{{prefix}}"]}""")).Is(201);
        return (made["id"].GetString()!, made["secret"].GetString()!);
    }

    async Task<System.Text.Json.JsonElement> Delivery(string id) => (await server.Get($"/v1/webhooks/{id}")).Is(200)["delivery"];

    Task Level(string id) => Until(id, delivery => delivery.GetProperty("lag_revisions").GetInt64() == 0);

    Task Until(string id, Func<System.Text.Json.JsonElement, bool> holds) => Eventually(async () => holds(await Delivery(id)));

    // asks until it is so: each question is a request of its own, and there is no clock in it but for giving up
    static async Task Eventually(Func<Task<bool>> holds)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while (!await holds()) patience.Token.ThrowIfCancellationRequested();
    }
}
