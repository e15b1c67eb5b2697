using System.Reflection;
using System.Runtime.CompilerServices;
using Stele.Client;
using Xunit;

namespace Stele.Core.Tests.Client;

/// <summary>What users can call is a promise: a change of it is seen in a file, beside the code.</summary>
public sealed class PublicApiTests
{
    [Fact]
    public void The_public_API_is_the_one_that_is_written_down()
    {
        var now = Lines().ToList();
        var path = Path.Combine(Source(), "../../../src/Stele.Client/PublicApi.txt");
        var then = File.Exists(path) ? File.ReadAllLines(path) : [];
        if (now.SequenceEqual(then)) return;
        var proposed = Path.Combine(Path.GetTempPath(), "stele-PublicApi.txt");
        File.WriteAllLines(proposed, now);
        Assert.Fail($"The public API of Stele.Client has changed. If that is meant, put {proposed} in the place of src/Stele.Client/PublicApi.txt.\n"
            + string.Join('\n', then.Except(now).Select(line => $"- {line}").Concat(now.Except(then).Select(line => $"+ {line}"))));
    }

    static string Source([CallerFilePath] string path = "") => Path.GetDirectoryName(path)!;

    static IEnumerable<string> Lines()
    {
        foreach (var type in typeof(SteleClient).Assembly.GetExportedTypes().OrderBy(type => type.FullName, StringComparer.Ordinal))
        {
            yield return $"{type.FullName} : {Name(type.BaseType)}{string.Concat(type.GetInterfaces().Where(one => one.Namespace == "System" && !one.IsGenericType).Select(one => $", {one.Name}").Order(StringComparer.Ordinal))}";
            foreach (var member in type.GetMembers(BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly).Where(IsWritten).Select(Line).Order(StringComparer.Ordinal)) yield return $"  {member}";
        }
    }

    // what the compiler adds to records, and what properties are made of
    static bool IsWritten(MemberInfo member) => member switch
    {
        MethodBase { IsSpecialName: true, IsConstructor: false } => false,
        MethodInfo { Name: "Equals" or "GetHashCode" or "ToString" or "<Clone>$" or "Deconstruct" } => false,
        _ => !member.Name.Contains('<', StringComparison.Ordinal),
    };

    static string Line(MemberInfo member) => member switch
    {
        PropertyInfo property => $"{Name(property.PropertyType)} {property.Name} {{ {(property.GetMethod is { IsPublic: true } ? "get; " : "")}{Setter(property)}}}",
        MethodBase method => $"{(method is MethodInfo info ? Name(info.ReturnType) + " " : "")}{(method.IsStatic ? "static " : "")}{method.Name}({string.Join(", ", method.GetParameters().Select(parameter => $"{Name(parameter.ParameterType)} {parameter.Name}"))})",
        FieldInfo { IsLiteral: true } field => $"const {field.Name} = {field.GetRawConstantValue()}",
        _ => $"{member.MemberType} {member.Name}",
    };

    static string Setter(PropertyInfo property) => property.SetMethod is not { IsPublic: true } set ? ""
        : set.ReturnParameter.GetRequiredCustomModifiers().Any(modifier => modifier.Name == "IsExternalInit") ? "init; " : "set; ";

    static string Name(Type? type) => type is null ? "-" : !type.IsGenericType ? type.Name : $"{type.Name.Split('`')[0]}<{string.Join(", ", type.GetGenericArguments().Select(Name))}>";
}
