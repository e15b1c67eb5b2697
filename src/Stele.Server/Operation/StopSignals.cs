using System.Runtime.InteropServices;

namespace Stele.Server.Operation;

/// <summary>SIGTERM, SIGINT and SIGHUP as one token, from the first moment on: also while the database starts.</summary>
internal sealed class StopSignals : IDisposable
{
    readonly CancellationTokenSource stop = new();
    readonly PosixSignalRegistration[] registrations;

    public StopSignals() => registrations =
        [.. new[] { PosixSignal.SIGTERM, PosixSignal.SIGINT, PosixSignal.SIGHUP }.Select(signal => PosixSignalRegistration.Create(signal, Stop))];

    /// <summary>Cancelled by the first signal.</summary>
    public CancellationToken Token => stop.Token;

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var registration in registrations) registration.Dispose();
        stop.Dispose();
    }

    void Stop(PosixSignalContext context)
    {
        // the process ends by itself, when what is queued is done
        context.Cancel = true;
        stop.Cancel();
    }
}
