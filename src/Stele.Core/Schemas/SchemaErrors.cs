using System.Globalization;
using System.Text;
using Stele.Core.Limits;

namespace Stele.Core.Schemas;

/// <summary>A rule of a schema that a value breaks.</summary>
/// <param name="InstanceLocation">JSON pointer (RFC 6901) into the value; empty: the value itself.</param>
/// <param name="KeywordLocation">JSON pointer of the keyword, by the way on which the evaluation came, through references.</param>
/// <param name="Message">A sentence for people.</param>
public sealed record SchemaError(string InstanceLocation, string KeywordLocation, string Message);

/// <summary>Where an evaluation is, and what it found. As many errors are kept as a body has problems.</summary>
sealed class SchemaErrors(List<SchemaError> errors)
{
    readonly StringBuilder instance = new();
    readonly StringBuilder keyword = new();

    /// <summary>How many were found, also past those that are kept.</summary>
    public int Count { get; private set; }

    /// <summary>Whether no more are kept.</summary>
    public bool IsFull => Count >= SteleLimits.BodyProblems.Value;

    /// <summary>How long the places in the value and in the schema are, of what would be added now.</summary>
    public int PlaceCharacters => instance.Length + keyword.Length;

    public void Add(string name, string message)
    {
        if (Count++ < SteleLimits.BodyProblems.Value) errors.Add(new SchemaError(instance.ToString(), name.Length == 0 ? keyword.ToString() : $"{keyword}/{name}", message));
    }

    /// <summary>Forgets what was found in branches that do not matter after all.</summary>
    public void Truncate(int count)
    {
        Count = count;
        if (errors.Count > count) errors.RemoveRange(count, errors.Count - count);
    }

    public (int Instance, int Keyword) Mark() => (instance.Length, keyword.Length);

    public void Return((int Instance, int Keyword) mark)
    {
        instance.Length = mark.Instance;
        keyword.Length = mark.Keyword;
    }

    public void IntoKeyword(string name) => keyword.Append('/').Append(name);

    public void IntoKeyword(int index) => keyword.Append('/').Append(index.ToString(CultureInfo.InvariantCulture));

    public void IntoKeywordMember(string name) => keyword.Append('/').Append(name.Replace("~", "~0", StringComparison.Ordinal).Replace("/", "~1", StringComparison.Ordinal));

    public void IntoMember(JsonTape tape, int name) => tape.AppendName(instance.Append('/'), name);

    public void IntoItem(int index) => instance.Append('/').Append(index.ToString(CultureInfo.InvariantCulture));
}
