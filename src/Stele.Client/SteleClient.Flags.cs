using System.Text.Json;

namespace Stele.Client;

/// <summary>Flags: their definitions, whole sets of them, and their use.</summary>
public sealed partial class SteleClient
{
    /// <summary>A flag, now or in the past.</summary>
    public Task<FlagItem> GetFlagAsync(string name, ConfigRead read, CancellationToken cancellationToken) =>
        transport.Get(FlagPath(name, "", read.Environment).With("consistency", read.Consistency)
            .With("max_staleness", read.StalenessMax is { } age ? FormattableString.Invariant($"{age.TotalMilliseconds:0}ms") : null)
            .With("version", read.Version).With("revision", read.Revision).With("at", read.At).ToString(), SteleJson.Default.FlagItem, cancellationToken);

    /// <summary>Defines a flag, or turns its switches. With <paramref name="dryRun"/> nothing is written, and the answer is what would be.</summary>
    public Task<FlagItem> SetFlagAsync(string name, string? environment, FlagWrite set, bool dryRun, CancellationToken cancellationToken) =>
        transport.Write(HttpMethod.Put, FlagPath(name, "", environment).With("dry_run", dryRun ? "true" : null).ToString(), set, SteleJson.Default.FlagWrite, SteleJson.Default.FlagItem, cancellationToken);

    /// <summary>Deletes a flag, which is a version of its own; only at <paramref name="expectedVersion"/> unless that is null.</summary>
    public Task<FlagItem> DeleteFlagAsync(string name, string? environment, long? expectedVersion, string? changeLog, CancellationToken cancellationToken) =>
        transport.Call(HttpMethod.Delete, FlagPath(name, "", environment).With("expected_version", expectedVersion).With("change_log", changeLog).ToString(), null, SteleJson.Default.FlagItem, cancellationToken);

    /// <summary>One page of flags.</summary>
    public Task<FlagPage> ListFlagsAsync(FlagList list, CancellationToken cancellationToken) => transport.Get(PathOf(list), SteleJson.Default.FlagPage, cancellationToken);

    internal Task<(FlagPage Page, string? Place)> ListFlagsAt(FlagList list, CancellationToken cancellation) => transport.GetAt(PathOf(list), SteleJson.Default.FlagPage, cancellation);

    static string PathOf(FlagList list) => new QueryText("/v1/flags").With("env", list.Environment).With("prefix", list.Prefix).With("archived", list.Archived ? "true" : null)
            .With("stale", list.StaleDays is null ? null : "true").With("days", list.StaleDays).With("limit", list.Limit).With("cursor", list.Cursor)
            .With("revision", list.Revision).With("at", list.At).ToString();

    /// <summary>One page of a flag's versions, newest first.</summary>
    public Task<FlagHistory> GetFlagHistoryAsync(string name, string? environment, int? limit, string? cursor, CancellationToken cancellationToken) =>
        transport.Get(FlagPath(name, "/history", environment).With("limit", limit).With("cursor", cursor).ToString(), SteleJson.Default.FlagHistory, cancellationToken);

    /// <summary>Writes an old definition as a new version.</summary>
    public Task<FlagItem> RollbackFlagAsync(string name, string? environment, ConfigRollback rollback, bool dryRun, CancellationToken cancellationToken) =>
        transport.Write(HttpMethod.Post, FlagPath(name, "/rollback", environment).With("dry_run", dryRun ? "true" : null).ToString(), rollback, SteleJson.Default.ConfigRollback, SteleJson.Default.FlagItem, cancellationToken);

    /// <summary>Writes a flagd file as one revision; what is equal is left alone.</summary>
    /// <param name="environment">The environment; null: the default one.</param>
    /// <param name="file">The file, in UTF-8.</param>
    /// <param name="isYaml">Whether it is YAML, and not JSON.</param>
    /// <param name="replace">Whether what it does not name is deleted.</param>
    /// <param name="dryRun">Whether nothing is written, and only told what would be.</param>
    /// <param name="changeLog">Why, or null.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public Task<FlagsWritten> ImportFlagsAsync(string? environment, byte[] file, bool isYaml, bool replace, bool dryRun, string? changeLog, CancellationToken cancellationToken) =>
        transport.Call(HttpMethod.Post, new QueryText("/v1/flags/import").With("env", environment).With("mode", replace ? "replace" : null).With("dry_run", dryRun ? "true" : null)
            .With("change_log", changeLog).ToString(), file, SteleJson.Default.FlagsWritten, cancellationToken, isYaml ? "application/yaml" : null);

