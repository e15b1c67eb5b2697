using System.Diagnostics;
using System.Globalization;
using System.Text;
using Stele.Core.Faults;
using Stele.Core.Json;
using Stele.Core.Schemas;

namespace Stele.Bench;

/// <summary>
/// Checks of values against a JSON Schema, on the calling thread alone: an object of ten properties, with a pattern, an
/// enum, an array and an object in it. Reported are the median and the slowest round, and bytes allocated for each check.
/// </summary>
internal static class SchemaRun
{
    const int Batch = 1_000;

    const string Schema = """
        {"type":"object","required":["name","port","enabled"],"additionalProperties":false,"properties":{
        "name":{"type":"string","minLength":1,"maxLength":64,"pattern":"^[a-z][a-z0-9-]*$"},"port":{"type":"integer","minimum":1,"maximum":65535},
        "enabled":{"type":"boolean"},"level":{"enum":["debug","info","warn","error"]},"ratio":{"type":"number","minimum":0,"maximum":1,"multipleOf":0.01},
        "hosts":{"type":"array","items":{"type":"string"},"minItems":1,"uniqueItems":true},"timeout_ms":{"type":"integer","exclusiveMinimum":0},
        "owner":{"type":["string","null"]},"labels":{"type":"object","additionalProperties":{"type":"string"}},"pool":{"$ref":"#/$defs/size"}},
        "$defs":{"size":{"type":"integer","minimum":0,"maximum":1000}}}
        """;

    const string Value = """
        {"name":"payment-gateway","port":8443,"enabled":true,"level":"info","ratio":0.25,"hosts":["a.internal","b.internal"],
        "timeout_ms":1500,"owner":null,"labels":{"team":"billing","tier":"1"},"pool":32}
        """;

    public static int Run(BenchArguments arguments)
    {
        var problems = new List<Problem>();
        var schema = JsonSchema.Compile(Canonical(Schema), "", problems) ?? throw new InvalidOperationException(problems[0].Message);
        var value = Canonical(Value);
        var plain = JsonSchema.Compile(Canonical("""{"properties":{"a":{"type":"integer"},"b":{"type":"integer"},"c":{"type":"integer"},"d":{"type":"integer"},"e":{"type":"integer"},"f":{"type":"string"},"g":{"type":"string"},"h":{"type":"string"},"i":{"type":"boolean"},"j":{"type":"number"}}}"""), "", problems)!;
        var flat = Canonical("""{"a":1,"b":2,"c":3,"d":4,"e":5,"f":"x","g":"y","h":"z","i":true,"j":1.5}""");
        Report("ten properties, their types", plain, flat, arguments);
        Report("ten properties, all kinds of rules", schema, value, arguments);
        return 0;
    }

    static void Report(string title, JsonSchema schema, byte[] value, BenchArguments arguments)
    {
        if (schema.Validate(value) != SchemaVerdict.Valid) throw new InvalidOperationException("the value breaks the schema");
        Round(schema, value, arguments.WarmupSeconds);
        var rates = Enumerable.Range(0, arguments.Rounds ?? 3).Select(_ => Round(schema, value, arguments.Seconds)).Order().ToList();
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < Batch; i++) schema.Validate(value);
        var each = (GC.GetAllocatedBytesForCurrentThread() - before) / Batch;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{title,-36} {rates[rates.Count / 2],12:N0} a second (slowest round {rates[0]:N0}), {each} bytes allocated each, value of {value.Length} bytes"));
    }

    static double Round(JsonSchema schema, byte[] value, double seconds)
    {
        var (count, start) = (0L, Stopwatch.GetTimestamp());
        while (Stopwatch.GetElapsedTime(start).TotalSeconds < seconds)
        {
            for (var i = 0; i < Batch; i++) schema.Validate(value);
            count += Batch;
        }
        return count / Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    static byte[] Canonical(string json) =>
        CanonicalJson.TryCanonicalize(Encoding.UTF8.GetBytes(json), "", [], out var canonical) ? canonical : throw new InvalidOperationException("not JSON");
}
