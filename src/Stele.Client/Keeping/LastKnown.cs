using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Threading.Channels;
using Stele.Client.Following;

namespace Stele.Client.Keeping;

/// <summary>
/// What was last in use, on disk, encrypted: replaced by renaming, so that a reader finds one or the other whole, and written
/// under a lock, so that two processes of one identity do not undo each other. Nothing that can go wrong here stops an app:
/// it is said once, and the app does without.
/// </summary>
internal sealed class LastKnown(string directory, Func<byte[]> secret, string identity, LastKnownOptions wish, TimeProvider clock, Action<SteleNotice> say)
{
    static readonly TimeSpan ConfirmEvery = TimeSpan.FromMinutes(1), WriteEvery = TimeSpan.FromSeconds(1), WriteEveryMax = TimeSpan.FromSeconds(8), LockPatience = TimeSpan.FromMilliseconds(250);
    const int NonceBytes = 12, TagBytes = 16;
    const UnixFileMode Private = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    readonly byte[] head = Encoding.ASCII.GetBytes($"stele-last-known 1 {identity}\n");
    readonly Channel<bool> due = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    readonly Lock gate = new();
    (Held Held, DateTimeOffset At) next;
    bool warned;
    DateTimeOffset written;
    DateTime left;

    internal string Place { get; } = Path.Combine(directory, identity, "last-known");

    /// <summary>What is there, if it can be used.</summary>
    internal (Held Held, DateTimeOffset ConfirmedAt)? Read()
    {
        try
        {
            if (!File.Exists(Place)) return null;
            var message = Open(File.ReadAllBytes(Place));
            var age = clock.GetUtcNow() - message.ConfirmedAt;
            if (age > wish.AgeMax)
            {
                say(new SteleNotice(SteleNoticeLevel.Warning, $"{Place} was confirmed {Ages.Of(age)} ago, which is more than the {Ages.Of(wish.AgeMax)} that may be, and is not used. A greater AgeMax allows it."));
                return null;
            }
            var held = message.ToHeld();
            if (held.Items.Values.FirstOrDefault(item => item.IsMissing) is not { } missing) return (held, message.ConfirmedAt);
            say(new SteleNotice(SteleNoticeLevel.Warning, $"{Place} is not used, because {missing.Key} stands for the secret {missing.Link!.Path}, and secrets are not kept there unless LastKnown.Secrets asks for it."));
            return null;
        }
        catch (Exception e) when (IsExpected(e))
        {
            say(new SteleNotice(SteleNoticeLevel.Warning, $"{Place} cannot be used, and is passed over: {Why(e)} It is written anew when a server answers; delete it if this stays."));
            return null;
        }
    }

    /// <summary>The same is in use still: written now and then, so that its age on disk is not much more than it is.</summary>
    internal void Confirm(Held held, DateTimeOffset at)
    {
        if (at - written >= ConfirmEvery) Due(held, at);
    }

    /// <summary>Something is in use that is to be kept: within a second, and where changes never end, with what comes within some.</summary>
    internal void Due(Held held, DateTimeOffset at)
    {
        lock (gate) next = (held, at);
        due.Writer.TryWrite(true);
    }

