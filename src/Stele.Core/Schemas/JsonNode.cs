using Stele.Core.Json;

namespace Stele.Core.Schemas;

/// <summary>One value, or one member's name, of a <see cref="JsonTape"/>.</summary>
struct JsonNode
{
    /// <summary>What it is; a member's name is a string.</summary>
    public JsonKind Kind;
    /// <summary>Whether a string has escapes: its text is not its bytes.</summary>
    public bool Escaped;
    /// <summary>The first byte; of a string, the first of its content.</summary>
    public int Start;
    /// <summary>The byte behind; of a string, behind its content.</summary>
    public int End;
    /// <summary>The index behind all that is in it. While a container is open, the index of the one around it.</summary>
    public int Next;
    /// <summary>Items of an array, members of an object.</summary>
    public int Count;
}
