using System.Text.Json;
using System.Text.Json.Serialization;

namespace Stele.Client;

/// <summary>The wire's JSON: snake_case, absent for null, and deep enough for the deepest value inside an answer.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, MaxDepth = 512)]
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
[JsonSerializable(typeof(EventPage))]
[JsonSerializable(typeof(LimitList))]
[JsonSerializable(typeof(ProblemMessage))]
[JsonSerializable(typeof(JsonElement))]
internal sealed partial class SteleJson : JsonSerializerContext;
