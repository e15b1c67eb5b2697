namespace Stele.Server.Archive;

/// <summary>An archive, a restore or a redaction that is refused, and why, in a sentence. Nothing was changed.</summary>
internal sealed class ArchiveException(string message, Exception? inner = null) : Exception(message, inner);
