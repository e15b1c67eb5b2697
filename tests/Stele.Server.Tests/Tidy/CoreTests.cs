using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using System.Text.RegularExpressions;
using Stele.Core.Faults;
using Xunit;

namespace Stele.Server.Tests.Tidy;

/// <summary>Stele.Core is pure: no package, no input or output, no clock, no chance. Read from the compiled assembly, where nothing hides.</summary>
public sealed partial class CoreTests
{
    [Fact]
    public void Core_has_no_package_and_no_project()
    {
        Exemption.Check("Core depends on nothing.", Reference().Matches(Repository.Read("src/Stele.Core/Stele.Core.csproj")).Select(match => new Breach("src/Stele.Core/Stele.Core.csproj", match.Value)));
        Exemption.Check("Core uses the runtime alone.",
            typeof(Fault).Assembly.GetReferencedAssemblies().Where(name => !name.Name!.StartsWith("System.", StringComparison.Ordinal)).Select(name => new Breach("Stele.Core.dll", name.Name!)));
    }

    [Fact]
    public void Core_does_no_input_or_output() => Exemption.Check(
        "Core neither reads nor writes anything outside its arguments.",
        Used().Where(used => InputOrOutput().IsMatch(used)).Select(used => new Breach("Stele.Core.dll", used)));

    [Fact]
    public void Core_has_no_clock_and_no_chance() => Exemption.Check(
        "Times, ids and random bytes are made outside and passed in.",
        Used().Where(used => ClockOrChance().IsMatch(used)).Select(used => new Breach("Stele.Core.dll", used)));

    // "Namespace.Type::Member" of everything outside the assembly that its code mentions.
    static List<string> Used()
    {
        using var file = new PEReader(File.OpenRead(typeof(Fault).Assembly.Location));
        var metadata = file.GetMetadataReader();
        string TypeName(TypeReferenceHandle handle)
        {
            var type = metadata.GetTypeReference(handle);
            return $"{metadata.GetString(type.Namespace)}.{metadata.GetString(type.Name)}";
        }
        var members = metadata.MemberReferences.Select(metadata.GetMemberReference)
            .Where(member => member.Parent.Kind == HandleKind.TypeReference)
            .Select(member => $"{TypeName((TypeReferenceHandle)member.Parent)}::{metadata.GetString(member.Name)}");
        return [.. metadata.TypeReferences.Select(TypeName).Concat(members).Distinct()];
    }

    [GeneratedRegex("<(Package|Project|Framework|)Reference [^>]*>")]
    private static partial Regex Reference();

    // CurrentManagedThreadId is what the compiler puts into iterators.
    [GeneratedRegex(@"^System\.IO\.(File|Directory|FileStream|FileInfo|DirectoryInfo|Path|Pipes\..*)$|^System\.Net\.|^System\.Diagnostics\.Process|^System\.Console$|^System\.Environment::(?!get_CurrentManagedThreadId$)|^System\.Data\.|^System\.Threading\.(Thread|Timer)$|^System\.Threading\.Tasks\.Task::(Run|Delay)$")]
    private static partial Regex InputOrOutput();

    [GeneratedRegex(@"^System\.DateTime(Offset)?::get_(UtcNow|Now|Today)$|^System\.TimeProvider::get_System$|^System\.Diagnostics\.Stopwatch|^System\.Guid::(NewGuid|CreateVersion7)$|^System\.Random$|^System\.Security\.Cryptography\.RandomNumberGenerator")]
    private static partial Regex ClockOrChance();
}
