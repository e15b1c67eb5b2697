using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Stele.Server.Options;

/// <summary>The half that knows of Redis, and of what carries hints.</summary>
internal sealed partial class SteleSettings
{
    static readonly string[] carriers = ["notify", "redis", "kafka"];

    string? RedisServers()
    {
        if (Given(Redis) is not { } text) return null;
        try
        {
            if (StackExchange.Redis.ConfigurationOptions.Parse(text).EndPoints.Count > 0) return text;
        }
        catch (Exception failure) when (failure is ArgumentException or FormatException)
        {
            // the failure's message may quote what was given, password included
        }
        problems.Add($"{Redis.Variable} is not a list of servers such as redis1:6379,redis2:6379,password=….");
        return null;
    }

    string? RedisPassword()
    {
        if (Given(RedisPasswordFile) is not { } path) return null;
        try
        {
            if (System.IO.File.ReadAllText(path).TrimEnd('\r', '\n') is { Length: > 0 } text) return text;
            problems.Add($"{RedisPasswordFile.Variable} is '{path}', which is empty.");
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            problems.Add($"{RedisPasswordFile.Variable} is '{path}', which cannot be read.");
        }
        return null;
    }

    X509Certificate2Collection? Authorities(Setting setting)
    {
        if (Given(setting) is not { } path) return null;
        try
        {
            var authorities = new X509Certificate2Collection();
            authorities.ImportFromPemFile(path);
            if (authorities.Count > 0) return authorities;
            problems.Add($"{setting.Variable} is '{path}', in which there is no certificate.");
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or CryptographicException)
        {
            problems.Add($"{setting.Variable} is '{path}', which is no PEM file that can be read.");
        }
        return null;
    }

    IReadOnlyList<string>? HintCarriers()
    {
        if (Given(Hints) is not { } text) return null;
        if (text == "none") return [];
        var names = text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        foreach (var name in names)
            if (!carriers.Contains(name)) problems.Add($"{Hints.Variable} has '{name}'; write some of {string.Join(", ", carriers)}, with commas between them, or none.");
        if (names.Contains("redis") && Given(Redis) is null) problems.Add($"{Hints.Variable} has redis, and {Redis.Variable} is not set.");
        if (names.Contains("kafka") && Given(OutboundSettings.Kafka) is null) problems.Add($"{Hints.Variable} has kafka, and {OutboundSettings.Kafka.Variable} is not set.");
        return names;
    }
}
