using Stele.Core.Schemas.Formats;
using Stele.Core.Schemas.Patterns;

namespace Stele.Core.Schemas;

/// <summary>The types of JSON Schema; <see cref="Integer"/> is any number without a fraction.</summary>
[Flags]
enum SchemaTypes : byte
{
    Any = 0,
    Null = 1,
    Boolean = 2,
    Number = 4,
    String = 8,
    Array = 16,
    Object = 32,
    Integer = 64,
}

/// <summary>A compiled schema. What is absent asks for nothing.</summary>
sealed class SchemaNode(SchemaResource resource, SchemaDocument document, int at)
{
    public SchemaResource Resource { get; } = resource;

    /// <summary>Where it stands; the values of const and enum too.</summary>
    public SchemaDocument Document { get; } = document;

    public int At { get; } = at;

    /// <summary>For the schemas <c>true</c> and <c>false</c>.</summary>
    public bool? Constant { get; set; }

    public SchemaTypes Types { get; set; }

    /// <summary>The node of const; negative: none.</summary>
    public int Const { get; set; } = -1;

    public EnumRules? Enum { get; set; }

    public SchemaNode? Reference { get; set; }

    public DynamicReference? Dynamic { get; set; }

    public SchemaNode[] AllOf { get; set; } = [];

    public SchemaNode[] AnyOf { get; set; } = [];

    public SchemaNode[] OneOf { get; set; } = [];

    public SchemaNode? Not { get; set; }

    public SchemaNode? If { get; set; }

    public SchemaNode? Then { get; set; }

    public SchemaNode? Else { get; set; }

    public NumberRules? Number { get; set; }

    public StringRules? String { get; set; }

    public ArrayRules? Array { get; set; }

    public ObjectRules? Object { get; set; }

    /// <summary>Whether it asks what its other parts have looked at.</summary>
    public bool AsksUnevaluated => Array?.Unevaluated is not null || Object?.Unevaluated is not null;

    /// <summary>Whether other schemas look at the same value.</summary>
    public bool HasInPlace { get; set; }
}

/// <summary>A <c>$dynamicRef</c>.</summary>
/// <param name="Target">Where it leads by itself.</param>
/// <param name="Anchor">The dynamic anchor whose outermost bearer takes the target's place, or null.</param>
sealed record DynamicReference(SchemaNode Target, string? Anchor);

/// <summary>The values of an enum.</summary>
/// <param name="Values">Their nodes.</param>
/// <param name="ByHash">The same by hash, where there are many.</param>
sealed record EnumRules(int[] Values, ILookup<int, int>? ByHash);

/// <summary>What is asked of numbers.</summary>
sealed class NumberRules
{
    public JsonNumber? Minimum { get; set; }
    public JsonNumber? Maximum { get; set; }
    public JsonNumber? ExclusiveMinimum { get; set; }
    public JsonNumber? ExclusiveMaximum { get; set; }
    public JsonNumber? MultipleOf { get; set; }
}

/// <summary>What is asked of strings.</summary>
sealed class StringRules
{
    public long MinLength { get; set; }
    public long MaxLength { get; set; } = long.MaxValue;
    public Pattern? Pattern { get; set; }
    public Format? Format { get; set; }
}

/// <summary>What is asked of arrays.</summary>
sealed class ArrayRules
{
    public long MinItems { get; set; }
    public long MaxItems { get; set; } = long.MaxValue;
    public bool UniqueItems { get; set; }
    public SchemaNode[] PrefixItems { get; set; } = [];
    public SchemaNode? Items { get; set; }
    public SchemaNode? Contains { get; set; }
    public long MinContains { get; set; } = 1;
    public long MaxContains { get; set; } = long.MaxValue;
    public SchemaNode? Unevaluated { get; set; }
}

/// <summary>What is asked of objects. Names that it mentions have a slot each.</summary>
sealed class ObjectRules
{
    public long MinProperties { get; set; }
    public long MaxProperties { get; set; } = long.MaxValue;
    public NameTable Names { get; } = new();
    /// <summary>By slot; null for names that are only required.</summary>
    public List<SchemaNode?> Properties { get; } = [];
    public List<int> Required { get; } = [];
    public List<(int Slot, int[] Required)> DependentRequired { get; } = [];
    public List<(int Slot, SchemaNode Schema)> DependentSchemas { get; } = [];
    public List<(Pattern Pattern, SchemaNode Schema)> PatternProperties { get; } = [];
    public SchemaNode? Additional { get; set; }
    public SchemaNode? PropertyNames { get; set; }
    public SchemaNode? Unevaluated { get; set; }

    /// <summary>Whether each member must be looked at.</summary>
    public bool LooksAtMembers => Names.Count > 0 || PatternProperties.Count > 0 || Additional is not null || PropertyNames is not null;

    /// <summary>The slot of a name, made if it has none.</summary>
    public int Slot(ReadOnlySpan<byte> name)
    {
        var slot = Names.Add(name);
        while (Properties.Count <= slot) Properties.Add(null);
        return slot;
    }
}
