using System.Collections;
using System.Collections.Concurrent;
using System.Globalization;
using System.Runtime.InteropServices;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Google.Protobuf.WellKnownTypes;
using Stele.Core.Journal;

namespace Stele.Server.Gateway.Grpc;

/// <summary>
/// How fields and the members of JSON correspond (proto/stele/v1/http.proto): the same names, but for fields that end in
/// <c>_json</c>; enums as text; times as RFC 3339; durations in milliseconds; bytes as base64.
/// </summary>
internal static class GrpcFields
{
    const string JsonSuffix = "_json", WellKnown = "google.protobuf";

    static readonly ConcurrentDictionary<MessageDescriptor, Dictionary<string, FieldDescriptor>> byMember = new();
    static readonly ConcurrentDictionary<FieldDescriptor, string> members = new();
    static readonly ConcurrentDictionary<FieldDescriptor, bool> holders = new();

    /// <summary>Whether a field holds JSON text.</summary>
    public static bool IsJson(FieldDescriptor field) => field.FieldType == FieldType.String && field.Name.EndsWith(JsonSuffix, StringComparison.Ordinal);

    /// <summary>The member that a field is.</summary>
    public static string MemberOf(FieldDescriptor field) => members.GetOrAdd(field, static field =>
        // what no field can be called is said by json_name
        field.JsonName.StartsWith('$') ? field.JsonName : IsJson(field) ? field.Name[..^JsonSuffix.Length] : field.Name);

    /// <summary>The field of a member, or null.</summary>
    public static FieldDescriptor? Find(MessageDescriptor type, string member) =>
        byMember.GetOrAdd(type, static type => type.Fields.InFieldNumberOrder().ToDictionary(MemberOf, StringComparer.Ordinal)).GetValueOrDefault(member);

    /// <summary>Whether a message says anything about a field: without presence, what is zero or empty is not said.</summary>
    public static bool IsGiven(IMessage message, FieldDescriptor field)
    {
        if (field.IsRepeated) return ((ICollection)field.Accessor.GetValue(message)).Count > 0;
        if (field.HasPresence) return field.Accessor.HasValue(message);
        return field.Accessor.GetValue(message) switch
        {
            string text => text.Length > 0,
            bool flag => flag,
            ByteString bytes => bytes.Length > 0,
            var number => Convert.ToInt64(number, CultureInfo.InvariantCulture) != 0,
        };
    }

    /// <summary>
    /// Zeroes what a message has of values, which may be secrets, in place: texts and bytes that it was read into, and that nobody else has. What the garbage collector moved meanwhile it cannot reach;
    /// so a message is forgotten as soon as it is spelt otherwise.
    /// </summary>
    public static void Forget(IMessage message)
    {
        foreach (var field in message.Descriptor.Fields.InFieldNumberOrder())
            if (field.IsMap || !MayHoldValue(field)) continue;
            else if (field.IsRepeated)
                foreach (var item in (IEnumerable)field.Accessor.GetValue(message)) Forget(item);
            else if (IsGiven(message, field)) Forget(field.Accessor.GetValue(message));
    }

    static void Forget(object value)
    {
        switch (value)
        {
            // an empty one, and perhaps one of a single letter, is everybody's
            case string { Length: > 1 } text:
                MemoryMarshal.CreateSpan(ref MemoryMarshal.GetReference(text.AsSpan()), text.Length).Clear();
                break;
            case ByteString { Length: > 0 } bytes:
                MemoryMarshal.AsMemory(bytes.Memory).Span.Clear();
                break;
            case IMessage message:
                Forget(message);
                break;
        }
    }

    // by its name, or because it holds messages that have one of those
    static bool MayHoldValue(FieldDescriptor field) => holders.GetOrAdd(field, static field =>
        field.FieldType is FieldType.String or FieldType.Bytes ? field.Name is "value" or "value_json" or "value_base64"
        : field.FieldType == FieldType.Message && field.MessageType.File.Package != WellKnown && Holds(field.MessageType, []));

    static bool Holds(MessageDescriptor type, HashSet<MessageDescriptor> seen) => seen.Add(type) && type.Fields.InFieldNumberOrder().Any(field =>
        field.FieldType is FieldType.String or FieldType.Bytes ? field.Name is "value" or "value_json" or "value_base64" : field.FieldType == FieldType.Message && !field.IsMap && Holds(field.MessageType, seen));

    /// <summary>A single value as a query has it; null for what no query holds, or for a time that is none.</summary>
    public static string? Text(FieldDescriptor field, object value) => value switch
    {
        string text => text,
        bool flag => flag ? "true" : "false",
        ByteString bytes => bytes.ToBase64(),
        Google.Protobuf.WellKnownTypes.Timestamp time => Time(time),
        Duration duration => Milliseconds(duration),
        IMessage => null,
        System.Enum => EnumText(field.EnumType, Convert.ToInt32(value, CultureInfo.InvariantCulture)),
        IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
        _ => null,
    };

    /// <summary>The number of an enum's text; 0, which every enum has for what is not said, if this release does not know it.</summary>
    public static int EnumNumber(EnumDescriptor type, string text)
    {
        foreach (var value in type.Values)
            if (EnumText(type, value.Number) == text) return value.Number;
        return 0;
    }

    /// <summary>A time as a message has it.</summary>
    public static Google.Protobuf.WellKnownTypes.Timestamp Time(Core.Journal.Timestamp at) =>
        Google.Protobuf.WellKnownTypes.Timestamp.FromDateTime(DateTime.SpecifyKind(at.ToDateTime(), DateTimeKind.Utc));

    // VALUE_TYPE_STRING of ValueType is "string"; a number that has no name stays one, and is refused where it is read
    static string EnumText(EnumDescriptor type, int number) => type.FindValueByNumber(number) is not { } value
        ? number.ToString(CultureInfo.InvariantCulture)
        : value.Name[Prefix(type).Length..].ToLowerInvariant();

    static string Prefix(EnumDescriptor type) => prefixes.GetOrAdd(type, static type =>
        string.Concat(type.Name.Select((c, index) => char.IsUpper(c) && index > 0 ? "_" + c : char.ToUpperInvariant(c).ToString())) + "_");

    static string? Time(Google.Protobuf.WellKnownTypes.Timestamp time)
    {
        if (time.Nanos is < 0 or > 999_999_999 || time.Seconds is < -62_135_596_800 or > 253_402_300_799) return null;
        var fraction = time.Nanos == 0 ? "" : "." + time.Nanos.ToString("000000000", CultureInfo.InvariantCulture).TrimEnd('0');
        return DateTime.UnixEpoch.AddSeconds(time.Seconds).ToString("yyyy-MM-dd'T'HH:mm:ss", CultureInfo.InvariantCulture) + fraction + "Z";
    }

    static string Milliseconds(Duration duration) => string.Create(CultureInfo.InvariantCulture, $"{((Int128)duration.Seconds * 1_000) + (duration.Nanos / 1_000_000)}ms");

    static readonly ConcurrentDictionary<EnumDescriptor, string> prefixes = new();
}
