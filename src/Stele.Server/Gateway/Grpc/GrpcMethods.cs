using System.Collections.Frozen;
using Google.Protobuf.Reflection;
using Microsoft.AspNetCore.Routing.Patterns;
using Stele.Proto.V1;
using ServiceDescriptor = Google.Protobuf.Reflection.ServiceDescriptor;

namespace Stele.Server.Gateway.Grpc;

/// <summary>A call that there is.</summary>
/// <param name="Descriptor">Its contract.</param>
/// <param name="Route">The HTTP operation that it is another spelling of; null: it has a handler of its own.</param>
/// <param name="Endpoint">What answers it.</param>
internal sealed record GrpcMethod(MethodDescriptor Descriptor, GrpcRoute? Route, Endpoint Endpoint)
{
    /// <summary>Whether messages go either way more than once.</summary>
    public bool IsStream => Descriptor.IsClientStreaming || Descriptor.IsServerStreaming;
}

/// <summary>Every call by its path, made of the contract in proto/ and bound to the routes of HTTP at start.</summary>
internal sealed class GrpcMethods
{
    FrozenDictionary<string, GrpcMethod> methods = FrozenDictionary<string, GrpcMethod>.Empty;

    /// <summary>The files of the contract.</summary>
    public static IReadOnlyList<FileDescriptor> Files { get; } =
    [
        AccessReflection.Descriptor, AuditReflection.Descriptor, ConfigReflection.Descriptor, EnvironmentReflection.Descriptor, EvaluationReflection.Descriptor, FlagReflection.Descriptor, JournalReflection.Descriptor, NodeReflection.Descriptor,
        OrgReflection.Descriptor, SecretReflection.Descriptor, WatchReflection.Descriptor, WebhookReflection.Descriptor,
        Proto.Rpc.ErrorDetailsReflection.Descriptor, Proto.Rpc.StatusReflection.Descriptor,
        Proto.Health.V1.HealthReflection.Descriptor, Proto.Reflection.V1.ReflectionReflection.Descriptor, Proto.Reflection.V1Alpha.ReflectionReflection.Descriptor,
    ];

    /// <summary>Every service.</summary>
    public static IEnumerable<ServiceDescriptor> Services => Files.SelectMany(file => file.Services);

    /// <summary>What a call gets that there is not; behind the gate, like all that tells what there is.</summary>
    public static Endpoint NoSuch { get; } = new(context =>
    {
        context.Features.Get<GrpcCall>()!.End(new GrpcStatus(GrpcCode.Unimplemented, $"There is no call {context.Request.Path.Value}."));
        return Task.CompletedTask;
    }, EndpointMetadataCollection.Empty, "no such call");

    /// <summary>The route that a method is annotated with, or null.</summary>
    public static GrpcRoute? RouteOf(MethodDescriptor method) =>
        method.GetOptions()?.GetExtension(HttpExtensions.Http) is { Length: > 0 } option ? GrpcRoute.Parse(option) : null;

    /// <summary>The call at a path, or null.</summary>
    public GrpcMethod? Find(string path) => methods.GetValueOrDefault(path);

    /// <summary>Finds what answers each call. Throws for one that nothing answers: the contract promises what is not there.</summary>
    /// <param name="routes">Every route of HTTP.</param>
    /// <param name="handlers">By path, what no route answers.</param>
    public void Bind(IReadOnlyList<RouteEndpoint> routes, IReadOnlyDictionary<string, GrpcHandler> handlers) => Bind(Services, routes, handlers);

    /// <summary>The same, of other services than those of this contract.</summary>
    public void Bind(IEnumerable<ServiceDescriptor> services, IReadOnlyList<RouteEndpoint> routes, IReadOnlyDictionary<string, GrpcHandler> handlers) =>
        methods = services.SelectMany(service => service.Methods).ToFrozenDictionary(PathOf, method => Bound(method, routes, handlers));

    /// <summary>The path of a call.</summary>
    public static string PathOf(MethodDescriptor method) => $"/{method.Service.FullName}/{method.Name}";

    static GrpcMethod Bound(MethodDescriptor method, IReadOnlyList<RouteEndpoint> routes, IReadOnlyDictionary<string, GrpcHandler> handlers)
    {
        var route = RouteOf(method);
        var handler = handlers.GetValueOrDefault(PathOf(method));
        if (handler is null)
        {
            if (route is null) throw new InvalidOperationException($"{method.FullName} has no handler");
            var target = routes.FirstOrDefault(endpoint => endpoint.RoutePattern.RawText == route.Pattern
                && endpoint.Metadata.GetMetadata<IHttpMethodMetadata>()?.HttpMethods.Contains(route.Verb) == true)
                ?? throw new InvalidOperationException($"{method.FullName} is {route.Verb} {route.Pattern}, which is no route");
            return new GrpcMethod(method, route, new RouteEndpoint(context => Spelled(context, target.RequestDelegate!), target.RoutePattern, 0, target.Metadata, method.FullName));
        }
        return new GrpcMethod(method, route, new RouteEndpoint(context => handler.Handle(context.Features.Get<GrpcCall>()!), RoutePatternFactory.Parse(PathOf(method)), 0,
            new EndpointMetadataCollection(new HttpMethodMetadata([HttpMethods.Post])), method.FullName));
    }

    /// <summary>The message as the request of the route, and then the route.</summary>
    static async Task Spelled(HttpContext context, RequestDelegate target)
    {
        if (await context.Features.Get<GrpcCall>()!.ReadSpelled()) await target(context);
    }
}
