using System.Globalization;

namespace Stele.Fuzz.Making;

/// <summary>What a WebSocket's client says.</summary>
internal static class SocketMaker
{
    /// <summary>A message, most of them as they should be.</summary>
    public static string Message(JsonMaker json)
    {
        var dice = json.Dice;
        string Text(params string[] words) => json.Quote(!json.Odd(0.15) ? dice.Pick<string>(words) : json.AnyText());
        string Number() => dice.Chance(0.7) ? dice.Next(9).ToString(CultureInfo.InvariantCulture) : json.Number();
        return dice.Next(8) switch
        {
            0 => json.Object(("type", () => "\"auth\""), ("token", () => Text("x")), ("org", () => Text("default", "acme"))),
            1 => json.Object(("type", () => "\"ack\""), ("revision", Number), ("id", () => Text("s1", "s2"))),
            2 => json.Object(("type", () => "\"reject\""), ("revision", Number), ("reason", () => Text("no")), ("id", () => Text("s1", "s2"))),
            3 => json.Object(("type", () => "\"unsubscribe\""), ("id", () => Text("s1", "s2", "s3"))),
            4 => json.Any(3),
            _ => json.Object([("type", () => "\"subscribe\""), ("id", () => Text("s1", "s2", "s3")), .. Optional(
                ("environment", () => Text("development", "staging", "nowhere")), ("prefixes", () => json.List(dice.Pick<int>([0, 1, 2, 2_000]), () => Text("app", "", "services."))),
                ("kinds", () => json.List(dice.Next(3), () => Text("config", "flag", "secret"))), ("from_cursor", () => Text("0-00000000", "1-00000000")), ("from_revision", Number),
                ("labels", () => dice.Chance(0.8) ? json.Object((json.AnyText(), () => Text("v")), ("pod", () => Text("p"))) : json.Any(3)), ("client", () => Text("fuzz")))]),
        };

        IEnumerable<(string, Func<string>)> Optional(params (string, Func<string>)[] members) => members.Where(_ => dice.Chance(0.4));
    }
}
