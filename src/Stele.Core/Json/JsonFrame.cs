namespace Stele.Core.Json;

/// <summary>An array or object that the scanner is inside of.</summary>
internal struct JsonFrame
{
    public bool IsArray;
    /// <summary>Members or items begun.</summary>
    public int Begun;
    /// <summary>An object's current member.</summary>
    public JsonString Name;
    /// <summary>Where an object's names begin among the names of all open objects.</summary>
    public int FirstName;
    /// <summary>The table of a large object's names.</summary>
    public int[]? Slots;
    /// <summary>The members that a body's object may have; null for the objects inside of values.</summary>
    public BodyMembers? Members;
    /// <summary>Which of them were there, one bit each.</summary>
    public ulong Seen;
}

/// <summary>Where one step through an open array or object has come to.</summary>
internal enum JsonStep
{
    /// <summary>Before the value of the next member or item.</summary>
    Value,
    /// <summary>Behind the closing bracket.</summary>
    Closed,
    /// <summary>Nowhere: the text is broken, or has too many problems.</summary>
    Failed,
}
