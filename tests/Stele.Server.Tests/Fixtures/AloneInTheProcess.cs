using Xunit;

namespace Stele.Server.Tests.Fixtures;

/// <summary>Tests that measure the process, such as its memory: they run when no other does, since others would be measured with them.</summary>
[CollectionDefinition(nameof(AloneInTheProcess), DisableParallelization = true)]
public sealed class AloneInTheProcess;
