using Stele.Core.Flags;
using Stele.Server.Flags;
using Stele.Server.Gateway;

namespace Stele.Server.Ofrep;

/// <summary>A flag as OFREP answers with it: all of the answer that does not depend on who asks is written once.</summary>
internal sealed class OfrepFlag
{
    readonly byte[] head, tail;
    readonly byte[]? whole;
    Counted[] counted = [];

    /// <param name="flag">The flag.</param>
    /// <param name="metadata">Members of its metadata and of the set's, as JSON with a comma behind each.</param>
    /// <param name="revision">Since which revision it answers as it does.</param>
    /// <param name="isStatic">Whether it answers the same to everybody.</param>
    public OfrepFlag(Flag flag, ReadOnlySpan<byte> metadata, long revision, bool isStatic)
    {
        Flag = flag;
        using (var json = new JsonText()) head = json.Raw("{\"key\":"u8).Text(flag.Name).Written.ToArray();
        using (var json = new JsonText()) tail = json.Raw(",\"metadata\":{"u8).Raw(metadata).Raw("\"revision\":"u8).Number(revision).Written.ToArray();
        if (!isStatic) return;
        var definition = flag.Definition;
        using var text = new JsonText();
        WriteParts(text, new FlagAnswer { Flag = flag, Variant = definition.DefaultVariant, Reason = definition.DefaultVariant is null ? FlagReason.Default : FlagReason.Static });
        whole = text.Written.ToArray();
    }

    /// <summary>The flag.</summary>
    public Flag Flag { get; }

    /// <summary>The variant that everybody gets, if <see cref="IsStatic"/>; null: the caller's own default.</summary>
    public FlagVariant? StaticVariant => Flag.Definition.DefaultVariant;

    /// <summary>Whether the answer is the same for everybody.</summary>
    public bool IsStatic => whole is not null;

    /// <summary>Writes the answer that everybody gets.</summary>
    public void WriteStatic(JsonText json) => json.Raw(whole);

    /// <summary>Writes an answer.</summary>
    public void Write(JsonText json, in FlagAnswer answer)
    {
        if (whole is not null) json.Raw(whole);
        else WriteParts(json, answer);
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

    void WriteParts(JsonText json, in FlagAnswer answer)
    {
        json.Raw(head);
        if (answer.Error != FlagErrorCode.None)
            json.Raw(",\"errorCode\":\""u8).Ascii(answer.Error.Name()).Raw("\",\"errorDetails\":"u8).Text(answer.Message);
        else
        {
            // a code default is an answer without a value
            if (answer.Variant is { } variant) json.Raw(",\"value\":"u8).Raw(variant.Value).Raw(",\"variant\":"u8).Text(variant.Name);
            json.Raw(",\"reason\":\""u8).Ascii(answer.Reason.Name()).Raw("\""u8);
        }
        json.Raw(tail);
        if (answer.Rule is { } rule) json.Raw(",\"rule\":"u8).Text(rule);
        if (answer.Bucket is { } bucket) json.Raw(",\"bucket\":"u8).Number(bucket);
        json.Raw("}}"u8);
    }

    // flags with more variants than are worth looking through are rare
    const int CountedMax = 16;

    readonly record struct Counted(FlagVariant? Variant, FlagUseCell Cell);
}
