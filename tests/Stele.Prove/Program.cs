using Stele.Prove;
using Stele.Prove.Mutants;

// `./stele prove` is this program, and `./stele test` is its tests
if (args is [MutantServer.Word, var name]) return MutantServer.Serve(Enum.Parse<Mutant>(name));
return args is ["run", ..] ? await ProveCommand.Run(args[1..]) : await Xunit.Runner.InProc.SystemConsole.ConsoleRunner.Run(args);
