using System.Text.Unicode;
using Google.Protobuf.Reflection;
using Stele.Core.Faults;
using Stele.Core.Limits;

namespace Stele.Server.Gateway.Grpc;

/// <summary>
/// Looks at a message's bytes before the library reads them, because the library passes over fields that it does not know,
/// and replaces what is not UTF-8. The first would drop a condition that a newer client sets, the second would write
/// something else than was sent: both are refused, as HTTP refuses unknown members and broken text.
/// </summary>
/// <remarks>Encoding: https://protobuf.dev/programming-guides/encoding/</remarks>
internal static class GrpcWire
{
    const int Varint = 0, Fixed64 = 1, Length = 2, Fixed32 = 5;
    const int LevelsMax = 64;

    /// <summary>False when the bytes are no message at all; else with every problem that they have.</summary>
    public static bool Check(ReadOnlySpan<byte> bytes, MessageDescriptor type, List<Problem> problems) => Check(bytes, type, "", 0, problems);

    static bool Check(ReadOnlySpan<byte> bytes, MessageDescriptor type, string pointer, int level, List<Problem> problems)
    {
        if (level > LevelsMax) return false;
        var index = new Dictionary<int, int>();
        while (bytes.Length > 0)
        {
            if (!TryVarint(ref bytes, out var tag) || tag > uint.MaxValue || tag >> 3 == 0) return false;
            var (number, wireType) = ((int)(tag >> 3), (int)(tag & 7));
            if (!TryValue(ref bytes, wireType, out var value)) return false;
            if (type.FindFieldByNumber(number) is not { } field || !Fits(field, wireType))
            {
                if (problems.Count < SteleLimits.BodyProblems.Value)
                    problems.Add(Problem.Body($"{pointer}/{number}", "field.unknown", $"{type.Name} has no field {number} of this kind; this server may be older than the client."));
                continue;
            }
            if (wireType != Length) continue;
            var at = $"{pointer}/{GrpcFields.MemberOf(field)}";
            if (field.IsRepeated && !field.IsMap)
            {
                index[number] = index.GetValueOrDefault(number, -1) + 1;
                at = $"{at}/{index[number]}";
            }
            if (field.FieldType == FieldType.String && !Utf8.IsValid(value) && problems.Count < SteleLimits.BodyProblems.Value)
                problems.Add(Problem.Body(at, "string.utf8", "Text is UTF-8; this is not."));
            if (field.FieldType == FieldType.Message && !Check(value, field.MessageType, at, level + 1, problems)) return false;
        }
        return true;
    }

    static bool TryValue(ref ReadOnlySpan<byte> bytes, int wireType, out ReadOnlySpan<byte> value)
    {
        value = default;
        var length = 0UL;
        switch (wireType)
        {
            case Varint: return TryVarint(ref bytes, out _);
            case Fixed64: length = 8; break;
            case Fixed32: length = 4; break;
            case Length when TryVarint(ref bytes, out length): break;
            default: return false;
        }
        if (length > (ulong)bytes.Length) return false;
        value = bytes[..(int)length];
        bytes = bytes[(int)length..];
        return true;
    }

    static bool TryVarint(ref ReadOnlySpan<byte> bytes, out ulong value)
    {
        value = 0;
        for (var i = 0; i < Math.Min(10, bytes.Length); i++)
        {
            value |= (ulong)(bytes[i] & 0x7F) << (7 * i);
            if (bytes[i] >= 0x80) continue;
            bytes = bytes[(i + 1)..];
            return true;
        }
        return false;
    }

    static bool Fits(FieldDescriptor field, int wireType)
    {
        var own = field.FieldType switch
        {
            FieldType.String or FieldType.Bytes or FieldType.Message => Length,
            FieldType.Double or FieldType.Fixed64 or FieldType.SFixed64 => Fixed64,
            FieldType.Float or FieldType.Fixed32 or FieldType.SFixed32 => Fixed32,
            _ => Varint,
        };
        // numbers of a list may come together
        return wireType == own || (field.IsRepeated && wireType == Length && own != Length);
    }
}
