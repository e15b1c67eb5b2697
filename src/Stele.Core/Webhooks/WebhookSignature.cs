using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Stele.Core.Webhooks;

/// <summary>
/// How a message is signed: HMAC-SHA256 over <c>id.timestamp.body</c>, in the form of the Standard Webhooks specification
/// (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md), so that its libraries verify it.
/// </summary>
public static class WebhookSignature
{
    /// <summary>The header of the message's id, the same at each attempt.</summary>
    public const string IdHeader = "webhook-id";

    /// <summary>The header of the attempt's time, in seconds since 1970: a receiver refuses one that is minutes away from his own.</summary>
    public const string TimestampHeader = "webhook-timestamp";

    /// <summary>The header of the signatures, with spaces between; while secrets overlap there are two.</summary>
    public const string SignatureHeader = "webhook-signature";

    /// <summary>Bytes of a secret.</summary>
    public const int SecretBytes = 32;

    /// <summary>A secret as it is shown: <c>whsec_</c> and base64.</summary>
    public static string Show(ReadOnlySpan<byte> secret) => "whsec_" + Convert.ToBase64String(secret);

    /// <summary>The value of <see cref="SignatureHeader"/>.</summary>
    /// <param name="secrets">At least one.</param>
    /// <param name="id">The message's id; it holds no full stop.</param>
    /// <param name="unixSeconds">The attempt's time.</param>
    /// <param name="body">What is sent, to the byte.</param>
    public static string Sign(IReadOnlyList<byte[]> secrets, string id, long unixSeconds, ReadOnlySpan<byte> body)
    {
        var before = Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{id}.{unixSeconds}."));
        var text = new StringBuilder();
        foreach (var secret in secrets)
        {
            using var hash = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, secret);
            hash.AppendData(before);
            hash.AppendData(body);
            if (text.Length > 0) text.Append(' ');
            text.Append("v1,").Append(Convert.ToBase64String(hash.GetHashAndReset()));
        }
        return text.ToString();
    }
}
