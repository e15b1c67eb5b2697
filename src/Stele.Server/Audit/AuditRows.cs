using System.Globalization;
using System.Text;
using Stele.Server.Gateway;

namespace Stele.Server.Audit;

/// <summary>Lines of the logs as JSON and as CSV. Values are in neither: what a change made of a key is in the journal, for who may read that.</summary>
internal static class AuditRows
{
    /// <summary>The first line of a CSV.</summary>
    public const string CsvHeader = "at,log,revision,ordinal,sequence,action,actor,target,environment,outcome,code,times,request_id,address,detail\r\n";

    static readonly System.Buffers.SearchValues<char> special = System.Buffers.SearchValues.Create(",\"\r\n");

    /// <summary>One line as a JSON object.</summary>
    public static void Write(JsonText json, AuditRow row)
    {
        json.Raw("{\"at\":"u8).Time(row.At).Raw(row.IsOfJournal ? ",\"log\":\"journal\",\"revision\":"u8 : ",\"log\":\"audit\",\"revision\":"u8);
        if (row.IsOfJournal) json.Number(row.Revision).Raw(",\"ordinal\":"u8).Number(row.Ordinal).Raw(",\"sequence\":null"u8);
        else json.Raw("null,\"ordinal\":null,\"sequence\":"u8).Number(row.Sequence);
        json.Raw(",\"action\":"u8).Text(row.Action)
            .Raw(",\"actor\":"u8).Text(row.Actor)
            .Raw(",\"target\":"u8).Text(row.Target)
            .Raw(",\"environment\":"u8).Text(row.Environment)
            .Raw(",\"outcome\":"u8).Text(row.Outcome)
            .Raw(",\"code\":"u8).Text(row.Code)
            .Raw(",\"times\":"u8).Number(row.Times)
            .Raw(",\"request_id\":"u8).Id(row.RequestId)
            .Raw(",\"address\":"u8).Text(row.Address)
            .Raw(",\"detail\":"u8).Text(row.Detail)
            .Raw("}"u8);
    }

    /// <summary>One line as RFC 4180 has it.</summary>
    public static void Write(StringBuilder csv, AuditRow row)
    {
        csv.Append(row.At).Append(row.IsOfJournal ? ",journal," : ",audit,");
        if (row.IsOfJournal) csv.Append(CultureInfo.InvariantCulture, $"{row.Revision},{row.Ordinal},,");
        else csv.Append(CultureInfo.InvariantCulture, $",,{row.Sequence},");
        Cell(csv, row.Action).Append(',');
        Cell(csv, row.Actor).Append(',');
        Cell(csv, row.Target).Append(',');
        Cell(csv, row.Environment).Append(',');
        csv.Append(row.Outcome).Append(',');
        Cell(csv, row.Code).Append(CultureInfo.InvariantCulture, $",{row.Times},{row.RequestId},");
        Cell(csv, row.Address).Append(',');
        Cell(csv, row.Detail).Append("\r\n");
    }

    static StringBuilder Cell(StringBuilder csv, string? text)
    {
        if (text is null or "") return csv;
        // a spreadsheet that opens the file must not compute what a stranger wrote into a path
        var isFormula = text[0] is '=' or '+' or '-' or '@' or '\t' or '\r';
        if (!isFormula && !text.AsSpan().ContainsAny(special)) return csv.Append(text);
        return csv.Append('"').Append(isFormula ? "'" : "").Append(text.Replace("\"", "\"\"", StringComparison.Ordinal)).Append('"');
    }
}
