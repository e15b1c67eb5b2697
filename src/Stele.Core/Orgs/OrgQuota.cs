using Stele.Core.Access;
using Stele.Core.Configs;
using Stele.Core.Faults;
using Stele.Core.Flags;
using Stele.Core.Journal;
using Stele.Core.Limits;
using Stele.Core.Secrets;

namespace Stele.Core.Orgs;

/// <summary>
/// What an org may keep and write, decided on its state: exact, and the same on every node. Past a quota, as after it was made smaller, what takes
/// less than before is not refused.
/// </summary>
public static class OrgQuota
{
    /// <summary>The refusal of a decision that would keep more than the org may; null: it fits.</summary>
    public static Fault? Check(OrgState state, Decision decision)
    {
        long keys = 0, bytes = 0, more = 0;
        foreach (var environment in state.Environments)
        {
            keys += environment.Configs.Count + environment.Flags.Items.Count + environment.Secrets.Live;
            bytes += environment.ValueBytes + environment.Flags.TextBytes + environment.Secrets.ValueBytes;
        }
        foreach (var e in decision.Events)
            more += e is ConfigSet set ? set.Value.Length : e is FlagDefined flag ? flag.Definition.Length : e is SecretSet secret ? secret.Value.Ciphertext.Length : 0;
        var (keysMax, bytesMax) = (state.ValueOf(TrafficLimits.OrgKeys), state.ValueOf(TrafficLimits.OrgMebibytes) << 20);
        // the common case: there is room whatever was there before
        if (keys + decision.Events.Count <= keysMax && bytes + more <= bytesMax) return null;
        var (keysAfter, bytesAfter) = (keys, bytes);
        foreach (var e in decision.Events)
        {
            var (environment, key, after) = e switch
            {
                ConfigSet set => (set.Environment, set.Key, ConfigEntry.CountedBytes(set.Value, set.ValueType)),
                ConfigDeleted deleted => (deleted.Environment, deleted.Key, -1),
                FlagDefined flag => (flag.Environment, flag.Name, flag.Definition.Length),
                FlagDeleted flag => (flag.Environment, flag.Name, -1),
                SecretSet secret => (secret.Environment, secret.Path, secret.Value.Ciphertext.Length),
                SecretDeleted secret => (secret.Environment, secret.Path, -1),
                SecretUndeleted secret => (secret.Environment, secret.Path, state.Environment(secret.Environment)?.Secrets.Ever(secret.Path)?.ValueBytes ?? 0),
                _ => (null, "", 0),
            };
            if (environment is null) continue;
            var there = state.Environment(environment);
            var before = e is FlagDefined or FlagDeleted ? there?.Flags.Item(key)?.Text!.Length
                : SecretDecider.Subject(e) is not null ? there?.Secrets.Item(key)?.ValueBytes
                : there?.Config(key)?.ValueBytes;
            keysAfter += (after < 0 ? 0 : 1) - (before is null ? 0 : 1);
            bytesAfter += Math.Max(0, after) - (before ?? 0);
        }
        if (keysAfter > keysMax && keysAfter > keys)
            return Exceeded(TrafficLimits.OrgKeys, $"This organization may have {keysMax} keys, and would have {keysAfter}");
        return bytesAfter > bytesMax && bytesAfter > bytes
            ? Exceeded(TrafficLimits.OrgMebibytes, $"The values of this organization may take {bytesMax} bytes, and would take {bytesAfter}")
            : null;
    }

    /// <summary>The refusal of one more revision today; null: it may be made. Root may always write: it is who sets the quota.</summary>
    public static Fault? CheckWrites(OrgState state, Principal principal, Timestamp now)
    {
        var most = state.ValueOf(TrafficLimits.OrgWritesPerDay);
        if (state.Today.Writes(state.Revision, now) < most || principal.IsRoot) return null;
        return Exceeded(TrafficLimits.OrgWritesPerDay, $"This organization may write {most} times a day, and has") with { RetryAfterSeconds = WriteDay.SecondsLeft(now) };
    }

    static Fault Exceeded(Limit limit, string sentence)
    {
        var message = $"{sentence} (limit {limit.Name}).";
        return new Fault(FaultCode.QuotaExceeded, message, [Problem.Body("", limit.Name, message)]);
    }
}
