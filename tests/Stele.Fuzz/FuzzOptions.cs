using System.Globalization;

namespace Stele.Fuzz;

/// <summary>What the command line says.</summary>
internal sealed record FuzzOptions
{
    public IReadOnlyList<string> Surfaces { get; private init; } = [.. Fuzz.Surfaces.All.Select(surface => surface.Name)];
    public long? Inputs { get; private init; }
    public ulong Seed { get; private init; } = 1;
    public long From { get; private init; }
    public long? Input { get; private init; }
    public TimeSpan? Within { get; private init; }
    public string? File { get; private init; }
    public string? Child { get; private init; }

    /// <summary>The options; null with the problem, or without one where help was asked for.</summary>
    public static FuzzOptions? Parse(string[] args, out string? problem)
    {
        problem = null;
        var options = new FuzzOptions();
        for (var i = 0; i < args.Length; i += 2)
        {
            if (args[i] is "--help" or "-h" or "help") return null;
            if (i + 1 == args.Length) return Refuse($"{args[i]} needs a value.", out problem);
            var value = args[i + 1];
            var number = long.TryParse(value.Replace("_", "", StringComparison.Ordinal), NumberStyles.None, CultureInfo.InvariantCulture, out var parsed) ? parsed : -1;
            switch (args[i])
            {
                case "--surface" when Named(value) is { Count: > 0 } names: options = options with { Surfaces = names }; break;
                case "--inputs" when number > 0: options = options with { Inputs = number }; break;
                case "--seed" when number >= 0: options = options with { Seed = (ulong)number }; break;
                case "--from" when number >= 0: options = options with { From = number }; break;
                case "--seconds" when number > 0: options = options with { Within = TimeSpan.FromSeconds(number) }; break;
                case "--input" when number >= 0: options = options with { Input = number }; break;
                case "--file" when System.IO.File.Exists(value): options = options with { File = value }; break;
                case "--child": options = options with { Child = value }; break;
                default: return Refuse($"{args[i]} {value} is nothing that I know.", out problem);
            }
        }
        if ((options.Input is not null || options.File is not null) && options.Surfaces.Count != 1) return Refuse("one input is of one surface: name it with --surface.", out problem);
        return options;
    }

    static List<string> Named(string value) => [.. value.Split(',').SelectMany(name => name switch
    {
        "all" => Fuzz.Surfaces.All.Select(surface => surface.Name),
        "pure" => Fuzz.Surfaces.Pure.Select(surface => surface.Name),
        "wire" => Fuzz.Surfaces.All.Select(surface => surface.Name).Except(Fuzz.Surfaces.Pure.Select(surface => surface.Name)),
        _ => Fuzz.Surfaces.All.Select(surface => surface.Name).Where(known => known == name),
    })];

    static FuzzOptions? Refuse(string why, out string? problem)
    {
        problem = why;
        return null;
    }
}
