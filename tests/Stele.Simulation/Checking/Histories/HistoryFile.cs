using System.Text.Json;
using System.Text.Json.Serialization;

namespace Stele.Simulation.Checking.Histories;

/// <summary>A history as JSON lines.</summary>
internal static class HistoryFile
{
    static readonly JsonSerializerOptions json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        AllowOutOfOrderMetadataProperties = true,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower) },
    };

    /// <summary>One line, without its end.</summary>
    public static string Text(HistoryLine line) => JsonSerializer.Serialize(line, json);

    /// <summary>The line that a text is; throws <see cref="JsonException"/> for one that is none.</summary>
    public static HistoryLine Parse(string text) => JsonSerializer.Deserialize<HistoryLine>(text, json) ?? throw new JsonException("null is no line of a history");

    /// <summary>Reads a file; what is wrong with it is thrown with the number of the line.</summary>
    public static List<HistoryLine> Read(string path)
    {
        var lines = new List<HistoryLine>();
        foreach (var text in File.ReadLines(path))
        {
            try
            {
                if (text.Length > 0) lines.Add(Parse(text));
            }
            catch (JsonException e)
            {
                throw new JsonException($"{path}, line {lines.Count + 1}: {e.Message}", e);
            }
        }
        return lines;
    }

    /// <summary>Writes a file.</summary>
    public static void Write(string path, IEnumerable<HistoryLine> lines) => File.WriteAllLines(path, lines.Select(Text));
}

/// <summary>Writes lines as they happen; from any thread, in the order in which they come.</summary>
internal sealed class HistoryWriter(string path) : IDisposable
{
    readonly StreamWriter file = new(path);
    readonly Lock gate = new();

    /// <summary>Writes a line.</summary>
    public void Add(HistoryLine line)
    {
        var text = HistoryFile.Text(line);
        lock (gate) file.WriteLine(text);
    }

    public void Dispose() => file.Dispose();
}
