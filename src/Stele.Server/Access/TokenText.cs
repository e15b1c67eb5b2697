using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Stele.Server.Access;

/// <summary>
/// How a token is written: <c>stele_ORG_RANDOM</c>, where RANDOM is 43 letters and digits of chance (256 bits) and 6 that
/// check the whole, so that one that was cut or mistyped is refused without asking the database. ORG is for people: it says
/// which org's it was when it was made, and decides nothing.
/// </summary>
internal static class TokenText
{
    const string Alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    const int Random = 43, Check = 6;

    /// <summary>What all tokens begin with.</summary>
    public const string Prefix = "stele_";

    /// <summary>The longest that is looked at.</summary>
    public const int CharactersMax = 512;

    /// <summary>A new token of an org.</summary>
    public static string New(string org)
    {
        var text = $"{Prefix}{org}_{RandomNumberGenerator.GetString(Alphabet, Random)}";
        return text + CheckOf(text);
    }

    /// <summary>Whether it may be one of ours: the check holds. Says nothing about whether it exists.</summary>
    public static bool IsWhole(ReadOnlySpan<char> text)
    {
        if (text.Length > CharactersMax || text.Length < Prefix.Length + Random + Check + 2 || !text.StartsWith(Prefix, StringComparison.Ordinal)) return false;
        Span<char> check = stackalloc char[Check];
        WriteCheck(text[..^Check], check);
        return text[^Check..].SequenceEqual(check);
    }

    static string CheckOf(string text)
    {
        Span<char> check = stackalloc char[Check];
        WriteCheck(text, check);
        return check.ToString();
    }

    static void WriteCheck(ReadOnlySpan<char> text, Span<char> check)
    {
        Span<byte> utf8 = stackalloc byte[CharactersMax * 3];
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(utf8[..Encoding.UTF8.GetBytes(text, utf8)], hash);
        var number = BinaryPrimitives.ReadUInt64BigEndian(hash);
        for (var i = 0; i < Check; i++, number /= (ulong)Alphabet.Length) check[i] = Alphabet[(int)(number % (ulong)Alphabet.Length)];
    }
}
