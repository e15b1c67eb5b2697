using Stele.Prove;

// `./stele prove` is this program, and `./stele test` is its tests
return args is ["run", ..] ? await ProveCommand.Run(args[1..]) : await Xunit.Runner.InProc.SystemConsole.ConsoleRunner.Run(args);
