namespace Stele.Server.Database.Embedded;

/// <summary>
/// The embedded PostgreSQL cannot be had. The message is for the person who started Stele: what is wrong, and what to do.
/// It is printed as it is, without a stack trace.
/// </summary>
internal sealed class EmbeddedPostgresException(string message, Exception? inner = null) : Exception(message, inner);
