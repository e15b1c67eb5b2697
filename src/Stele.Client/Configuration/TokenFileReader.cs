namespace Stele.Client.Configuration;

/// <summary>The token of a file, read again when the file has changed; the last one while it cannot be read.</summary>
internal sealed class TokenFileReader(string path, TimeProvider clock)
{
    static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(1);
    readonly Lock gate = new();
    string? token;
    DateTime changed;
    long looked;

    internal string? Read()
    {
        lock (gate)
        {
            if (token is not null && clock.GetElapsedTime(looked) < LookEvery) return token;
            looked = clock.GetTimestamp();
            try
            {
                var now = File.GetLastWriteTimeUtc(path);
                if (token is null || now != changed) (token, changed) = (File.ReadAllText(path).Trim(), now);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException && token is not null)
            {
                // it is being replaced
            }
            return token;
        }
    }
}
