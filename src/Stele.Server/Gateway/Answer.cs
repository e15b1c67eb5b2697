using System.Buffers;
using System.Globalization;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Server.Journal;

namespace Stele.Server.Gateway;

/// <summary>What all answers share: the headers that say which state they show, and how bytes get out.</summary>
internal static class Answer
{
    /// <summary>The content type of what is not a problem.</summary>
    public const string Json = "application/json; charset=utf-8";

    /// <summary>Below this an answer is copied into the connection's buffer at once, without waiting.</summary>
    public const int CopyBytesMax = 32 << 10;

    /// <summary>Says which state is shown.</summary>
    public static void Place(HttpResponse response, JournalPlace place)
    {
        response.Headers[RevisionHeader] = place.RevisionText;
        response.Headers[CursorHeader] = place.CursorText;
    }

    /// <summary>Says which state is shown, by its cursor.</summary>
    public static void Place(HttpResponse response, Cursor cursor)
    {
        response.Headers[RevisionHeader] = cursor.Revision.ToString(CultureInfo.InvariantCulture);
        response.Headers[CursorHeader] = cursor.ToString();
    }

    /// <summary>Says which state a read shows, and for a local one how long ago it was confirmed.</summary>
    public static void Place(HttpResponse response, Snapshot snapshot, Consistency consistency)
    {
        Place(response, snapshot.State.Place);
        if (consistency == Consistency.Local)
            response.Headers[ConfirmedHeader] = ((long)snapshot.ConfirmedAgo.TotalMilliseconds).ToString(CultureInfo.InvariantCulture);
    }

    /// <summary>Sends a whole JSON body, and gives its buffer back.</summary>
    public static Task Send(HttpContext context, JsonText json, int status = StatusCodes.Status200OK)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = Json;
        return Body(context, json);
    }

    /// <summary>As <see cref="Send"/>, when status and content type are set.</summary>
    public static Task Body(HttpContext context, JsonText json)
    {
        context.Response.ContentLength = json.Length;
        if (json.Length > CopyBytesMax) return Large(context, json);
        // Kestrel flushes at the end of the request: one packet with the headers
        context.Response.BodyWriter.Write(json.Written);
        json.Dispose();
        return Task.CompletedTask;
    }

    static async Task Large(HttpContext context, JsonText json)
    {
        using (json)
        {
            await context.Response.StartAsync();
            await context.Response.BodyWriter.WriteAsync(json.Memory);
        }
    }

    const string RevisionHeader = "Stele-Revision";
    const string CursorHeader = "Stele-Cursor";
    const string ConfirmedHeader = "Stele-Confirmed-Ms";
}
