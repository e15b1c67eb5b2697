using Stele.Core.Access;
using Stele.Core.Journal;
using Stele.Simulation.Scheduling;

namespace Stele.Simulation.Workload;

/// <summary>The people, programs and tokens of one org: who may ask, and the commands that change what they may.</summary>
internal sealed class People(OrgId org, Dice dice)
{
    static readonly string[] prefixes = ["", "a.", "b", "f.", "svc."];
    readonly Guid user = dice.Id(), account = dice.Id();
    readonly List<(Guid Id, string? Owner)> tokens = [];

    const string RoleName = "narrow";
    const int TokensMax = 5;

    /// <summary>Makes them, once the org is there.</summary>
    public IEnumerable<Func<Command>> Beginning(Func<Timestamp> now)
    {
        yield return () => Role();
        yield return () => new CreateUser(Principal.Root, dice.Id(), user, new MemberChange { Email = $"someone@org{org}.example", Name = "someone", Roles = [RoleBinding.Of("editor")] });
        yield return () => new CreateServiceAccount(Principal.Root, dice.Id(), account, new MemberChange { Name = "program", Roles = [RoleBinding.Of(RoleName)] });
        yield return () => Token(Principal.Root, null, now());
        yield return () => Token(Principal.Root, account, now());
        yield return () => Token(Principal.User(user), null, now());
    }

    /// <summary>One who may do less than everything.</summary>
    public Principal Somebody() => dice.Next(6) switch
    {
        0 => Principal.User(user),
        1 => Principal.ServiceAccount(account),
        _ when tokens.Count > 0 && dice.Pick(tokens) is var token => Principal.Token(token.Id, token.Owner, null),
        _ => Principal.User(user),
    };

    /// <summary>Something that changes who may what.</summary>
    public Command Change(Principal by, Timestamp now)
    {
        var id = dice.Id();
        switch (dice.Next(10))
        {
            case 0 or 1 when tokens.Count > 0:
                return new RevokeToken(by, id, dice.Pick(tokens).Id);
            case 2 or 3:
                return Token(dice.Chance(0.5) ? Principal.User(user) : by, dice.Chance(0.7) ? account : null, now);
            case 4:
                return new ChangeUser(by, id, user, new MemberChange { Status = dice.Chance(0.5) ? MemberStatus.Suspended : MemberStatus.Active });
            case 5:
                return new ChangeUser(by, id, user, new MemberChange { Roles = [RoleBinding.Of(dice.Pick<string>(["viewer", "editor", RoleName]))] });
            case 6:
                return new ChangeServiceAccount(by, id, account, new MemberChange { Roles = [new RoleBinding(dice.Pick<string>(["editor", "viewer", RoleName]), null, dice.Pick(prefixes))] });
            case 7 when dice.Chance(0.3):
                return new RemoveRole(by, id, RoleName);
            default:
                return Role() with { Principal = by };
        }
    }

    SetRole Role()
    {
        var grants = new List<Grant>();
        foreach (var permission in (Permission[])[Permission.ConfigRead, Permission.ConfigWrite, Permission.FlagRead, Permission.FlagWrite])
            if (dice.Chance(0.7)) grants.Add(new Grant(permission, dice.Chance(0.3) ? ["development"] : null, dice.Pick(prefixes)));
        var denies = dice.Chance(0.2) ? new List<Grant> { new(Permission.ConfigRead, null, "svc.") } : [];
        return new SetRole(Principal.Root, dice.Id(), RoleName, null, grants, denies, null);
    }

    CreateToken Token(Principal by, Guid? serviceAccount, Timestamp now)
    {
        var token = dice.Id();
        Grant[] scopes = [new(Permission.ConfigRead, null, dice.Pick(prefixes)), new(Permission.FlagRead, null, ""), .. dice.Chance(0.5) ? [new Grant(Permission.ConfigWrite, null, dice.Pick(prefixes))] : (Grant[])[]];
        // somebody may be asked for who was never made: he is nobody, which is a case too
        tokens.Add((token, serviceAccount is { } account ? Principal.ServiceAccountActor(account) : by.Kind == PrincipalKind.User ? by.ActorId : null));
        if (tokens.Count > TokensMax) tokens.RemoveAt(0);
        return new CreateToken(by, dice.Id(), new NewToken(token, token.ToByteArray(), "token", scopes, null, null), serviceAccount, now);
    }
}
