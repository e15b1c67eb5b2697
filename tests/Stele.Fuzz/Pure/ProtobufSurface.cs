using System.Buffers.Binary;
using System.IO.Compression;
using System.IO.Pipelines;
using System.Text;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Microsoft.AspNetCore.Http;
using Stele.Core.Faults;
using Stele.Core.Json;
using Stele.Fuzz.Making;
using Stele.Fuzz.Running;
using Stele.Server.Gateway.Grpc;
using Stele.Simulation.Scheduling;

namespace Stele.Fuzz.Pure;

/// <summary>Messages of every call in their frames: taken apart, and put into the request of HTTP that they are another spelling of.</summary>
internal static class ProtobufSurface
{
    /// <summary>Every call, flagd's among them.</summary>
    public static readonly MethodDescriptor[] Methods = [.. GrpcMethods.Services.SelectMany(service => service.Methods)];

    static readonly Dictionary<string, MethodDescriptor> byPath = Methods.ToDictionary(GrpcMethods.PathOf, StringComparer.Ordinal);

    public static ISurface Surface() => new PureSurface("protobuf", "frames and messages of each call: read or refused; what is read makes a request whose body is JSON, and is written as the bytes that it came as", Make, Accepts);

    static byte[] Make(Dice dice)
    {
        var method = dice.Pick(Methods);
        var frame = MessageMaker.Frame(dice, Mutation.Sometimes(dice, new MessageMaker(dice).Message(method.InputType, 4)));
        return [.. Encoding.ASCII.GetBytes(GrpcMethods.PathOf(method) + "\n"), .. dice.Next(8) == 0 ? Mutation.Of(dice, frame) : frame];
    }

    static bool Accepts(byte[] input)
    {
        var line = input.AsSpan().IndexOf((byte)'\n');
        if (line < 0 || !byPath.TryGetValue(Encoding.ASCII.GetString(input.AsSpan(0, line)), out var method)) return false;
        // in memory there is nothing to wait for
        var (bytes, breach) = Frame(input[(line + 1)..]);
        FuzzFinding.Unless(breach is null || breach.Message.Length > 0, () => "refused without a reason");
        if (bytes is null) return false;
        var problems = new List<Problem>();
        if (!GrpcWire.Check(bytes, method.InputType, problems) || problems.Count > 0) return false;
        IMessage message;
        try
        {
            message = method.InputType.Parser.ParseFrom(bytes);
        }
        catch (InvalidProtocolBufferException)
        {
            return false;
        }
        var again = message.ToByteArray();
        FuzzFinding.Unless(method.InputType.Parser.ParseFrom(again).Equals(message) || HasNan(again), () => "what is written is another message");
        if (GrpcMethods.RouteOf(method) is { } route) Spell(message, route);
        return true;
    }

    static void Spell(IMessage message, GrpcRoute route)
    {
        var request = new DefaultHttpContext().Request;
        var fault = GrpcRequestText.Write(request, message, route);
        FuzzFinding.Unless(fault is null || fault.Problems.Count > 0, () => "refused without a reason");
        if (fault is not null || !route.HasBody) return;
        var body = ((MemoryStream)request.Body).ToArray();
        var problems = new List<Problem>();
        // a text of JSON in a message may hold what a body may not; but it is one value, and the rest is ours
        if (!CanonicalJson.TryCanonicalize(body, "", problems, out _))
            FuzzFinding.Unless(problems.All(problem => problem.Rule is not ("json.syntax" or "json.utf8")), () => $"the body is no JSON: {problems[0]} {Encoding.UTF8.GetString(body)}");
    }

    // NaN is not itself
    static bool HasNan(byte[] bytes) => bytes.AsSpan().IndexOfAny((byte)0x7F, (byte)0xFF) >= 0;

    static (byte[]? Message, GrpcStatus? Breach) Frame(byte[] bytes)
    {
        var reader = PipeReader.Create(new MemoryStream(bytes));
        var read = GrpcFrames.Read(reader, GrpcHeaders.Gzip, CancellationToken.None);
        FuzzFinding.Unless(read.IsCompleted, () => "reading waits for what cannot come");
        return read.GetAwaiter().GetResult();
    }
}
