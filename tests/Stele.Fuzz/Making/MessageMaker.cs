using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using Google.Protobuf.Reflection;
using Stele.Simulation.Scheduling;

namespace Stele.Fuzz.Making;

/// <summary>Messages of protobuf by their descriptors, written byte by byte, so that what no library writes can be written too.</summary>
internal sealed class MessageMaker(Dice dice)
{
    const int Varint = 0, Fixed64 = 1, Length = 2, Fixed32 = 5;

    /// <summary>A message's bytes.</summary>
    public byte[] Message(MessageDescriptor type, int depth)
    {
        var bytes = new List<byte>();
        foreach (var field in type.Fields.InFieldNumberOrder())
            for (var times = dice.Next(20) switch { < 8 => 0, < 18 => 1, 18 => 2, _ => field.IsRepeated ? 30 : 2 }; times > 0; times--) Field(bytes, field, depth);
        if (dice.Next(25) == 0) Put(bytes, (ulong)(dice.Pick<int>([0, 1, 99, 19_000, 536_870_911]) << 3 | dice.Next(8)), Nasty.Utf8(Nasty.Text(dice)));
        // as deep as a message may nest, and deeper
        if (dice.Next(300) == 0 && type.Fields.InFieldNumberOrder().FirstOrDefault(field => field.FieldType == FieldType.Message) is { } inner)
            for (var i = dice.Pick<int>([50, 63, 64, 65, 99, 100, 101, 5_000]); i > 0 && bytes.Count < 100_000; i--)
            {
                var nested = bytes.ToArray();
                bytes.Clear();
                Put(bytes, (ulong)(inner.FieldNumber << 3 | Length), nested);
            }
        return [.. bytes];
    }

    /// <summary>A message in its frame, packed or not, with a length that is right or not.</summary>
    public static byte[] Frame(Dice dice, byte[] message)
    {
        var packed = dice.Next(6) == 0;
        if (packed && dice.Chance(0.8)) message = Gzip(dice.Next(40) == 0 ? new byte[dice.Pick<int>([1 << 20, 3 << 20])] : message);
        var frame = new byte[5 + message.Length];
        frame[0] = dice.Next(60) == 0 ? (byte)dice.Next(256) : packed ? (byte)1 : (byte)0;
        BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(1), dice.Next(40) == 0 ? dice.Pick<uint>([0, 1, (uint)message.Length + 1, 1 << 25, (1 << 25) + 1, uint.MaxValue]) : (uint)message.Length);
        message.CopyTo(frame, 5);
        return frame;
    }

    static byte[] Gzip(byte[] message)
    {
        var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest)) gzip.Write(message);
        return packed.ToArray();
    }

    void Field(List<byte> bytes, FieldDescriptor field, int depth)
    {
        var (tag, type) = (field.FieldNumber << 3, dice.Next(80) == 0 ? (FieldType)dice.Next(18) : field.FieldType);
        switch (type)
        {
            case FieldType.String or FieldType.Bytes: Put(bytes, (ulong)(tag | Length), Text(field)); break;
            case FieldType.Message or FieldType.Group: Put(bytes, (ulong)(tag | Length), depth > 0 && field.FieldType == FieldType.Message ? Message(field.MessageType, depth - 1) : []); break;
            case FieldType.Double or FieldType.Fixed64 or FieldType.SFixed64:
                Number(bytes, (ulong)(tag | Fixed64));
                for (var i = 0; i < 8; i++) bytes.Add((byte)dice.Next(256));
                break;
            case FieldType.Float or FieldType.Fixed32 or FieldType.SFixed32:
                Number(bytes, (ulong)(tag | Fixed32));
                for (var i = 0; i < 4; i++) bytes.Add((byte)dice.Next(256));
                break;
            default:
                Number(bytes, (ulong)(tag | Varint));
                Number(bytes, dice.Pick<ulong>([0, 1, 1, 2, 3, 100, int.MaxValue, uint.MaxValue, long.MaxValue, ulong.MaxValue, 1UL << 63]));
                break;
        }
    }

    byte[] Text(FieldDescriptor field)
    {
        if (field.FieldType == FieldType.Bytes) return Nasty.Utf8(Nasty.Text(dice));
        var json = new JsonMaker(dice);
        return field.Name switch
        {
            _ when dice.Next(12) == 0 => Nasty.Utf8(Nasty.Text(dice)),
            var name when name.EndsWith("_json", StringComparison.Ordinal) => json.Bytes(name switch
            {
                "definition_json" => new RuleMaker(json).Definition(),
                "schema_json" => new SchemaMaker(json).Schema(3),
                "context_json" => new RuleMaker(json).Context(),
                _ => json.Any(3),
            }),
            "environment" or "env" => Encoding.UTF8.GetBytes(dice.Pick<string>(["development", "staging", "nowhere"])),
            "key" => Encoding.UTF8.GetBytes(dice.Pick<string>(["app.a", "app.b", "flag-a"])),
            "name" => Encoding.UTF8.GetBytes(dice.Pick<string>(["flag-a", "development", "acme", "viewer"])),
            "from" or "to" => "development@1"u8.ToArray(),
            _ => Nasty.Utf8(Nasty.Text(dice)),
        };
    }

    static void Put(List<byte> bytes, ulong tag, byte[] value)
    {
        Number(bytes, tag);
        Number(bytes, (ulong)value.Length);
        bytes.AddRange(value);
    }

    static void Number(List<byte> bytes, ulong value)
    {
        for (; value >= 0x80; value >>= 7) bytes.Add((byte)(value | 0x80));
        bytes.Add((byte)value);
    }
}
