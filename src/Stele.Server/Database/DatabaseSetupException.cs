namespace Stele.Server.Database;

/// <summary>The database cannot be used as it is; the message is for people, and says what to do.</summary>
internal sealed class DatabaseSetupException(string message, Exception? inner = null) : Exception(message, inner);
