using System.Globalization;
using System.Text;
using Stele.Core.Flags.Rules;
using Stele.Core.Json;
using Stele.Core.Schemas;

namespace Stele.Core.Flags;

/// <summary>The short form of a flag, and the flagd flag object that it stands for.</summary>
sealed class ShortFlag
{
    public static readonly string[] Members = ["enabled", "percentage", "target_users", "schedule", "metadata"];

    public bool Enabled { get; private set; } = true;

    int percentage;
    int users = -1;
    int schedule = -1;

    /// <summary>Reads the form at the root of a text.</summary>
    public static ShortFlag Read(JsonTape tape, Action<int, string, string> refuse)
    {
        var form = new ShortFlag();
        int? percentage = null;
        for (var name = 1; name < tape[0].Next; name = tape[name + 1].Next)
        {
            var value = name + 1;
            switch (tape.String(name))
            {
                case "enabled" when tape[value].Kind == JsonKind.Boolean:
                    form.Enabled = tape.IsTrue(value);
                    break;
                case "enabled":
                    refuse(value, "member.type", "The value must be true or false.");
                    break;
                case "percentage":
                    percentage = FlagSchedule.Percentage(tape, value);
                    if (percentage is null) refuse(value, "flag.percentage", "A percentage is a whole number from 0 to 100.");
                    break;
                case "target_users":
                    form.users = value;
                    if (!AreUsers(tape, value)) refuse(value, "flag.target_users", "Target users are an array of targeting keys, strings that are not empty.");
                    break;
                case "schedule":
                    form.schedule = value;
                    FlagSchedule.Read(tape, value, out var problem);
                    if (problem is { } found) refuse(found.Node, "flag.schedule", found.Message);
                    break;
                case "metadata":
                    break;
                default:
                    refuse(value, "member.unknown", $"The short form of a flag has no such member; known are {string.Join(", ", Members)}.");
                    break;
            }
        }
        if (percentage is not null && form.schedule >= 0) refuse(form.schedule, "flag.schedule", "A flag has a percentage or a schedule, not both.");
        form.percentage = percentage ?? (form.users >= 0 ? 0 : 100);
        if (form.users >= 0 && tape[form.users].Kind == JsonKind.Array && tape[form.users].Count == 0) form.users = -1;
        return form;
    }

    /// <summary>What the form stands for: canonical JSON bytes.</summary>
    public byte[] ToFull(byte[] text, JsonTape tape)
    {
        var full = new StringBuilder("""{"state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":""");
        var same = schedule < 0 && (percentage == 100 || (percentage == 0 && users < 0));
        full.Append(Enabled && same && percentage == 100 ? "\"on\"" : "\"off\"");
        // flagd leaves what is disabled to the caller; this is false for everybody
        if (Enabled && !same) AppendTargeting(full.Append(",\"targeting\":"), text, tape);
        if (tape.Member(0, "metadata"u8) is var metadata and >= 0) full.Append(",\"metadata\":").Append(Encoding.UTF8.GetString(text.AsSpan(tape[metadata].Start, tape[metadata].End - tape[metadata].Start)));
        return Encoding.UTF8.GetBytes(full.Append('}').ToString());
    }

    void AppendTargeting(StringBuilder full, byte[] text, JsonTape tape)
    {
        var split = schedule >= 0 ? """{"fractional":[["on",SCHEDULE],["off",{"-":[100,SCHEDULE]}]]}""".Replace("SCHEDULE", $"{{\"schedule\":{Text(text, tape, schedule)}}}", StringComparison.Ordinal)
            : percentage == 0 ? "null"
            : string.Create(CultureInfo.InvariantCulture, $$"""{"fractional":[["on",{{percentage}}],["off",{{100 - percentage}}]]}""");
        if (users < 0) full.Append(split);
        else full.Append("""{"if":[{"in":[{"var":"targetingKey"},""").Append(Text(text, tape, users)).Append("""]},"on",""").Append(split).Append("]}");
    }

    static string Text(byte[] text, JsonTape tape, int node) => Encoding.UTF8.GetString(text.AsSpan(tape[node].Start, tape[node].End - tape[node].Start));

    static bool AreUsers(JsonTape tape, int node)
    {
        if (tape[node].Kind != JsonKind.Array) return false;
        for (var item = node + 1; item < tape[node].Next; item = tape[item].Next)
            if (tape[item].Kind != JsonKind.String || tape[item].Start == tape[item].End) return false;
        return true;
    }
}
