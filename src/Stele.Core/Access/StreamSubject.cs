namespace Stele.Core.Access;

/// <summary>What an event is about, read from the name of its stream: what somebody must be able to read for the event to be shown to him.</summary>
/// <param name="Permission">The permission.</param>
/// <param name="Environment">In which environment, or null.</param>
/// <param name="Key">On which key, or null.</param>
public readonly record struct StreamSubject(Permission Permission, string? Environment, string? Key)
{
    /// <summary>Whether somebody with these rights may see an event of a stream. Of a kind that is not known here only root may.</summary>
    public static bool IsVisible(Rights rights, string stream) => Of(stream) is { } subject ? rights.Allows(subject.Permission, subject.Environment, subject.Key) : rights.Status == RightsStatus.Everything;

    /// <summary>The subject of a stream; null for a kind that is not known.</summary>
    public static StreamSubject? Of(string stream)
    {
        var slash = stream.IndexOf('/');
        return (slash < 0 ? stream : stream[..slash]) switch
        {
            "config" => Keyed(Permission.ConfigRead, stream, slash),
            "flag" => Keyed(Permission.FlagRead, stream, slash),
            "secret" => Keyed(Permission.SecretRead, stream, slash),
            "org" or "environment" => new StreamSubject(Permission.OrgRead, null, null),
            "user" or "service_account" => new StreamSubject(Permission.UserRead, null, null),
            "token" => new StreamSubject(Permission.TokenRead, null, null),
            "role" => new StreamSubject(Permission.RoleRead, null, null),
            "webhook" => new StreamSubject(Permission.WebhookRead, null, null),
            _ => null,
        };
    }

    // kind/environment/key, and a key may hold slashes itself
    static StreamSubject? Keyed(Permission permission, string stream, int slash)
    {
        var next = slash < 0 ? -1 : stream.IndexOf('/', slash + 1);
        return next < 0 ? null : new StreamSubject(permission, stream[(slash + 1)..next], stream[(next + 1)..]);
    }
}
