using System.Globalization;
using System.Security;
using System.Text;

namespace Stele.Prove.Report;

/// <summary>One line of a plot: a value for each second.</summary>
internal sealed record Series(string Name, string Colour, IReadOnlyList<double> Values);

/// <summary>Something that lasted, in a lane below the plots. Times in milliseconds.</summary>
internal sealed record Bar(string Lane, string Name, string Detail, double From, double To);

/// <summary>A picture of a run over time, as SVG: plots one under the other, and lanes of bars below them.</summary>
internal static class Timeline
{
    const int Left = 90, Right = 20, PlotHeight = 130, Gap = 34, LaneHeight = 26;

    public static string Draw(string title, double milliseconds, IReadOnlyList<(string Title, IReadOnlyList<Series> Series)> plots, IReadOnlyList<Bar> bars)
    {
        var seconds = Math.Max(1, milliseconds / 1e3);
        var plotWidth = (int)Math.Clamp(seconds * 4, 900, 2_800);
        var lanes = bars.Select(bar => bar.Lane).Distinct().Order(StringComparer.Ordinal).ToList();
        var height = 40 + (plots.Count * (PlotHeight + Gap)) + (lanes.Count * LaneHeight) + 40;
        var svg = new StringBuilder();
        svg.Append(CultureInfo.InvariantCulture, $"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {Left + plotWidth + Right} {height}" font-family="sans-serif" font-size="11">""").Append('\n');
        svg.Append("""<rect width="100%" height="100%" fill="white"/>""").Append('\n');
        Text(svg, Left, 20, title, "start", 14);
        double X(double at) => Left + (at / 1e3 / seconds * plotWidth);
        var top = 40;
        var bottom = 40 + (plots.Count * (PlotHeight + Gap)) + (lanes.Count * LaneHeight);
        foreach (var bar in bars)
            svg.Append(CultureInfo.InvariantCulture, $"""<rect x="{X(bar.From):0.0}" y="40" width="{Math.Max(1, X(bar.To) - X(bar.From)):0.0}" height="{bottom - 40}" fill="#d33" opacity="0.07"/>""").Append('\n');
        foreach (var (plotTitle, series) in plots)
        {
            Plot(svg, top, plotWidth, plotTitle, series, X);
            top += PlotHeight + Gap;
        }
        foreach (var (i, lane) in lanes.Index())
        {
            var y = top + (i * LaneHeight);
            Text(svg, Left - 6, y + 14, lane, "end");
            foreach (var bar in bars.Where(bar => bar.Lane == lane))
            {
                svg.Append(CultureInfo.InvariantCulture, $"""<rect x="{X(bar.From):0.0}" y="{y + 4}" width="{Math.Max(1, X(bar.To) - X(bar.From)):0.0}" height="14" fill="#c33"><title>{Escape($"{bar.Name} {bar.Detail}")}</title></rect>""").Append('\n');
            }
        }
        var step = new[] { 5, 10, 30, 60, 120, 300 }.First(step => seconds / step <= 24 || step == 300);
        for (var at = 0; at <= seconds; at += step) Text(svg, X(at * 1e3), bottom + 16, TimeSpan.FromSeconds(at).ToString("mm\\:ss", CultureInfo.InvariantCulture), "middle");
        return svg.Append("</svg>\n").ToString();
    }

    static void Plot(StringBuilder svg, int top, int width, string title, IReadOnlyList<Series> series, Func<double, double> x)
    {
        var most = Math.Max(1, series.SelectMany(one => one.Values).DefaultIfEmpty().Max());
        double Y(double value) => top + PlotHeight - (value / most * PlotHeight);
        Text(svg, Left, top - 6, title, "start");
        svg.Append(CultureInfo.InvariantCulture, $"""<path d="M{Left} {top} V{top + PlotHeight} h{width}" stroke="#888" fill="none"/>""").Append('\n');
        Text(svg, Left - 6, top + 10, most.ToString(most < 10 ? "0.0" : "N0", CultureInfo.InvariantCulture), "end");
        Text(svg, Left - 6, top + PlotHeight, "0", "end");
        foreach (var (index, one) in series.Index())
        {
            var path = new StringBuilder();
            foreach (var (second, value) in one.Values.Index())
                path.Append(CultureInfo.InvariantCulture, $"{(second == 0 ? "M" : "L")}{x((second + 0.5) * 1e3):0.0} {Y(value):0.0}");
            svg.Append(CultureInfo.InvariantCulture, $"""<path d="{path}" stroke="{one.Colour}" fill="none" stroke-width="1.3"/>""").Append('\n');
            Text(svg, Left + 260 + (index * 190), top - 6, $"■ {one.Name}", "start", 11, one.Colour);
        }
    }

    static void Text(StringBuilder svg, double x, double y, string text, string anchor, int size = 11, string colour = "#333") =>
        svg.Append(CultureInfo.InvariantCulture, $"""<text x="{x:0.0}" y="{y:0.0}" text-anchor="{anchor}" font-size="{size}" fill="{colour}">{Escape(text)}</text>""").Append('\n');

    static string Escape(string text) => SecurityElement.Escape(text);
}
