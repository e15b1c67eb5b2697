using Stele.Core.Access;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Server.Gateway;

namespace Stele.Server.Orgs;

/// <summary>Orgs, their settings and environments as answers show them.</summary>
internal static class OrgJson
{
    /// <summary>An org, as its own journal has it.</summary>
    public static JsonText Org(JsonText json, OrgState state)
    {
        Begin(json, state.Org, state.Name!, state.DefaultEnvironment!, InOrder(state).Select(environment => environment.Name), state.CreatedAt!.Value);
        if (state.ArchivedAt is { } archived) json.Raw(",\"archived_at\":"u8).Time(archived);
        if (state.FormerNames.Count > 0) Texts(json.Raw(",\"former_names\":"u8), state.FormerNames);
        return json.Raw(",\"version\":"u8).Number(state.Version).Raw(",\"revision\":"u8).Number(state.Revision).Raw("}"u8);
    }

    /// <summary>An org, as the revision says that made it, with its first token; what that is made of only where it was made by this very request.</summary>
    public static JsonText Created(JsonText json, RevisionRecord record, Guid tokenId, string text)
    {
        var created = record.Events.Select(e => e.Payload).OfType<OrgCreated>().Single();
        Begin(json, record.Org, created.Name, created.DefaultEnvironment, record.Events.Select(e => e.Payload).OfType<EnvironmentCreated>().Select(e => e.Name), record.At);
        json.Raw(",\"version\":"u8).Number(created.Version).Raw(",\"revision\":"u8).Number(record.Revision);
        if (record.Events[^1].Payload is TokenCreated token)
        {
            json.Raw(",\"token_id\":"u8).Id(token.Id);
            if (token.Id == tokenId) json.Raw(",\"token\":"u8).Text(text);
        }
        return json.Raw("}"u8);
    }

    /// <summary>An org, as the directory has it.</summary>
    public static void Entry(JsonText json, DirectoryEntry org)
    {
        json.Raw("{\"id\":"u8).Number(org.Org.Value).Raw(",\"name\":"u8).Text(org.Name).Raw(",\"created_at\":"u8).Time(org.CreatedAt);
        if (org.ArchivedAt is { } archived) json.Raw(",\"archived_at\":"u8).Time(archived);
        json.Raw("}"u8);
    }

    /// <summary>The settings.</summary>
    public static JsonText Settings(JsonText json, OrgSettings settings, int version, long revision)
    {
        json.Raw("{\"default_environment\":"u8).Text(settings.DefaultEnvironment).Raw(",\"protected_environments\":"u8);
        Texts(json, settings.Protected);
        json.Raw(",\"limits\":{"u8);
        foreach (var (index, limit) in settings.Limits.Index())
        {
            if (index > 0) json.Raw(","u8);
            json.Text(limit.Name).Raw(":"u8).Number(limit.Value);
        }
        return json.Raw("},\"version\":"u8).Number(version).Raw(",\"revision\":"u8).Number(revision).Raw("}"u8);
    }

    /// <summary>An environment.</summary>
    public static JsonText Environment(JsonText json, EnvironmentState environment, OrgSettings settings) =>
        json.Raw("{\"name\":\""u8).Ascii(environment.Name)
            .Raw("\",\"description\":"u8).Text(environment.Description)
            .Raw(",\"ordinal\":"u8).Number(environment.Ordinal)
            .Raw(",\"default\":"u8).Boolean(environment.Name == settings.DefaultEnvironment)
            .Raw(",\"protected\":"u8).Boolean(settings.Protects(environment.Name))
            .Raw(",\"version\":"u8).Number(environment.Version)
            .Raw(",\"created_at\":"u8).Time(environment.CreatedAt)
            .Raw(",\"configs\":"u8).Number(environment.Configs.Count)
            .Raw("}"u8);

    /// <summary>The environments in the order in which people see them.</summary>
    public static IEnumerable<EnvironmentState> InOrder(OrgState state) => state.Environments.OrderBy(environment => environment.Ordinal);

    static void Begin(JsonText json, OrgId org, string name, string defaultEnvironment, IEnumerable<string> environments, Timestamp createdAt)
    {
        json.Raw("{\"id\":"u8).Number(org.Value).Raw(",\"name\":"u8).Text(name).Raw(",\"default_environment\":"u8).Text(defaultEnvironment).Raw(",\"environments\":"u8);
        Texts(json, environments);
        json.Raw(",\"created_at\":"u8).Time(createdAt);
    }

    static void Texts(JsonText json, IEnumerable<string> texts)
    {
        json.Raw("["u8);
        foreach (var (index, text) in texts.Index())
        {
            if (index > 0) json.Raw(","u8);
            json.Text(text);
        }
        json.Raw("]"u8);
    }
}
