using System.Buffers.Text;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Stele.Server.Gateway;

namespace Stele.Server.Secrets.Keys.Vault;

/// <summary>A JSON body for Vault, written into memory that is zeroed: data keys are in it, or what a node logs in with.</summary>
internal sealed class VaultBody : IDisposable
{
    readonly SecretBuffer buffer = new(0);

    /// <summary>The bytes.</summary>
    public ReadOnlyMemory<byte> Bytes => buffer.Memory;

    /// <summary>An object of strings.</summary>
    public static VaultBody Strings(params ReadOnlySpan<(string Name, string Value)> members)
    {
        var body = new VaultBody();
        foreach (var (index, (name, value)) in members.ToArray().Index())
            body.Add($"{(index == 0 ? "{" : ",")}\"{name}\":\"{JsonEncodedText.Encode(value)}\"");
        return body.Add(members.Length == 0 ? "{}" : "}");
    }

    /// <summary>An object of numbers.</summary>
    public static VaultBody Numbers(params ReadOnlySpan<(string Name, int Value)> members)
    {
        var body = new VaultBody();
        foreach (var (index, (name, value)) in members.ToArray().Index())
            body.Add(string.Create(CultureInfo.InvariantCulture, $"{(index == 0 ? "{" : ",")}\"{name}\":{value}"));
        return body.Add("}");
    }

    /// <summary>Data keys to encrypt, each in its own context, by a version of the key.</summary>
    public static VaultBody Encrypt(IEnumerable<(string Context, SecretBuffer Plain)> items, int version)
    {
        var body = new VaultBody().Add("{\"batch_input\":[");
        var isFirst = true;
        foreach (var (context, plain) in items)
        {
            body.Add($"{(isFirst ? "" : ",")}{{\"context\":\"{context}\",\"plaintext\":\"").AddBase64(plain.Span)
                .Add(string.Create(CultureInfo.InvariantCulture, $"\",\"key_version\":{version}}}"));
            isFirst = false;
        }
        return body.Add("]}");
    }

    /// <summary>A value for KV, on a path where nothing is yet.</summary>
    public static VaultBody Entry(SecretBuffer value, bool isText)
    {
        using var member = SecretJson.Value(isText ? "value" : "value_base64", value.Span, isText);
        // without the comma by which it follows others
        return new VaultBody().Add("{\"options\":{\"cas\":0},\"data\":{").Add(member.Span[1..]).Add("}}");
    }

    /// <summary>Names the one version that a path of KV has.</summary>
    public static VaultBody FirstVersion() => new VaultBody().Add("{\"versions\":[1]}");

    /// <summary>Ciphertexts, to be decrypted, or rewrapped by a version of the key.</summary>
    public static VaultBody Ciphertexts(IEnumerable<(string Context, string Ciphertext)> items, int? version)
    {
        var body = new VaultBody().Add("{\"batch_input\":[");
        var isFirst = true;
        foreach (var (context, ciphertext) in items)
        {
            body.Add($"{(isFirst ? "" : ",")}{{\"context\":\"{context}\",\"ciphertext\":\"{ciphertext}\"")
                .Add(version is { } number ? string.Create(CultureInfo.InvariantCulture, $",\"key_version\":{number}}}") : "}");
            isFirst = false;
        }
        return body.Add("]}");
    }

    /// <inheritdoc/>
    public void Dispose() => buffer.Dispose();

    VaultBody Add(string text)
    {
        var at = buffer.Length;
        buffer.Resize(at + text.Length);
        Encoding.ASCII.GetBytes(text, buffer.Span[at..]);
        return this;
    }

    VaultBody Add(ReadOnlySpan<byte> bytes)
    {
        var at = buffer.Length;
        buffer.Resize(at + bytes.Length);
        bytes.CopyTo(buffer.Span[at..]);
        return this;
    }

    VaultBody AddBase64(ReadOnlySpan<byte> bytes)
    {
        var at = buffer.Length;
        buffer.Resize(at + Base64.GetMaxEncodedToUtf8Length(bytes.Length));
        Base64.EncodeToUtf8(bytes, buffer.Span[at..], out _, out _);
        return this;
    }
}
