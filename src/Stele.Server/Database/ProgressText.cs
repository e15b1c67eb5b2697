namespace Stele.Server.Database;

/// <summary>How a long command tells people where it is: on a terminal one line that changes, elsewhere the steps alone.</summary>
internal sealed class ProgressText(TextWriter? output, bool live)
{
    const int Width = 72;

    /// <summary>A step has begun, or ended.</summary>
    public void Step(string text) => output?.WriteLine(live ? $"\r{text.PadRight(Width)}" : text);

    /// <summary>A count has grown.</summary>
    public void Count(string text)
    {
        if (live) output?.Write($"\r{text.PadRight(Width)}");
    }
}
