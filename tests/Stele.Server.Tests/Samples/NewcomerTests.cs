using System.Diagnostics;
using System.IO.Compression;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Stele.Server.Tests.Cli;
using Stele.Server.Tests.Client;
using Stele.Server.Tests.Fixtures;
using Stele.Server.Tests.Http;
using Stele.Server.Tests.Tidy;
using Xunit;

namespace Stele.Server.Tests.Samples;

/// <summary>What somebody does who has the package and the README: an empty ASP.NET Core app, five lines, and it follows the server.</summary>
public sealed partial class NewcomerTests(HttpServer server) : IClassFixture<HttpServer>
{
    // of its own for each run, so that no package of an earlier one is taken for it
    static readonly string version = $"0.0.1-t{Guid.NewGuid():N}";
    static readonly string configuration = Path.GetFileName(Path.GetDirectoryName(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory)))!;

    [Fact]
    public async Task An_empty_app_with_the_package_and_the_five_lines_of_the_README_follows_the_server()
    {
        using var home = new TempDirectory();
        var (packages, shop) = (Path.Combine(home.Path, "packages"), Path.Combine(home.Path, "shop"));
        await Dotnet(Repository.Root, "pack", Repository.FullPath("src/Stele.Client"), "-c", configuration, "-o", packages, $"-p:PackageVersion={version}", "-v", "q", "--nologo", "-nodeReuse:false");
        HoldsWhatItShould(packages);
        try
        {
            await Dotnet(home.Path, "new", "web", "-o", shop, "--no-restore");
            var project = Path.Combine(shop, "shop.csproj");
            File.WriteAllText(project, File.ReadAllText(project).Replace("</Project>", $"<ItemGroup><PackageReference Include=\"Stele.Client\" Version=\"{version}\" /></ItemGroup></Project>", StringComparison.Ordinal));
            File.WriteAllText(Path.Combine(shop, "Program.cs"), FiveLines().Replace("http://127.0.0.1:7300", server.Client.BaseAddress!.ToString().TrimEnd('/'), StringComparison.Ordinal));
            await Dotnet(shop, "build", "-v", "q", "--nologo", "-nodeReuse:false", $"-p:RestoreAdditionalProjectSources={packages}");
            await Follows(Path.Combine(shop, "bin/Debug/net10.0/shop.dll"), home.Path);
        }
        finally
        {
            if (Directory.Exists(Unpacked)) Directory.Delete(Unpacked, recursive: true);
        }
    }

    async Task Follows(string app, string home)
    {
        var url = $"http://127.0.0.1:{FreePort()}";
        using var web = ToolProcess.Start(server, "dotnet", [app, "--urls", url], ("STELE_CACHE", Path.Combine(home, "cache")));
        await web.Says("Now listening on");
        using var client = new HttpClient { BaseAddress = new Uri(url) };
        Assert.Equal("Hello", await client.GetStringAsync("/"));
        (await server.Put("shop.greeting", """{"value":"Good morning"}""", "?env=production")).Is(200);
        await Wait.Until(async () => await client.GetStringAsync("/") == "Good morning", $"the change in the page: {web.Said}");
    }

    static void HoldsWhatItShould(string packages)
    {
        var inside = Names(Assert.Single(Directory.GetFiles(packages, "*.nupkg")), out var nuspec);
        Assert.Superset(new HashSet<string> { "README.md", "lib/net10.0/Stele.Client.dll", "lib/net10.0/Stele.Client.xml", "lib/net10.0/Stele.Core.dll", "lib/net10.0/Stele.Core.xml" }, inside);
        Assert.Superset(new HashSet<string> { "lib/net10.0/Stele.Client.pdb", "lib/net10.0/Stele.Core.pdb" }, Names(Assert.Single(Directory.GetFiles(packages, "*.snupkg")), out _));
        var needs = nuspec.Descendants().Where(element => element.Name.LocalName == "dependency").Select(element => element.Attribute("id")!.Value).ToList();
        Assert.NotEmpty(needs);
        Assert.All(needs, name => Assert.StartsWith("Microsoft.Extensions.", name, StringComparison.Ordinal));
    }

    static HashSet<string> Names(string package, out XDocument nuspec)
    {
        using var zip = ZipFile.OpenRead(package);
        using var stream = zip.Entries.Single(entry => entry.FullName.EndsWith(".nuspec", StringComparison.Ordinal)).Open();
        nuspec = XDocument.Load(stream);
        return [.. zip.Entries.Select(entry => entry.FullName)];
    }

    // the same in the README of the repository and in the package's
    static string FiveLines()
    {
        string Of(string path) => Program().Match(File.ReadAllText(Repository.FullPath(path))).Groups[1].Value;
        Assert.Equal(Of("README.md"), Of("src/Stele.Client/README.md"));
        return Of("README.md");
    }

    static async Task Dotnet(string directory, params string[] words)
    {
        var start = new ProcessStartInfo("dotnet", words) { WorkingDirectory = directory, RedirectStandardOutput = true, RedirectStandardError = true };
        using var process = Process.Start(start)!;
        var said = await Task.WhenAll(process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, $"dotnet {string.Join(' ', words)}: {string.Join('\n', said)}");
    }

    static string Unpacked => Path.Combine(Environment.GetEnvironmentVariable("NUGET_PACKAGES") ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget/packages"), "stele.client", version);

    static int FreePort()
    {
        using var listener = new TcpListener(System.Net.IPAddress.Loopback, 0);
        listener.Start();
        return ((System.Net.IPEndPoint)listener.LocalEndpoint).Port;
    }

    [GeneratedRegex(@"```csharp\n(using Stele\.Client;.*?)```", RegexOptions.Singleline)]
    private static partial Regex Program();
}
