using System.Collections;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Google.Protobuf;
using Microsoft.AspNetCore.Http.Features;
using Google.Protobuf.Reflection;
using Stele.Core.Faults;
using Stele.Core.Json;
using Stele.Proto.V1;

namespace Stele.Server.Gateway.Grpc;

/// <summary>A message as the path, query and body of the HTTP operation that it is another spelling of.</summary>
internal static class GrpcRequestText
{
    /// <summary>Puts a message into a request. Gives the fault of what HTTP has no spelling for, or null.</summary>
    public static Fault? Write(HttpRequest request, IMessage message, GrpcRoute route)
    {
        List<Problem>? problems = null;
        var path = new StringBuilder();
        foreach (var part in route.Path)
        {
            path.Append('/');
            if (part.Field is null) path.Append(part.Text);
            else if (Field(message, part.Field) is var (field, value) && GrpcFields.Text(field, value) is { Length: > 0 } text)
            {
                request.RouteValues[part.Text] = text;
                // as Kestrel leaves it in a path: a slash that is no separator stays encoded
                path.Append(text.Replace("/", "%2F", StringComparison.Ordinal));
            }
            else (problems ??= []).Add(Problem.Path(part.Text, "parameter.required", $"{part.Text} is required."));
        }
        var query = new StringBuilder();
        JsonText? body = route.HasBody ? new JsonText().Raw("{"u8) : null;
        foreach (var field in message.Descriptor.Fields.InFieldNumberOrder())
            if (!route.IsInPath(field.Name) && GrpcFields.IsGiven(message, field))
            {
                if (route.IsInQuery(field.Name)) Query(query, field, field.Accessor.GetValue(message), ref problems);
                else Member(body!, field, field.Accessor.GetValue(message), "", ref problems);
            }
        // by its constructor: a string that is assigned would be decoded
        request.Path = new PathString(path.ToString());
        request.QueryString = new QueryString(query.Length == 0 ? null : query.ToString());
        if (body is not null) Body(request, body.Raw("}"u8));
        return problems is null ? null : Fault.Invalid(problems);
    }

    static void Body(HttpRequest request, JsonText json)
    {
        var body = new SpelledBody(json);
        request.HttpContext.Features.Set(body);
        request.HttpContext.Features.Set<IRequestBodyPipeFeature>(body);
        request.Body = body.Stream;
        request.ContentType = Answer.Json;
        request.ContentLength = json.Length;
    }

    static (FieldDescriptor, object)? Field(IMessage message, string name) =>
        message.Descriptor.FindFieldByName(name) is { } field ? (field, field.Accessor.GetValue(message)) : null;

    static void Query(StringBuilder query, FieldDescriptor field, object value, ref List<Problem>? problems)
    {
        foreach (var one in field.IsRepeated ? (IEnumerable)value : new[] { value })
            if (GrpcFields.Text(field, one) is { } text)
                query.Append(query.Length == 0 ? '?' : '&').Append(field.Name).Append('=').Append(Uri.EscapeDataString(text));
            else (problems ??= []).Add(Problem.Query(field.Name, "value.range", $"{field.Name} is not a value of its type."));
    }

    static void Member(JsonText json, FieldDescriptor field, object value, string pointer, ref List<Problem>? problems)
    {
        var name = GrpcFields.MemberOf(field);
        pointer = $"{pointer}/{name}";
        if (json.Written[^1] != (byte)'{') json.Raw(","u8);
        json.Raw("\""u8).Ascii(name).Raw("\":"u8);
        if (field.IsMap) Map(json, field, (IDictionary)value, pointer, ref problems);
        else if (field.IsRepeated)
        {
            json.Raw("["u8);
            var index = 0;
            foreach (var item in (IEnumerable)value)
            {
                if (index > 0) json.Raw(","u8);
                One(json, field, item, $"{pointer}/{index++}", ref problems);
            }
            json.Raw("]"u8);
        }
        else One(json, field, value, pointer, ref problems);
    }

    static void Map(JsonText json, FieldDescriptor field, IDictionary entries, string pointer, ref List<Problem>? problems)
    {
        var (key, of) = (field.MessageType.FindFieldByNumber(1), field.MessageType.FindFieldByNumber(2));
        json.Raw("{"u8);
        foreach (DictionaryEntry entry in entries)
        {
            if (json.Written[^1] != (byte)'{') json.Raw(","u8);
            var name = GrpcFields.Text(key, entry.Key);
            Text(json, name ?? "");
            One(json.Raw(":"u8), of, entry.Value!, $"{pointer}/{name}", ref problems);
        }
        json.Raw("}"u8);
    }

    static void One(JsonText json, FieldDescriptor field, object value, string pointer, ref List<Problem>? problems)
    {
        if (GrpcFields.IsJson(field)) Raw(json, (string)value, pointer, ref problems);
        else if (value is Names names) Text(json, names);
        else if (value is IMessage message && GrpcFields.Text(field, message) is null && !IsTime(message.Descriptor)) Nested(json, message, pointer, ref problems);
        else if (value is ByteString bytes) json.Base64(bytes.Span);
        else if (GrpcFields.Text(field, value) is not { } text)
            (problems ??= []).Add(Problem.Body(pointer, "value.range", $"{field.Name} is not a value of its type."));
        else if (value is string or IMessage or System.Enum) Text(json, text);
        else json.Ascii(text);
    }

    static void Text(JsonText json, Names names)
    {
        json.Raw("["u8);
        foreach (var (index, name) in names.Names_.Index()) Text(index > 0 ? json.Raw(","u8) : json, name);
        json.Raw("]"u8);
    }

    // whether a text may hold U+0000 is for whoever reads the body to say
    static void Text(JsonText json, string text)
    {
        if (text.Contains('\0')) json.Raw("\""u8).Raw(JsonEncodedText.Encode(text).EncodedUtf8Bytes).Raw("\""u8);
        else json.Text(text);
    }

    static void Nested(JsonText json, IMessage message, string pointer, ref List<Problem>? problems)
    {
        json.Raw("{"u8);
        foreach (var field in message.Descriptor.Fields.InFieldNumberOrder())
            if (GrpcFields.IsGiven(message, field)) Member(json, field, field.Accessor.GetValue(message), pointer, ref problems);
        json.Raw("}"u8);
    }

    // exactly one value: what follows it would become members of ours
    static void Raw(JsonText json, string text, string pointer, ref List<Problem>? problems)
    {
        var utf8 = Encoding.UTF8.GetBytes(text);
        try
        {
            var reader = new Utf8JsonReader(utf8, new JsonReaderOptions { MaxDepth = int.MaxValue });
            reader.Read();
            reader.Skip();
            // throws unless nothing but white space follows
            if (!reader.Read()) json.Raw(utf8);
        }
        catch (JsonException e)
        {
            (problems ??= []).Add(Problem.Body(pointer, "json.syntax", string.Create(CultureInfo.InvariantCulture, $"This is not JSON: it breaks off after {e.BytePositionInLine} bytes of line {e.LineNumber + 1}.")));
        }
    }

    static bool IsTime(MessageDescriptor type) => type.File.Package == "google.protobuf";
}
