namespace Stele.Core.Collections;

/// <summary>A value that knows the key under which a <see cref="SortedMap{TValue}"/> holds it.</summary>
public interface IKeyed
{
    /// <summary>The key; it never changes. Compared ordinally.</summary>
    string Key { get; }
}
