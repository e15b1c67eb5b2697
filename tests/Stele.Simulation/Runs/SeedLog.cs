using Microsoft.Extensions.Logging;
using Xunit;

namespace Stele.Simulation.Runs;

/// <summary>What the nodes log, for looking at one seed.</summary>
internal sealed class SeedLog(ITestOutputHelper output) : ILoggerFactory, ILogger
{
    public ILogger CreateLogger(string categoryName) => this;

    public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException();

    public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        output.WriteLine($"{SynchronizationContext.Current} {logLevel}: {formatter(state, exception)} {exception}");

    public void Dispose()
    {
    }
}
