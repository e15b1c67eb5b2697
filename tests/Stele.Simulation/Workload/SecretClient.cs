using Stele.Core.Access;
using Stele.Core.Configs;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Core.Secrets;
using Stele.Simulation.Scheduling;

namespace Stele.Simulation.Workload;

/// <summary>What one client does with secrets: the commands that it sends, with values encrypted as an endpoint does before it decides.</summary>
internal sealed class SecretClient(CommandMaker commands, Dice dice, Surroundings around)
{
    readonly SecretMaker maker = new(dice);

    /// <summary>A change set with a secret in it, perhaps with configuration beside.</summary>
    public ChangeSet Change(bool delete)
    {
        var path = maker.APath();
        var environment = maker.AnEnvironment();
        int? expected = !dice.Chance(0.5) ? null : dice.Chance(0.6) ? commands.VersionOf(environment, path.Text) : dice.Next(4);
        var change = delete ? new SecretChange { Op = ChangeOp.Delete, Environment = EnvironmentName.Parse(environment, null), Path = path, ExpectedVersion = expected } : Sealed(environment, path, commands.Unique(), expected);
        return commands.Changes(dice.Chance(0.2) ? [commands.Set() with { Index = 1 }] : []) with { Secrets = [change], IsList = true };
    }

    /// <summary>A value of a secret that there is from the beginning.</summary>
    public ChangeSet First() => commands.Changes([]) with { Secrets = [Sealed(CommandMaker.Environments[0], maker.First, commands.Unique(), null)], IsList = true };

    /// <summary>The same request again: its values are encrypted anew.</summary>
    public Command Again(Command command) => command is ChangeSet { Secrets.Count: > 0 } set
        ? set with { RequestId = dice.Id(), Secrets = [.. set.Secrets.Select(change => change.Value is { } value ? Sealed(change.Environment!.Value.Text, change.Path, around.Judge.Secrets.Plain(value.Id), change.ExpectedVersion) : change)] }
        : command with { RequestId = dice.Id() };

    /// <summary>Brings one back.</summary>
    public Command Undelete() => new UndeleteSecret(commands.Principal, dice.Id(), null, EnvironmentName.Parse(maker.AnEnvironment(), null), maker.APath());

    /// <summary>Destroys one of its values, or all that there are; null: which these are cannot be read.</summary>
    public async Task<Command?> Destroy(SimulatedNode node, OrgId org)
    {
        var (environment, path) = (maker.AnEnvironment(), maker.APath());
        var held = node.Journal.Peek(org)?.State.Environment(environment)?.Secrets.Ever(path.Text);
        if (held is null || await node.Secrets.Versions(org, environment, path.Text) is not { Count: > 0 } versions) return null;
        return dice.Chance(0.5)
            ? new DestroySecret(commands.Principal, dice.Id(), null, EnvironmentName.Parse(environment, null), path, [dice.Pick(versions)])
            : new DestroySecret(commands.Principal, dice.Id(), null, EnvironmentName.Parse(environment, null), path, versions) { AllUpTo = held.Version };
    }

    /// <summary>Asks for a value: the current one, and perhaps an older one.</summary>
    public async Task Read(SimulatedNode node, OrgId org, TimeProvider time, TimeSpan patience)
    {
        var (environment, path) = (maker.AnEnvironment(), maker.APath().Text);
        await Read(node, org, environment, path, null, time, patience);
        if (dice.Chance(0.6)) await Read(node, org, environment, path, dice.Between(1, 3), time, patience);
    }

    async Task Read(SimulatedNode node, OrgId org, string environment, string path, int? version, TimeProvider time, TimeSpan patience)
    {
        var request = dice.Id();
        around.Faults.Tally.Operations++;
        var (ask, principal) = (around.Judge.Secrets.Asked(org), commands.Principal);
        var answer = await node.Call(journal => node.Secrets.Read(journal, org, principal, request, environment, path, version), time, patience);
        if (answer is not { } read) return;
        around.Judge.Secrets.Returned(ask, org, request, environment, path, version, read);
        if (read.Fault is not null) return;
        around.Faults.Tally.SecretsGiven++;
        if (read.Version < read.State!.Environment(environment)!.Secrets.Ever(path)!.Version) around.Faults.Tally.OldSecretsGiven++;
    }

    SecretChange Sealed(string environment, SecretPath path, string value, int? expected)
    {
        var change = maker.Set(commands.Org, environment, path, value, around.Database.Current.Org(commands.Org)?.SecretKeys.Newest ?? 1, expected);
        around.Judge.Secrets.Made(change.Value!.Id, value);
        return change;
    }
}
