namespace Stele.Server.Watch;

/// <summary>Says that there is something to look at; said twice before anybody looked, it is said once. For one who waits.</summary>
internal sealed class WatchSignal
{
    readonly Lock gate = new();
    TaskCompletionSource? waiting;
    bool said;

    /// <summary>Says it. Whoever waits goes on elsewhere, never in this call.</summary>
    public void Set()
    {
        TaskCompletionSource? woken;
        lock (gate)
        {
            (woken, waiting) = (waiting, null);
            said = woken is null;
        }
        woken?.TrySetResult();
    }

    /// <summary>Ends when it has been said since the last wait.</summary>
    public Task Wait()
    {
        lock (gate)
        {
            if (said)
            {
                said = false;
                return Task.CompletedTask;
            }
            return (waiting ??= new(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
        }
    }
}
