namespace Stele.Fuzz.Wire;

/// <summary>
/// The server of a surface, made anew after so many inputs: what they wrote would pile up, and an organization that was archived refuses
/// everything that comes after.
/// </summary>
internal sealed class ServerLease(long inputsMax, Func<FuzzServer, Task>? prepare = null) : IAsyncDisposable
{
    readonly SemaphoreSlim gate = new(1);
    Held? current;
    long taken;

    /// <summary>Uses the server for some inputs.</summary>
    public async Task<T> Use<T>(int inputs, Func<FuzzServer, Task<T>> use)
    {
        var held = await Take(inputs);
        try
        {
            var before = held.Server.Errors;
            var result = await use(held.Server);
            held.Server.NothingLogged(before);
            return result;
        }
        finally
        {
            await GiveBack(held);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (current is not null) await current.Server.DisposeAsync();
        gate.Dispose();
    }

    async Task<Held> Take(int inputs)
    {
        await gate.WaitAsync();
        try
        {
            if (current is null || taken >= inputsMax)
            {
                if (current is { Users: 0 } idle) await idle.Server.DisposeAsync();
                (current, taken) = (new Held(await FuzzServer.Start()), 0);
                if (prepare is not null) await prepare(current.Server);
            }
            taken += inputs;
            current.Users++;
            return current;
        }
        finally
        {
            gate.Release();
        }
    }

    // one that was replaced goes with the last who uses it
    async Task GiveBack(Held held)
    {
        await gate.WaitAsync();
        try
        {
            if (--held.Users == 0 && held != current) await held.Server.DisposeAsync();
        }
        finally
        {
            gate.Release();
        }
    }

    sealed class Held(FuzzServer server)
    {
        public FuzzServer Server => server;

        public int Users { get; set; }
    }
}
