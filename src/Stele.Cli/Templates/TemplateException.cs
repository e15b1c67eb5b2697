namespace Stele.Cli.Templates;

/// <summary>A template cannot be read, or cannot be rendered with the values that there are.</summary>
internal sealed class TemplateException(int line, string message) : Exception(message)
{
    internal int Line { get; } = line;
}
