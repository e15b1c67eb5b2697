using System.Collections;
using System.Text;
using System.Text.Json;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Stele.Core.Journal;

namespace Stele.Server.Gateway.Grpc;

/// <summary>
/// An answer's JSON as a message. A member without a field is passed over, and a test holds that there is none: an answer
/// that gained a member must not end the calls of clients that do not know it.
/// </summary>
internal static class GrpcAnswerMessage
{
    /// <summary>The message that an answer is.</summary>
    public static IMessage Read(ReadOnlyMemory<byte> json, MessageDescriptor type)
    {
        var message = type.Parser.ParseFrom(ByteString.Empty);
        if (json.IsEmpty) return message;
        var reader = new Utf8JsonReader(json.Span, new JsonReaderOptions { MaxDepth = int.MaxValue });
        reader.Read();
        Members(ref reader, json.Span, message);
        return message;
    }

    static void Members(ref Utf8JsonReader reader, ReadOnlySpan<byte> json, IMessage message)
    {
        if (reader.TokenType != JsonTokenType.StartObject) throw new FormatException("an answer that is no object has no message");
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var field = GrpcFields.Find(message.Descriptor, reader.GetString()!);
            reader.Read();
            if (field is null) reader.Skip();
            else if (GrpcFields.IsJson(field) && !field.IsRepeated) field.Accessor.SetValue(message, Raw(ref reader, json));
            else if (reader.TokenType == JsonTokenType.Null) continue;
            else if (field.IsMap) Map(ref reader, json, field, (IDictionary)field.Accessor.GetValue(message));
            else if (field.IsRepeated) List(ref reader, json, field, (IList)field.Accessor.GetValue(message));
            else field.Accessor.SetValue(message, One(ref reader, json, field));
        }
    }

    static void List(ref Utf8JsonReader reader, ReadOnlySpan<byte> json, FieldDescriptor field, IList items)
    {
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
            items.Add(GrpcFields.IsJson(field) ? Raw(ref reader, json) : One(ref reader, json, field));
    }

    static void Map(ref Utf8JsonReader reader, ReadOnlySpan<byte> json, FieldDescriptor field, IDictionary entries)
    {
        var of = field.MessageType.FindFieldByNumber(2);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var key = reader.GetString()!;
            reader.Read();
            entries[key] = One(ref reader, json, of);
        }
    }

    static object One(ref Utf8JsonReader reader, ReadOnlySpan<byte> json, FieldDescriptor field)
    {
        switch (field.FieldType)
        {
            case FieldType.Bool: return reader.GetBoolean();
            case FieldType.Int32 or FieldType.SInt32 or FieldType.SFixed32: return reader.GetInt32();
            case FieldType.UInt32 or FieldType.Fixed32: return reader.GetUInt32();
            case FieldType.Int64 or FieldType.SInt64 or FieldType.SFixed64: return reader.GetInt64();
            case FieldType.UInt64 or FieldType.Fixed64: return reader.GetUInt64();
            case FieldType.Double: return reader.GetDouble();
            case FieldType.Float: return reader.GetSingle();
            case FieldType.Bytes: return UnsafeByteOperations.UnsafeWrap(reader.GetBytesFromBase64());
            case FieldType.Enum: return System.Enum.ToObject(field.EnumType.ClrType, GrpcFields.EnumNumber(field.EnumType, reader.GetString()!));
            case FieldType.Message when field.MessageType == Google.Protobuf.WellKnownTypes.Timestamp.Descriptor:
                return Timestamp.TryParse(reader.GetString(), out var at) ? GrpcFields.Time(at) : throw new FormatException($"{field.FullName} is no time");
            case FieldType.Message:
                var message = field.MessageType.Parser.ParseFrom(ByteString.Empty);
                Members(ref reader, json, message);
                return message;
            default: return reader.GetString()!;
        }
    }

    /// <summary>A value's text, digit for digit.</summary>
    static string Raw(ref Utf8JsonReader reader, ReadOnlySpan<byte> json)
    {
        var start = (int)reader.TokenStartIndex;
        reader.Skip();
        return Encoding.UTF8.GetString(json[start..(int)reader.BytesConsumed]);
    }
}
