using System.Text.RegularExpressions;

namespace Stele.Server.Options;

/// <summary>The half that knows of AWS.</summary>
internal sealed partial class SteleSettings
{
    // what KMS takes as a KeyId: an id, an alias, or the ARN of either
    [GeneratedRegex("^(arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:)?(key/(mrk-)?[0-9a-f-]{1,64}|alias/[A-Za-z0-9/_-]{1,250})$|^(mrk-)?[0-9a-f-]{32,64}$", RegexOptions.CultureInvariant)]
    private static partial Regex AwsKey { get; }

    [GeneratedRegex("^[a-z]{2,}(-[a-z0-9]+){2,4}$", RegexOptions.CultureInvariant)]
    private static partial Regex AwsRegion { get; }

    AwsOptions? AwsAccount()
    {
        if (Given(SecretSettings.AwsKey) is not { } key) return null;
        if (!AwsKey.IsMatch(key) || key.StartsWith("key/", StringComparison.Ordinal)) problems.Add($"{SecretSettings.AwsKey.Variable} is '{key}'; write the ARN of a key or of an alias, a key's id, or alias/NAME.");
        var region = Given(SecretSettings.AwsRegion);
        if (region is not null && !AwsRegion.IsMatch(region)) problems.Add($"{SecretSettings.AwsRegion.Variable} is '{region}'; write a region such as eu-central-1.");
        Uri? endpoint = null;
        if (Given(SecretSettings.AwsEndpoint) is { } text
            && (!Uri.TryCreate(text, UriKind.Absolute, out endpoint) || !IssuerFile.IsSafe(endpoint) || endpoint.UserInfo.Length > 0 || endpoint.PathAndQuery != "/" || endpoint.Fragment.Length > 0))
            problems.Add($"{SecretSettings.AwsEndpoint.Variable} is not https://HOST:PORT without a path, user or password; http is for loopback alone.");
        return new AwsOptions
        {
            Key = key, Region = region, Endpoint = endpoint, CredentialFile = Given(SecretSettings.AwsCredentialFile) is { } path ? Path.GetFullPath(path) : null, Profile = Text(SecretSettings.AwsProfile),
            Timeout = TimeSpan.FromMilliseconds(Number(SecretSettings.AwsTimeout, 100, 60_000)),
        };
    }
}