    /// <summary>Writes what is due, beside whoever waits for changes: a disk is slow.</summary>
    internal async Task Run(CancellationToken cancellation)
    {
        var pause = WriteEvery;
        await foreach (var _ in due.Reader.ReadAllAsync(cancellation))
        {
            // many processes hear of a change at once, and need not all write at once: beside them a database has a commit to make
            await Task.Delay(WriteEvery * Random.Shared.NextDouble(), clock, cancellation);
            due.Reader.TryRead(out bool _);
            (Held Held, DateTimeOffset At) now;
            lock (gate) now = next;
            // on a thread of its own: a disk may take its time, and the pool of a small machine has a thread for each core
            await Task.Factory.StartNew(() => Write(now.Held, now.At), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
            await Task.Delay(pause, clock, cancellation);
            pause = due.Reader.Count == 0 ? WriteEvery : TimeSpan.FromTicks(Math.Min(pause.Ticks * 2, WriteEveryMax.Ticks));
        }
    }

    /// <summary>Replaces what is there, unless another process has written something newer.</summary>
    internal void Write(Held held, DateTimeOffset at)
    {
        try
        {
            var home = Path.GetDirectoryName(Place)!;
            if (OperatingSystem.IsWindows()) Directory.CreateDirectory(home);
            else Directory.CreateDirectory(home, Private | UnixFileMode.UserExecute);
            using var locked = Lock(Path.Combine(home, "lock"));
            // whoever holds it writes what is no older
            if (locked is null || HasNewer(at)) return;
            var temporary = $"{Place}.{Environment.ProcessId}";
            try
            {
                using (var file = New(temporary))
                {
                    file.Write(Seal(JsonSerializer.SerializeToUtf8Bytes(KeptMessage.Of(held, at, wish.Secrets), SteleJson.Default.KeptMessage)));
                    file.Flush(flushToDisk: true);
                }
                File.Move(temporary, Place, overwrite: true);
            }
            finally
            {
                File.Delete(temporary);
            }
            (written, warned, left) = (at, false, File.GetLastWriteTimeUtc(Place));
        }
        catch (Exception e) when (IsExpected(e))
        {
            if (!warned) say(new SteleNotice(SteleNoticeLevel.Warning, $"What is known cannot be kept at {Place}, so a start without a server would have nothing: {Why(e)} Name a directory that can be written (LastKnown.Directory or STELE_CACHE), or turn it off."));
            warned = true;
        }
    }

    bool HasNewer(DateTimeOffset at)
    {
        try
        {
            // as this process left it: it need not be read again to know what is in it
            return File.GetLastWriteTimeUtc(Place) != left && File.Exists(Place) && Open(File.ReadAllBytes(Place)).ConfirmedAt > at;
        }
        catch (Exception e) when (IsExpected(e))
        {
            return false;
        }
    }

    FileStream? Lock(string path)
    {
        var pause = new SpinWait();
        for (var since = clock.GetTimestamp(); ;)
        {
            try
            {
                return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException) when (File.Exists(path) && clock.GetElapsedTime(since) < LockPatience)
            {
                pause.SpinOnce();
            }
            catch (IOException) when (File.Exists(path))
            {
                return null;
            }
        }
    }

    static FileStream New(string path)
    {
        var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = Private;
        return new FileStream(path, options);
    }

    /// <summary>A file of these bytes, which are zeroed.</summary>
    internal byte[] Seal(byte[] plain)
    {
        var file = new byte[head.Length + NonceBytes + plain.Length + TagBytes];
        head.CopyTo(file, 0);
        var nonce = file.AsSpan(head.Length, NonceBytes);
        RandomNumberGenerator.Fill(nonce);
        using var cipher = new AesGcm(Key(), TagBytes);
        cipher.Encrypt(nonce, plain, file.AsSpan(head.Length + NonceBytes, plain.Length), file.AsSpan(file.Length - TagBytes), head);
        CryptographicOperations.ZeroMemory(plain);
        return file;
    }

    KeptMessage Open(byte[] file)
    {
        if (!file.AsSpan().StartsWith("stele-last-known "u8)) throw new InvalidDataException("it is no file of Stele's.");
        if (file.Length < head.Length + NonceBytes + TagBytes || !file.AsSpan().StartsWith(head)) throw new InvalidDataException("it is of another identity or of another release, or was cut off.");
        var plain = new byte[file.Length - head.Length - NonceBytes - TagBytes];
        using var cipher = new AesGcm(Key(), TagBytes);
        cipher.Decrypt(file.AsSpan(head.Length, NonceBytes), file.AsSpan(head.Length + NonceBytes, plain.Length), file.AsSpan(file.Length - TagBytes), plain, head);
        try
        {
            return JsonSerializer.Deserialize(plain, SteleJson.Default.KeptMessage) is { IsWhole: true } message ? message : throw new InvalidDataException("it was written by another release.");
        }
        finally
        {
            CryptographicOperations.ZeroMemory(plain);
        }
    }

    byte[] Key() => HKDF.DeriveKey(HashAlgorithmName.SHA256, secret(), 32, info: head);

    // InvalidOperationException: JSON with half a character in it
    static bool IsExpected(Exception e) => e is IOException or UnauthorizedAccessException or CryptographicException or JsonException or InvalidDataException or NotSupportedException or InvalidOperationException or System.Security.SecurityException;

    static string Why(Exception e) => e is CryptographicException ? "it was changed or cut off, or was encrypted with another secret." : e.Message.EndsWith('.') ? e.Message : e.Message + ".";
}
