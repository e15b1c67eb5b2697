using System.Globalization;

namespace Stele.Cli;

/// <summary>How far long work has come (with a total of 0: how much is done, because nobody knows of how much): a bar where a terminal can show one, else a line at every tenth. On standard error, because the answer is on standard output.</summary>
internal sealed class Progress(Surroundings surroundings, string what, long total) : IDisposable
{
    const int Width = 30;
    const long LinesFrom = 10, CountStep = 1_000;
    long shown = -1;
    bool open;

    internal void Report(long done)
    {
        if (total == 0)
        {
            Count(done);
            return;
        }
        done = Math.Clamp(done, 0, total);
        var share = done * 100 / total;
        if (surroundings.ErrorIsTerminal)
        {
            if (share == shown && done < total) return;
            var full = (int)(share * Width / 100);
            surroundings.Error.Write(string.Create(CultureInfo.InvariantCulture, $"\r{what} [{new string('#', full)}{new string('-', Width - full)}] {share,3} %  {done:N0} of {total:N0}"));
            surroundings.Error.Flush();
            open = true;
        }
        else
        {
            share -= share % LinesFrom;
            if (share == shown) return;
            surroundings.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{what}: {done:N0} of {total:N0}"));
        }
        shown = share;
    }

    void Count(long done)
    {
        if (done < shown + CountStep || !surroundings.ErrorIsTerminal) return;
        surroundings.Error.Write(string.Create(CultureInfo.InvariantCulture, $"\r{what} {done:N0}"));
        surroundings.Error.Flush();
        (open, shown) = (true, done);
    }

    /// <summary>What comes next on the terminal is on a line of its own, however this ended.</summary>
    public void Dispose()
    {
        if (open) surroundings.Error.WriteLine();
        open = false;
    }
}
