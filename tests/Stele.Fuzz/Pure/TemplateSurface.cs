using System.Text;
using System.Text.Json;
using Stele.Cli.Templates;
using Stele.Fuzz.Making;
using Stele.Fuzz.Running;
using Stele.Simulation.Scheduling;

namespace Stele.Fuzz.Pure;

/// <summary>The agent's templates: read or refused with a line, rendered to one text or refused with a line, and always over soon.</summary>
internal static class TemplateSurface
{
    static readonly string[] paths = ["a", "a.b", "list", "map", "list.0", "map.k", "map.k.x", "none", "item", "item.key", "item.value", "item.x", "text", "num", "secret \"a/b\"", "\"lit\"", "3", "true", "secret a//b", "{", "a b", ""];
    static readonly string[] filters = ["default \"d\"", "json", "base64", "base64-decode", "upper", "lower", "trim", "quote", "indent 4", "indent 99999999999", "join \",\"", "join", "default", "nonsense", "default \"|\"", "indent -1"];
    static readonly Dictionary<string, JsonElement> values = new Dictionary<string, string>
    {
        ["a"] = "1", ["a.b"] = "\"x\\ny\"", ["list"] = """[1,"two",{"x":3},[4],null]""", ["map"] = """{"k":{"x":[1]},"l":"é","value":7}""", ["text"] = "\"aGk=\"", ["num"] = "0", ["secret a/b"] = "\"s\"",
    }.ToDictionary(pair => pair.Key, pair => JsonElement.Parse(pair.Value));

    public static ISurface Surface() => new PureSurface("templates", "templates of the agent: read and rendered, or refused with a line; twice the same", Make, Accepts);

    static byte[] Make(Dice dice)
    {
        var text = new StringBuilder();
        Block(dice, text, dice.Next(40) == 0 ? 90 : 4);
        return Mutation.Sometimes(dice, Nasty.Utf8(text.ToString()));
    }

    static void Block(Dice dice, StringBuilder text, int depth)
    {
        for (var count = depth > 10 ? 1 : dice.Between(1, 3); count > 0; count--)
        {
            if (dice.Chance(0.4)) text.Append(dice.Chance(0.5) ? " \n" : Nasty.Text(dice));
            var kind = depth <= 0 ? 0 : depth > 10 ? dice.Between(3, 4) : dice.Next(5);
            if (kind < 3) text.Append(Tag(dice, Expression(dice)));
            else
            {
                text.Append(Tag(dice, kind == 3 ? $"if {(dice.Chance(0.2) ? "not " : "")}{Expression(dice)}{(dice.Chance(0.3) ? $" {dice.Pick<string>(["==", "!="])} {Expression(dice)}" : "")}" : $"range {dice.Pick<string>(["item", "x", "item", "9"])} in {dice.Pick<string>(["list", "map", "a.*", "*", "none", "text", "item", "list.*"])}"));
                Block(dice, text, depth - 1);
                if (dice.Chance(0.3)) text.Append(Tag(dice, "else"));
                if (dice.Chance(0.9)) text.Append(Tag(dice, "end"));
            }
        }
    }

    static string Tag(Dice dice, string inner) => dice.Next(25) == 0 ? dice.Pick<string>(["{{", "}}", "{{}}", "{{ }}", "{{-}}", "{{/* c */}}", "{{/*", "{{{{", "{{ \"}}\" }}"]) : $"{{{{{(dice.Next(6) == 0 ? "-" : "")} {inner} {(dice.Next(6) == 0 ? "-" : "")}}}}}";

    static string Expression(Dice dice)
    {
        var text = dice.Pick<string>(paths);
        for (var count = dice.Next(3); count > 0 && dice.Chance(0.6); count--) text += $" | {dice.Pick<string>(filters)}";
        return text;
    }

    static bool Accepts(byte[] input)
    {
        var text = Encoding.UTF8.GetString(input);
        if (Tried(() => Template.Parse(text)) is not { } template) return false;
        var rendered = Tried(() => template.Render(values));
        FuzzFinding.Unless(rendered == Tried(() => Template.Parse(text).Render(values)), () => "it renders to two texts");
        return rendered is not null;
    }

    static T? Tried<T>(Func<T> attempt) where T : class
    {
        try
        {
            return attempt();
        }
        catch (TemplateException e)
        {
            FuzzFinding.Unless(e.Line >= 0 && e.Message.Length > 0, () => $"refused in line {e.Line} with {e.Message}");
            return null;
        }
    }
}
