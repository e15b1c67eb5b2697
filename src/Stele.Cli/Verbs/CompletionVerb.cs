using System.CommandLine;

namespace Stele.Cli.Verbs;

/// <summary><c>stele completion SHELL</c>: a script for the shell to load, which asks the tool itself what may come next.</summary>
internal static class CompletionVerb
{
    internal static Command Make(Surroundings surroundings, GlobalOptions options)
    {
        var shell = new Argument<string>("SHELL") { Description = "bash, zsh or fish" };
        shell.AcceptOnlyFromAmong("bash", "zsh", "fish");
        var command = new Command("completion", "Print a completion script: source <(stele completion bash)") { shell };
        command.SetAction(parsed =>
        {
            surroundings.Out.WriteLine(parsed.GetRequiredValue(shell) switch { "bash" => Bash, "zsh" => Zsh, _ => Fish });
            return ExitCode.Done;
        });
        return command;
    }

    const string Bash =
        """
        _stele() {
          local IFS=$'\n'
          COMPREPLY=( $(compgen -W "$("${COMP_WORDS[0]}" "[suggest:${COMP_POINT}]" "${COMP_LINE}" 2>/dev/null)" -- "${COMP_WORDS[COMP_CWORD]}") )
        }
        complete -o default -F _stele stele ./stele
        """;

    const string Zsh =
        """
        _stele() {
          local -a words_found
          words_found=("${(@f)$("${words[1]}" "[suggest:${CURSOR}]" "${BUFFER}" 2>/dev/null)}")
          compadd -- "${words_found[@]}"
        }
        compdef _stele stele
        """;

    const string Fish =
        """
        complete -c stele -a '(set -l line (commandline -cp); stele "[suggest:"(string length -- "$line")"]" "$line" 2>/dev/null)'
        """;
}
