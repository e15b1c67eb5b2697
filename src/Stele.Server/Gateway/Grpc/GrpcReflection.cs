using Google.Protobuf;
using Google.Protobuf.Reflection;
using Stele.Proto.Reflection.V1;
using Stele.Proto.V1;

namespace Stele.Server.Gateway.Grpc;

/// <summary>Server reflection: a client that knows nothing of Stele asks what there is, and gets the contract. v1alpha has the same messages as v1.</summary>
internal static class GrpcReflection
{
    public const string Path = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", AlphaPath = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";

    static readonly Dictionary<string, FileDescriptor> files = Reachable(GrpcMethods.Files);
    static readonly Dictionary<string, FileDescriptor> symbols = files.Values.SelectMany(Symbols).ToDictionary(symbol => symbol.Name, symbol => symbol.File, StringComparer.Ordinal);

    /// <summary>Answers questions until the client has no more.</summary>
    public static async Task Serve(GrpcCall call)
    {
        while (await call.Read() is { } asked)
        {
            var request = asked as ServerReflectionRequest ?? ServerReflectionRequest.Parser.ParseFrom(asked.ToByteString());
            var response = Answer(request);
            (response.ValidHost, response.OriginalRequest) = (request.Host, request);
            await call.Write(response);
        }
    }

    static ServerReflectionResponse Answer(ServerReflectionRequest request) => request.MessageRequestCase switch
    {
        ServerReflectionRequest.MessageRequestOneofCase.ListServices => new ServerReflectionResponse
        {
            ListServicesResponse = new ListServiceResponse { Service = { GrpcMethods.Services.Select(service => new ServiceResponse { Name = service.FullName }) } },
        },
        ServerReflectionRequest.MessageRequestOneofCase.FileByFilename => File(files.GetValueOrDefault(request.FileByFilename), request.FileByFilename),
        ServerReflectionRequest.MessageRequestOneofCase.FileContainingSymbol => File(symbols.GetValueOrDefault(request.FileContainingSymbol), request.FileContainingSymbol),
        ServerReflectionRequest.MessageRequestOneofCase.FileContainingExtension =>
            File(Extensions(request.FileContainingExtension.ContainingType).FirstOrDefault(extension => extension.FieldNumber == request.FileContainingExtension.ExtensionNumber)?.File, request.FileContainingExtension.ContainingType),
        ServerReflectionRequest.MessageRequestOneofCase.AllExtensionNumbersOfType => Numbers(request.AllExtensionNumbersOfType),
        _ => Error(GrpcCode.InvalidArgument, "This asks for nothing."),
    };

    /// <summary>A file and all that it needs, itself first.</summary>
    static ServerReflectionResponse File(FileDescriptor? file, string asked) => file is null
        ? Error(GrpcCode.NotFound, $"There is no {asked}.")
        : new ServerReflectionResponse { FileDescriptorResponse = new FileDescriptorResponse { FileDescriptorProto = { Reachable([file]).Values.Select(one => one.SerializedData) } } };

    static ServerReflectionResponse Numbers(string type) => !symbols.ContainsKey(type)
        ? Error(GrpcCode.NotFound, $"There is no {type}.")
        : new ServerReflectionResponse
        {
            AllExtensionNumbersResponse = new ExtensionNumberResponse { BaseTypeName = type, ExtensionNumber = { Extensions(type).Select(extension => extension.FieldNumber) } },
        };

    static ServerReflectionResponse Error(GrpcCode code, string message) => new() { ErrorResponse = new ErrorResponse { ErrorCode = (int)code, ErrorMessage = message } };

    static IEnumerable<FieldDescriptor> Extensions(string type) => HttpReflection.Descriptor.Extensions.UnorderedExtensions.Where(extension => extension.ExtendeeType.FullName == type);

    static Dictionary<string, FileDescriptor> Reachable(IEnumerable<FileDescriptor> from)
    {
        var found = new Dictionary<string, FileDescriptor>(StringComparer.Ordinal);
        void Visit(FileDescriptor file)
        {
            if (!found.TryAdd(file.Name, file)) return;
            foreach (var dependency in file.Dependencies) Visit(dependency);
        }
        foreach (var file in from) Visit(file);
        return found;
    }

    static IEnumerable<(string Name, FileDescriptor File)> Symbols(FileDescriptor file) =>
        file.Services.SelectMany(service => service.Methods.Select(method => method.FullName).Prepend(service.FullName))
            .Concat(file.MessageTypes.SelectMany(Symbols)).Concat(file.EnumTypes.Select(type => type.FullName))
            .Concat(file.Extensions.UnorderedExtensions.Select(extension => extension.FullName)).Distinct().Select(name => (name, file));

    static IEnumerable<string> Symbols(MessageDescriptor type) =>
        type.NestedTypes.SelectMany(Symbols).Concat(type.EnumTypes.Select(nested => nested.FullName)).Prepend(type.FullName);
}
