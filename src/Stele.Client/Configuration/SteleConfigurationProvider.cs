using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;
using Stele.Client.Following;

namespace Stele.Client.Configuration;

/// <summary>An environment of Stele as a provider of configuration, for as long as the configuration lives.</summary>
internal sealed class SteleConfigurationProvider(Uri url, SteleOptions options) : ConfigurationProvider, IDisposable
{
    [ThreadStatic]
    static Pin? pinned;

    static readonly TimeSpan AttachPatience = TimeSpan.FromSeconds(10);
    readonly Lock gate = new(), admitting = new();
    volatile ConfigurationView view = ConfigurationView.Empty;
    ConfigurationView latest = ConfigurationView.Empty;
    Following.Held values = Following.Held.Nothing;
    Following.Held? secrets;
    long loaded;
    volatile bool attached;
    bool heldBack, saidSo;
    IReadOnlyList<Func<string?>> checks = [];
    volatile ILogger? logger;
    HashSet<string> told = [];
    SteleClient? client;
    bool started;

    internal SteleClient Client => client ?? throw new InvalidOperationException("The configuration is not built yet.");

    /// <summary>Once, when the configuration is built; a reload of the whole configuration reads nothing, because what is new is there already.</summary>
    public override void Load()
    {
        lock (gate)
        {
            if (client is not null) return;
            client = options.Handler is { } handler ? new SteleClient(ClientOptions(), handler()) : new SteleClient(ClientOptions());
        }
        // there is no other way: a configuration is built synchronously, and nothing can be done before it is
        Task.Run(Start).GetAwaiter().GetResult();
        loaded = options.Clock.GetTimestamp();
        started = true;
    }

    /// <inheritdoc/>
    public override bool TryGet(string key, out string? value) => Now.TryGet(key, out value);

    /// <summary>A text that the app sets itself holds until the next change.</summary>
    public override void Set(string key, string? value) => view = view.With(key, value);

    /// <inheritdoc/>
    public override IEnumerable<string> GetChildKeys(IEnumerable<string> earlierKeys, string? parentPath) => Now.ChildKeys(earlierKeys, parentPath);

    /// <summary>What is said goes to the app's log from now on, and what is to be valid on change is.</summary>
    internal void Attach(ILogger log, IReadOnlyList<Func<string?>> validations)
    {
        logger = log;
        checks = validations;
        Move();
    }

    /// <summary>Whoever binds does so of whole revisions from now on: changes come in.</summary>
    internal void Move()
    {
        lock (gate)
        {
            if (attached) return;
            attached = true;
            if (!heldBack) return;
            view = latest;
        }
        OnReload();
    }

    /// <summary>Holds on to one revision on this thread, so that what is read of it is of one piece.</summary>
    internal Held HoldStill() => Held.Put(this, Now);

    public void Dispose() => client?.Dispose();

    ConfigurationView Now
    {
        get
        {
            for (var pin = pinned; pin is not null; pin = pin.Outer)
                if (ReferenceEquals(pin.Of, this)) return pin.View;
            return view;
        }
    }

    async Task Start()
    {
        try
        {
            var follow = new FollowOptions
            {
                Environment = options.Environment ?? ProcessSettings.Given("STELE_ENV"), Prefixes = [.. options.Prefixes.Append(options.Prefix ?? "").Where(prefix => prefix.Length > 0)], Flags = options.Flags, SecretPrefixes = [.. options.SecretPrefixes],
                AtStart = options.AtStart, StartTimeout = options.StartTimeout, LastKnown = options.LastKnown is { } kept ? kept with { Application = kept.Application ?? options.Application } : null, Notice = Say,
            };
            await client!.Begin(follow, Admit, CancellationToken.None);
        }
        catch (SteleException e)
        {
            await client!.DisposeAsync();
            throw new SteleException(e.Code, e.Status, $"The configuration could not be read, so the app does not start: {Advice.Of(e)}", e.RequestId, e.Errors);
        }
    }

    SteleClientOptions ClientOptions()
    {
        var file = options.TokenFile is { } path ? new TokenFileReader(path, options.Clock) : null;
        return new SteleClientOptions
        {
            Url = url, Endpoints = [.. options.Endpoints.Select(SteleConfigurationExtensions.Address)], Token = options.Token ?? (file is null ? ProcessSettings.Given("STELE_TOKEN") : null), TokenSource = file is null ? null : file.Read,
            Organization = options.Organization, Clock = options.Clock, Name = options.Application ?? System.Reflection.Assembly.GetEntryAssembly()?.GetName().Name,
        };
    }

    // values and secrets come by followers of their own, one of them at a time
    string? Admit(string kind, Following.Held next)
    {
        lock (admitting)
        {
            if (kind == "config") values = next;
            else secrets = next;
            return Admit(ConfigurationView.Of(secrets is null ? values : values.Beside(secrets), latest));
        }
    }

    string? Admit(ConfigurationView candidate)
    {
        latest = candidate;
        foreach (var problem in candidate.Problems.Where(problem => !told.Contains(problem))) Say(new SteleNotice(SteleNoticeLevel.Warning, problem));
        told = [.. candidate.Problems];
        using (Held.Put(this, candidate))
            foreach (var check in checks)
                if (check() is { } reason) return reason;
        ConfigurationView before;
        lock (gate)
        {
            if (started && !attached && !options.WithoutServices)
            {
                // whoever binds now does so key by key: what he sees stands still until services bind whole revisions
                heldBack = true;
                SayHeldBack();
                return null;
            }
            before = view;
            view = candidate;
        }
        if (!started) return null;
        try
        {
            OnReload();
            return null;
        }
        catch (Exception e)
        {
            view = before;
            try
            {
                OnReload();
            }
            catch (Exception)
            {
                // who listens fails whatever it is told
            }
            return (e is AggregateException { InnerException: { } inner } ? inner : e).Message;
        }
    }

    void SayHeldBack()
    {
        if (saidSo || options.Clock.GetElapsedTime(loaded) < AttachPatience) return;
        saidSo = true;
        Say(new SteleNotice(SteleNoticeLevel.Warning, "A change has come and is not used, because nothing binds whole revisions: call builder.AddStele, or builder.Services.AddStele(builder.Configuration), and start the host; or set WithoutServices."));
    }

    void Say(SteleNotice notice)
    {
        if (options.Notice is { } own) own(notice);
        else if (logger is { } log) ClientLog.Said(log, notice.Level == SteleNoticeLevel.Warning ? LogLevel.Warning : LogLevel.Information, notice.Text);
        else if (notice.Level == SteleNoticeLevel.Warning) Console.Error.WriteLine($"stele: {notice.Text}");
    }

    /// <summary>A revision that is held on to, until this is disposed of; on one thread.</summary>
    internal readonly struct Held : IDisposable
    {
        internal static Held Put(SteleConfigurationProvider provider, ConfigurationView view)
        {
            pinned = new Pin(provider, view, pinned);
            return default;
        }

        public void Dispose() => pinned = pinned?.Outer;
    }

    sealed record Pin(SteleConfigurationProvider Of, ConfigurationView View, Pin? Outer);
}

internal static partial class ClientLog
{
    [LoggerMessage(EventId = 1, Message = "{Text}")]
    public static partial void Said(ILogger logger, LogLevel level, string text);
}
