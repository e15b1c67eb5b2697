using Stele.Core.Flags;
using Stele.Server.Flags;
using Stele.Server.Gateway;

namespace Stele.Server.Ofrep;

/// <summary>A flag as OFREP answers with it: all of the answer that does not depend on who asks is written once.</summary>
internal sealed class OfrepFlag
{
    readonly OfrepMetadata shared;
    readonly byte[] front, own, revision;
    Counted[] counted = [];

    /// <param name="flag">The flag.</param>
    /// <param name="metadata">The set's metadata, which all flags have together: a copy for each could be larger than all else.</param>
    /// <param name="since">Since which revision it answers as it does.</param>
    /// <param name="isStatic">Whether it answers the same to everybody.</param>
    public OfrepFlag(Flag flag, OfrepMetadata metadata, long since, bool isStatic)
    {
        (Flag, shared, IsStatic) = (flag, metadata, isStatic);
        var definition = flag.Definition;
        using (var json = new JsonText())
        {
            json.Raw("{\"key\":"u8).Text(flag.Name);
            if (isStatic) WriteOutcome(json, new FlagAnswer { Flag = flag, Variant = definition.DefaultVariant, Reason = definition.DefaultVariant is null ? FlagReason.Default : FlagReason.Static });
            front = json.Written.ToArray();
        }
        using (var json = new JsonText())
        {
            foreach (var (name, value) in definition.Metadata) json.Text(name).Raw(":"u8).Raw(value).Raw(","u8);
            own = json.Written.ToArray();
        }
        using (var json = new JsonText()) revision = json.Raw("\"revision\":"u8).Number(since).Written.ToArray();
    }

    /// <summary>The flag.</summary>
    public Flag Flag { get; }

    /// <summary>The variant that everybody gets, if <see cref="IsStatic"/>; null: the caller's own default.</summary>
    public FlagVariant? StaticVariant => Flag.Definition.DefaultVariant;

    /// <summary>Whether the answer is the same for everybody.</summary>
    public bool IsStatic { get; }

    /// <summary>Writes the answer that everybody gets.</summary>
    public void WriteStatic(JsonText json)
    {
        WriteMetadata(json.Raw(front));
        json.Raw("}}"u8);
    }

    /// <summary>Writes an answer of one that is not static.</summary>
    public void Write(JsonText json, in FlagAnswer answer)
    {
        json.Raw(front);
        if (answer.Error != FlagErrorCode.None) json.Raw(",\"errorCode\":\""u8).Ascii(answer.Error.Name()).Raw("\",\"errorDetails\":"u8).Text(answer.Message);
        else WriteOutcome(json, answer);
        WriteMetadata(json);
        if (answer.Rule is { } rule) json.Raw(",\"rule\":"u8).Text(rule);
        if (answer.Bucket is { } bucket) json.Raw(",\"bucket\":"u8).Number(bucket);
        json.Raw("}}"u8);
    }

    /// <summary>Where answers of a variant are counted, if it was asked for before.</summary>
    public FlagUseCell? KnownCell(FlagVariant? variant)
    {
        foreach (var known in Volatile.Read(ref counted))
            if (ReferenceEquals(known.Variant, variant)) return known.Cell;
        return null;
    }

    /// <summary>Keeps where answers of a variant are counted. Of two that do so at once one may be forgotten, and kept the next time.</summary>
    public FlagUseCell Keep(FlagVariant? variant, FlagUseCell cell)
    {
        if (counted.Length < CountedMax) Volatile.Write(ref counted, [.. counted, new Counted(variant, cell)]);
        return cell;
    }

    // a code default is an answer without a value
    static void WriteOutcome(JsonText json, in FlagAnswer answer)
    {
        if (answer.Variant is { } variant) json.Raw(",\"value\":"u8).Raw(variant.Value).Raw(",\"variant\":"u8).Text(variant.Name);
        json.Raw(",\"reason\":\""u8).Ascii(answer.Reason.Name()).Raw("\""u8);
    }

    // a flag's own entry stands before the set's of the same name
    void WriteMetadata(JsonText json)
    {
        json.Raw(",\"metadata\":{"u8);
        shared.Write(json, Flag.Definition.Metadata);
        json.Raw(own).Raw(revision);
    }

    // flags with more variants than are worth looking through are rare
    const int CountedMax = 16;

    readonly record struct Counted(FlagVariant? Variant, FlagUseCell Cell);
}
