namespace Stele.Core.Journal;

/// <summary>The number of an organization: the scope of a journal, of row-level security, and of atomic changes.</summary>
public readonly record struct OrgId(int Value)
{
    /// <summary>The org that the first start makes, and that a root token reaches without naming one.</summary>
    public static readonly OrgId Default = new(1);

    /// <inheritdoc/>
    public override string ToString() => Value.ToString(System.Globalization.CultureInfo.InvariantCulture);
}
