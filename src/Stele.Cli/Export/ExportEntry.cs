namespace Stele.Cli.Export;

/// <summary>One value to write.</summary>
/// <param name="Key">Its key; in a file of a service, the part after the service.</param>
/// <param name="Json">Its value, as JSON.</param>
internal sealed record ExportEntry(string Key, string Json);
