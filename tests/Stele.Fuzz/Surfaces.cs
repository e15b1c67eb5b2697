using Stele.Fuzz.Pure;
using Stele.Fuzz.Running;
using Stele.Fuzz.Wire;

namespace Stele.Fuzz;

/// <summary>Every surface there is.</summary>
internal static class Surfaces
{
    /// <summary>Those that are code alone, and take as many inputs a second as the machine has cycles.</summary>
    public static IReadOnlyList<(string Name, Func<Task<ISurface>> Open)> Pure { get; } =
    [
        ("json", () => Of(JsonSurface.Surface())), ("query", () => Of(QuerySurface.Surface())), ("bodies", () => Of(BodySurface.Surface())), ("schema", () => Of(SchemaSurface.Surface())), ("flags", () => Of(FlagSurface.Surface())),
        ("import", () => Of(ImportSurface.Surface())), ("jwt", () => Of(JwtSurface.Surface())), ("protobuf", () => Of(ProtobufSurface.Surface())),
        ("names", () => Of(NameSurface.Surface())), ("kept", () => Of(KeptSurface.Surface())), ("templates", () => Of(TemplateSurface.Surface())), ("code", () => Of(CodeSurface.Surface())),
    ];

    /// <summary>All of them.</summary>
    public static IReadOnlyList<(string Name, Func<Task<ISurface>> Open)> All { get; } =
    [
        .. Pure,
        ("http", () => Of(new HttpSurface())), ("websocket", () => Of(new SocketSurface())), ("grpc", () => Of(GrpcSurface.Own())), ("http2", () => Of(new H2Surface())),
        ("events", () => Of(new EventSurface())), ("flagd", () => Of(GrpcSurface.Flagd())),
    ];

    /// <summary>How many inputs each run of the tests gives to one: together they take less than a minute.</summary>
    public static int InputsInCi(string name) => name switch
    {
        "schema" or "flags" or "import" or "kept" or "code" => 4_000,
        "http" or "websocket" or "grpc" or "http2" or "events" or "flagd" => 4_000,
        _ => 12_000,
    };

    /// <summary>Makes one ready.</summary>
    public static Task<ISurface> Open(string name) => All.Single(surface => surface.Name == name).Open();

    static Task<ISurface> Of(ISurface surface) => Task.FromResult(surface);
}
