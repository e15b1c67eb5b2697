using System.Security.Cryptography;
using Stele.Prove.Mutants;

namespace Stele.Prove.Processes;

/// <summary>All processes of a run: three nodes, PostgreSQL with its standby, Redis.</summary>
internal sealed class Stack : IAsyncDisposable
{
    // of three, one: the others are right about the time
    const int NodeWithClock = 3;

    Stack(WorkDirectory work, PostgresPrograms programs) => (Work, Programs) = (work, programs);

    public WorkDirectory Work { get; }

    public PostgresPrograms Programs { get; }

    public PostgresPair Postgres { get; private set; } = null!;

    public RedisServer? Redis { get; private set; }

    public IReadOnlyList<SteleNode> Nodes { get; private set; } = [];

    /// <summary>Whether nodes prove with each group of strong reads that the primary is one.</summary>
    public bool IsStrict { get; private init; }

    public string Token { get; } = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(24));

    /// <summary>Everything, up and ready; the database has its schema and the organization that a start makes.</summary>
    public static async Task<Stack> Start(PostgresPrograms programs, Action<string> say, int nodes = 3, Func<int, IReadOnlyDictionary<string, string>>? settingsOf = null, Mutant mutant = Mutant.None)
    {
        var stack = new Stack(new WorkDirectory(), programs) { IsStrict = settingsOf?.Invoke(1).GetValueOrDefault("STELE_STRICT_READS") == "on" };
        try
        {
            var password = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));
            say("starting PostgreSQL and its standby");
            stack.Postgres = await PostgresPair.Start(stack.Work, programs, password);
            if (RedisServer.IsHere)
            {
                stack.Redis = new RedisServer(stack.Work);
                await stack.Redis.Start();
            }
            say("starting nodes");
            stack.Nodes = [.. Enumerable.Range(1, nodes).Select(number =>
                new SteleNode(number, stack.Work, stack.Postgres, stack.Redis, stack.Token, password, number == NodeWithClock, settingsOf?.Invoke(number) ?? new Dictionary<string, string>(), mutant))];
            // the first one migrates
            foreach (var node in stack.Nodes)
            {
                await node.Start();
                await node.UntilReady(TimeSpan.FromSeconds(90));
            }
            if (!DatabaseMutation.Has(mutant)) return stack;
            await DatabaseMutation.Apply(mutant, stack.Postgres.Primary);
            foreach (var node in stack.Nodes)
            {
                await node.Stop();
                await node.UntilReady(TimeSpan.FromSeconds(90));
            }
            return stack;
        }
        catch
        {
            await stack.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var node in Nodes) await node.DisposeAsync();
        if (Redis is not null) await Redis.DisposeAsync();
        if (Postgres is not null) await Postgres.DisposeAsync();
        await Work.DisposeAsync();
    }
}
