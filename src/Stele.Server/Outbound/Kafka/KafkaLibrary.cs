using System.Reflection;
using System.Runtime.InteropServices;
using Confluent.Kafka;
using Stele.Server.Options;

namespace Stele.Server.Outbound.Kafka;

/// <summary>Has the client use the system's librdkafka, which it would look for beside itself.</summary>
internal static class KafkaLibrary
{
    static readonly Lazy<bool> loaded = new(Load);

    /// <summary>Loads it, once. <see cref="SteleSettings"/> has found it before.</summary>
    public static void Use() => _ = loaded.Value;

    static bool Load()
    {
        NativeLibrary.SetDllImportResolver(typeof(Library).Assembly, Resolve);
        return Library.Load(SteleSettings.KafkaLibrary);
    }

    static nint Resolve(string name, Assembly assembly, DllImportSearchPath? path) => name switch
    {
        "librdkafka" => NativeLibrary.Load(SteleSettings.KafkaLibrary),
        // without a version it is only where people compile
        "libdl" => NativeLibrary.Load("libdl.so.2"),
        _ => 0,
    };
}
