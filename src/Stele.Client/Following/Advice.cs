namespace Stele.Client.Following;

/// <summary>A failure in words, with what to do about it.</summary>
internal static class Advice
{
    internal static string Of(SteleException failure)
    {
        var detail = failure.Detail.EndsWith('.') ? failure.Detail : failure.Detail + ".";
        return Next(failure) is { } next ? $"{detail} {next}" : detail;
    }

    static string? Next(SteleException failure) => failure.Code switch
    {
        SteleException.Unreachable => "Is Stele running there, and is that its address?",
        SteleException.TimedOut => "Is something between that drops what is sent?",
        SteleException.BadAnswer => "Something else than Stele listens there: look at the port.",
        "unauthenticated" => "The token is unknown, revoked or has expired: give the app another one.",
        "forbidden" => "The token may not read this: give it config:read (flag:read for flags) on the environment and prefix, or ask for less.",
        "not_found" => "Look at the name of the environment.",
        _ => null,
    };
}

/// <summary>Ages as people say them.</summary>
internal static class Ages
{
    internal static string Of(TimeSpan age) => age.TotalSeconds < 120 ? $"{Math.Max(0, (long)age.TotalSeconds)} seconds" : age.TotalMinutes < 120 ? $"{(long)age.TotalMinutes} minutes"
        : age.TotalHours < 48 ? $"{(long)age.TotalHours} hours" : $"{(long)age.TotalDays} days";
}
