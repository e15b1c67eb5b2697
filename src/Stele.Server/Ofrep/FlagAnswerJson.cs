using Stele.Core.Flags;
using Stele.Server.Gateway;

namespace Stele.Server.Ofrep;

/// <summary>Answers as Stele's own requests show them.</summary>
internal static class FlagAnswerJson
{
    /// <summary>The members of an answer.</summary>
    public static void Members(JsonText json, in FlagAnswer answer)
    {
        json.Raw("\"reason\":\""u8).Ascii(answer.Reason.Name()).Raw("\""u8);
        if (answer.Variant is { } variant) json.Raw(",\"value\":"u8).Raw(variant.Value).Raw(",\"variant\":"u8).Text(variant.Name);
        if (answer.Error != FlagErrorCode.None) json.Raw(",\"error_code\":\""u8).Ascii(answer.Error.Name()).Raw("\",\"error_details\":"u8).Text(answer.Message);
    }

    /// <summary>A part of a rule with all that went into it. What is nested deeper than any rule that is accepted is not there.</summary>
    public static void Part(JsonText json, FlagTracePart part)
    {
        json.Raw("{\"pointer\":"u8).Text(part.Pointer);
        if (part.Operation is { } operation) json.Raw(",\"operation\":"u8).Text(operation);
        if (part.Inputs.Count > 0)
        {
            json.Raw(",\"inputs\":["u8);
            foreach (var (index, input) in part.Inputs.Index())
            {
                if (index > 0) json.Raw(","u8);
                Part(json, input);
            }
            json.Raw("]"u8);
        }
        if (part.BucketKey is { } key) json.Raw(",\"bucket_key\":"u8).Text(HttpProblems.Sound(key));
        if (part.Split is { } split)
        {
            json.Raw(",\"split\":{\"hash\":"u8).Number(split.Hash).Raw(",\"bucket\":"u8).Number(split.Bucket).Raw(",\"total\":"u8).Number(split.Total).Raw(",\"ends\":["u8);
            foreach (var (index, end) in split.Ends.Index())
            {
                if (index > 0) json.Raw(","u8);
                json.Number(end);
            }
            json.Raw("]}"u8);
        }
        // JSON as text: a long one is cut off
        if (part.Result is { } result) json.Raw(",\"result\":"u8).Text(HttpProblems.Sound(result));
        if (part.Failure is { } failure) json.Raw(",\"failure\":"u8).Text(HttpProblems.Sound(failure));
        json.Raw("}"u8);
    }
}
