using Stele.Client;

// Works through a queue of numbers, one a second, and asks a flag how: the set of flags is in this process, so that asking
// costs nothing and never waits.
await using var stele = new SteleClient(new SteleClientOptions
{
    Url = new Uri(Environment.GetEnvironmentVariable("STELE_URL") ?? "http://127.0.0.1:7300"),
    Token = Environment.GetEnvironmentVariable("STELE_TOKEN"),
    Name = "worker",
});
using var stop = new CancellationTokenSource();
Console.CancelKeyPress += (_, pressed) =>
{
    pressed.Cancel = true;
    stop.Cancel();
};
await stele.FollowAsync(new FollowOptions { Environment = Environment.GetEnvironmentVariable("STELE_ENV"), Values = false, Flags = true }, stop.Token);
using var clock = new PeriodicTimer(TimeSpan.FromMilliseconds(200));
try
{
    for (var job = 1; await clock.WaitForNextTickAsync(stop.Token); job++)
    {
        var who = FlagSubject.Of($"job-{job}").With("even", job % 2 == 0);
        Console.WriteLine(stele.Flags.GetBoolean("worker-fast-path", false, who) ? $"job {job}: fast" : $"job {job}: slow");
    }
}
catch (OperationCanceledException)
{
    // told to stop; what was counted is told when the client ends
}
