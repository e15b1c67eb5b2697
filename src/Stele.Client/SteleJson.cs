using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Stele.Client;

/// <summary>The wire's JSON: snake_case, absent for null, and deep enough for the deepest value inside an answer.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, MaxDepth = 512,
    Converters = [typeof(UtcTimeConverter)])]
[JsonSerializable(typeof(ConfigItem))]
[JsonSerializable(typeof(ConfigSet))]
[JsonSerializable(typeof(ConfigDeleted))]
[JsonSerializable(typeof(ConfigPage))]
[JsonSerializable(typeof(ConfigHistory))]
[JsonSerializable(typeof(ConfigRollback))]
[JsonSerializable(typeof(Change))]
[JsonSerializable(typeof(ChangeSet))]
[JsonSerializable(typeof(ChangeSetResult))]
[JsonSerializable(typeof(Rollback))]
[JsonSerializable(typeof(Difference))]
[JsonSerializable(typeof(EnvironmentList))]
[JsonSerializable(typeof(EnvironmentItem))]
[JsonSerializable(typeof(NewEnvironment))]
[JsonSerializable(typeof(EnvironmentDeleted))]
[JsonSerializable(typeof(EnvironmentDescription))]
[JsonSerializable(typeof(EnvironmentOrder))]
[JsonSerializable(typeof(OrgItem))]
[JsonSerializable(typeof(OrgPage))]
[JsonSerializable(typeof(NewOrg))]
[JsonSerializable(typeof(OrgChange))]
[JsonSerializable(typeof(OrgSettings))]
[JsonSerializable(typeof(OrgSettingsChange))]
[JsonSerializable(typeof(EventPage))]
[JsonSerializable(typeof(LimitList))]
[JsonSerializable(typeof(WriteMode))]
[JsonSerializable(typeof(WriteModeSwitch))]
[JsonSerializable(typeof(AuditPage))]
[JsonSerializable(typeof(AuditItem))]
[JsonSerializable(typeof(UsagePage))]
[JsonSerializable(typeof(SchemaVerdict))]
[JsonSerializable(typeof(SchemaCheckPage))]
[JsonSerializable(typeof(SchemaBody))]
[JsonSerializable(typeof(SchemaDryRun))]
[JsonSerializable(typeof(WatchEvent))]
[JsonSerializable(typeof(EndMessage))]
[JsonSerializable(typeof(AckBody))]
[JsonSerializable(typeof(SubscriptionPage))]
[JsonSerializable(typeof(ProblemMessage))]
[JsonSerializable(typeof(TokenCreate))]
[JsonSerializable(typeof(TokenItem))]
[JsonSerializable(typeof(TokenPage))]
[JsonSerializable(typeof(MemberSet))]
[JsonSerializable(typeof(AccessIdentity))]
[JsonSerializable(typeof(MemberItem))]
[JsonSerializable(typeof(MemberPage))]
[JsonSerializable(typeof(RoleDefinition))]
[JsonSerializable(typeof(RoleItem))]
[JsonSerializable(typeof(RolePage))]
[JsonSerializable(typeof(AccessQuestion))]
[JsonSerializable(typeof(AccessExplanation))]
[JsonSerializable(typeof(PasswordMessage))]
[JsonSerializable(typeof(WebhookDefinition))]
[JsonSerializable(typeof(WebhookItem))]
[JsonSerializable(typeof(WebhookPage))]
[JsonSerializable(typeof(WebhookDeliveryPage))]
[JsonSerializable(typeof(WebhookTestResult))]
[JsonSerializable(typeof(WebhookRotation))]
[JsonSerializable(typeof(WebhookReplay))]
[JsonSerializable(typeof(FlagItem))]
[JsonSerializable(typeof(FlagPage))]
[JsonSerializable(typeof(FlagHistory))]
[JsonSerializable(typeof(FlagWrite))]
[JsonSerializable(typeof(FlagsWritten))]
[JsonSerializable(typeof(FlagCopy))]
[JsonSerializable(typeof(FlagUsageReport))]
[JsonSerializable(typeof(FlagUsageTaken))]
[JsonSerializable(typeof(Keeping.KeptMessage))]
[JsonSerializable(typeof(JsonElement))]
internal sealed partial class SteleJson : JsonSerializerContext;

/// <summary>Times as the server writes them: RFC 3339, UTC by its Z, and not more digits than there are.</summary>
internal sealed class UtcTimeConverter : JsonConverter<DateTimeOffset>
{
    public override DateTimeOffset Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => reader.GetDateTimeOffset();

    public override void Write(Utf8JsonWriter writer, DateTimeOffset value, JsonSerializerOptions options) =>
        writer.WriteStringValue(value.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.FFFFFF'Z'", CultureInfo.InvariantCulture));
}
