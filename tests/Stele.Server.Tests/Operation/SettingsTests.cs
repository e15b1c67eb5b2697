using System.Text.Json;
using Microsoft.Extensions.Configuration;
using Stele.Core.Limits;
using Stele.Server.Options;
using Stele.Server.Tests.Fixtures;
using Xunit;

namespace Stele.Server.Tests.Operation;

public sealed class SettingsTests
{
    [Fact]
    public void Without_any_setting_the_defaults_hold()
    {
        var (options, problems) = SteleSettings.Read(Configuration());
        Assert.Empty(problems);
        Assert.Equal("127.0.0.1:7300", options!.Http.ToString());
        Assert.Null(options.Postgres);
        Assert.True(options.Migrate);
        Assert.Equal(Path.GetFullPath(".stele"), options.Data);
        Assert.Empty(options.Limits);
    }

    [Fact]
    public void All_problems_are_listed_at_once_and_none_shows_a_secret()
    {
        var (options, problems) = SteleSettings.Read(Configuration(
            ("STELE_POSTGRES", "postgres://me:hunter2@db/stele"), ("STELE_MIGRATE", "perhaps"), ("STELE_ROOT_TOKEN", "short hunter2"),
            ("STELE_HTTP", "7300"), ("STELE_GRPC", "::1:7301"), ("STELE_POSTGRES_BIN", "/nowhere/at/all"), ("STELE_LOG_FORMAT", "xml"),
            ("STELE_SLOW_STATEMENT_MS", "-1"), ("STELE_LIMIT_VALUE_BYTES", "0"), ("STELE_LIMIT_KEY_CHARACTERS", "300"), ("STELE_NODE", "a b")));
        Assert.Null(options);
        string[] named = ["STELE_POSTGRES ", "STELE_MIGRATE", "STELE_ROOT_TOKEN", "STELE_HTTP", "STELE_GRPC", "STELE_POSTGRES_BIN", "STELE_LOG_FORMAT",
            "STELE_SLOW_STATEMENT_MS", "STELE_LIMIT_VALUE_BYTES", "STELE_LIMIT_KEY_CHARACTERS", "STELE_NODE"];
        Assert.All(named, variable => Assert.Single(problems, problem => problem.StartsWith(variable, StringComparison.Ordinal)));
        Assert.Equal(named.Length, problems.Count);
        Assert.DoesNotContain(problems, problem => problem.Contains("hunter2", StringComparison.Ordinal));
    }

    [Fact]
    public void A_variable_wins_over_the_file_and_an_empty_one_does_not_count()
    {
        var (options, _) = SteleSettings.Read(Configuration(
            ("Stele:Node", "file"), ("STELE_NODE", "variable"), ("Stele:Data", "/tmp/of-the-file"), ("STELE_DATA", ""), ("STELE_LIMIT_QUEUE_COMMANDS", "9")));
        Assert.Equal("variable", options!.Node);
        Assert.Equal("/tmp/of-the-file", options.Data);
        Assert.Equal(9, options.Limits[SteleLimits.QueueCommands]);
    }

    [Fact]
    public void A_misspelt_variable_is_noticed()
    {
        var (options, _) = SteleSettings.Read(Configuration(("STELE_HTPP", "127.0.0.1:1"), ("STELE_TOKEN", "the client's"), ("STELE_HTTP", "[::1]:0")));
        Assert.Equal(["STELE_HTPP"], options!.UnknownVariables);
        Assert.Equal("[::1]:0", options.Http.ToString());
    }

    [Fact]
    public void Logins_without_the_owners_connection_and_one_port_for_two_are_refused()
    {
        var (_, problems) = SteleSettings.Read(Configuration(("STELE_POSTGRES_APP", "Host=db"), ("STELE_HTTP", "127.0.0.1:7300"), ("STELE_GRPC", "localhost:7300")));
        Assert.Equal(2, problems.Count);
    }

    [Fact]
    public void Every_setting_has_its_line_in_the_file_with_its_default()
    {
        using var file = JsonDocument.Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "appsettings.json")));
        var members = file.RootElement.GetProperty("Stele").EnumerateObject().Where(member => member.Name != "Limits")
            .Concat(file.RootElement.GetProperty("Stele").GetProperty("Limits").EnumerateObject())
            .ToDictionary(member => member.Name, member => member.Value.ToString());
        Assert.Equal(SteleSettings.All.ToDictionary(setting => setting.Member.Replace("Limits:", "", StringComparison.Ordinal), setting => setting.Default), members);
    }

    [Fact]
    public void Every_setting_has_its_row_in_the_documentation_with_its_default()
    {
        var rows = File.ReadAllLines(Path.Combine(Postgres.RepositoryRoot(), "docs/operations/settings.md")).Where(line => line.StartsWith("| `STELE_", StringComparison.Ordinal))
            .Select(line => line.Split('|', StringSplitOptions.TrimEntries)).ToDictionary(cells => cells[1].Trim('`'));
        Assert.Equal(SteleSettings.All.Select(setting => setting.Variable).Order(), rows.Keys.Order());
        Assert.All(SteleSettings.All.Where(setting => setting.Default.Length > 0), setting =>
            Assert.Equal(setting.Default, rows[setting.Variable][3].Trim('`').Replace(",", "", StringComparison.Ordinal)));
    }

    static IConfiguration Configuration(params (string Key, string Value)[] values) =>
        new ConfigurationBuilder().AddInMemoryCollection(values.Select(value => KeyValuePair.Create<string, string?>(value.Key, value.Value))).Build();
}
