using System.Diagnostics.CodeAnalysis;

namespace Stele.Core.Faults;

/// <summary>A value or a <see cref="Fault"/>: what everything that may be refused returns.</summary>
public readonly struct Outcome<T>
{
    readonly T? value;

    /// <summary>Success.</summary>
    public Outcome(T value) => this.value = value;

    /// <summary>Refusal.</summary>
    public Outcome(Fault fault) => Fault = fault;

    /// <summary>The refusal, or null on success.</summary>
    public Fault? Fault { get; }

    /// <summary>The value; throws when there is a fault, which is a bug of the caller.</summary>
    public T Value => Fault is null ? value! : throw new InvalidOperationException($"Outcome is a fault: {Fault.Code}: {Fault.Detail}");

    /// <summary>True with the value, or false with the fault.</summary>
    public bool TryGet([MaybeNullWhen(false)] out T result, [NotNullWhen(false)] out Fault? fault)
    {
        result = value;
        fault = Fault;
        return fault is null;
    }

    /// <summary>Success.</summary>
    public static implicit operator Outcome<T>(T value) => new(value);

    /// <summary>Refusal.</summary>
    public static implicit operator Outcome<T>(Fault fault) => new(fault);
}