    /// <summary>The whole environment as a flagd file, given to <paramref name="take"/>.</summary>
    /// <param name="read">Of which environment, and when.</param>
    /// <param name="format"><c>json</c>, <c>yaml</c> or <c>flagd</c>.</param>
    /// <param name="take">Reads the stream to its end.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public Task ExportFlagsAsync(ConfigRead read, string format, Func<Stream, Task> take, CancellationToken cancellationToken) =>
        transport.Download(new QueryText("/v1/flags/export").With("env", read.Environment).With("format", format).With("revision", read.Revision).With("at", read.At).ToString(), take, cancellationToken);

    /// <summary>Writes flags of one environment in another, as one revision; what is equal is left alone.</summary>
    public Task<FlagsWritten> CopyFlagsAsync(FlagCopy copy, bool dryRun, CancellationToken cancellationToken) =>
        transport.Write(HttpMethod.Post, new QueryText("/v1/flags/copy").With("dry_run", dryRun ? "true" : null).ToString(), copy, SteleJson.Default.FlagCopy, SteleJson.Default.FlagsWritten, cancellationToken);

    /// <summary>Has the server evaluate a flag for somebody (OFREP), now or as of a moment; <c>not_found</c> if there is none.</summary>
    /// <param name="name">The flag.</param>
    /// <param name="context">Who asks: an object with <c>targetingKey</c> and any attributes; null: nobody in particular.</param>
    /// <param name="read">Of which environment, how, and as of when.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public Task<FlagAnswer> EvaluateFlagAsync(string name, JsonElement? context, ConfigRead read, CancellationToken cancellationToken) =>
        transport.Write(HttpMethod.Post, Evaluated($"/ofrep/v1/evaluate/flags/{Uri.EscapeDataString(name)}", read), new EvaluationBody(context), SteleJson.Default.EvaluationBody, SteleJson.Default.FlagAnswer, cancellationToken);

    /// <summary>Has the server evaluate all flags for somebody.</summary>
    public Task<FlagAnswers> EvaluateFlagsAsync(JsonElement? context, ConfigRead read, CancellationToken cancellationToken) =>
        transport.Write(HttpMethod.Post, Evaluated("/ofrep/v1/evaluate/flags", read), new EvaluationBody(context), SteleJson.Default.EvaluationBody, SteleJson.Default.FlagAnswers, cancellationToken);

    /// <summary>Shows the way that somebody takes through a flag's rule; members may grow.</summary>
    public Task<JsonElement> ExplainFlagAsync(string name, JsonElement? context, ConfigRead read, CancellationToken cancellationToken) =>
        transport.Write(HttpMethod.Post, "/v1/flags/explain", new ExplanationBody(name, context, read.Environment, read.At, read.Revision), SteleJson.Default.ExplanationBody, SteleJson.Default.JsonElement, cancellationToken);

    /// <summary>Which flags answer somebody otherwise in one state than in another, each <c>env</c>, <c>env@revision</c> or <c>env@time</c>; members may grow.</summary>
    public Task<JsonElement> CompareFlagsAsync(JsonElement? context, string from, string to, CancellationToken cancellationToken) =>
        transport.Write(HttpMethod.Post, "/v1/flags/compare", new ComparisonBody(context, from, to), SteleJson.Default.ComparisonBody, SteleJson.Default.JsonElement, cancellationToken);

    /// <summary>Tells what an evaluator in a process of its own did since it last told.</summary>
    public Task<FlagUsageTaken> ReportFlagUsageAsync(string? environment, FlagUsageReport report, CancellationToken cancellationToken) =>
        transport.Write(HttpMethod.Post, new QueryText("/v1/flags/usage").With("env", environment).ToString(), report, SteleJson.Default.FlagUsageReport, SteleJson.Default.FlagUsageTaken, cancellationToken);

    static string Evaluated(string path, ConfigRead read) => new QueryText(path).With("env", read.Environment).With("consistency", read.Consistency)
        .With("max_staleness", read.StalenessMax is { } age ? FormattableString.Invariant($"{age.TotalMilliseconds:0}ms") : null).With("at", read.At).With("revision", read.Revision).ToString();

    static QueryText FlagPath(string name, string below, string? environment) => new QueryText($"/v1/flags/{Uri.EscapeDataString(name)}{below}").With("env", environment);
}
