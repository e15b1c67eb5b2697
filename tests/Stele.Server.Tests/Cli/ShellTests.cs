using Stele.Server.Tests.Client;
using Stele.Server.Tests.Http;
using Xunit;

namespace Stele.Server.Tests.Cli;

/// <summary>What somebody sees who presses the tab key: the script that the tool prints, loaded by the shell itself, and a server that is there.</summary>
public sealed class ShellTests(HttpServer server) : IClassFixture<HttpServer>
{
    // as bash calls it: readline's variables, and the function that complete has tied to the word. Who is offered nothing because the server
    // was too slow for a key presses it again
    const string Bash =
        """
        source <(stele completion bash)
        [ "$(complete -p stele)" = "complete -o default -F _stele stele" ] || { echo "tied otherwise: $(complete -p stele)"; exit 1; }
        offer() {
          COMP_LINE="$1"; COMP_POINT=${#COMP_LINE}; IFS=' ' read -ra COMP_WORDS <<<"$COMP_LINE"; COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); COMPREPLY=()
          until [ ${#COMPREPLY[@]} -gt 0 ]; do _stele; done
          echo "<${COMPREPLY[*]}>"
        }
        offer 'stele get --env production shell.'
        offer 'stele get --env prod'
        offer 'stele comple'
        """;

    const string Fish =
        """
        stele completion fish | source
        for line in 'stele get --env production shell.' 'stele get --env prod' 'stele comple'
            set offered
            while test -z "$offered"
                set offered (complete -C $line)
            end
            printf '%s\n' $offered
        end
        """;

    // a terminal of its own, in which the tab key is pressed
    const string Zsh =
        """
        zmodload zsh/zpty
        zpty shell zsh -f -i
        zpty -w shell 'PS1=; unsetopt zle_bracketed_paste 2>/dev/null; autoload -U compinit; compinit -u -D; source <(stele completion zsh); setopt list_ambiguous; print loa"ded"'
        zpty -r shell said '*loaded*'
        press() {
          zpty -w -n shell "$1"; said=
          until [[ $said == *$2* ]]; do zpty -w -n shell $'\t'; zpty -r shell said "*($bell|$2)*"; done
          print -r -- "$3: $2"
        }
        bell=$'\a'
        press 'stele get --env prod' production environment
        press ' shell.fi' shell.first key
        zpty -d shell
        """;

    [Theory]
    [InlineData("bash", Bash, new[] { "<shell.first shell.second>", "<production>", "<completion>" })]
    [InlineData("fish", Fish, new[] { "shell.first", "shell.second", "production", "completion" })]
    [InlineData("zsh", Zsh, new[] { "environment: production", "key: shell.first" })]
    public async Task The_tab_key_offers_keys_environments_and_words(string shell, string script, string[] offered)
    {
        var program = new[] { "/usr/bin", "/bin", "/usr/local/bin" }.Select(folder => Path.Combine(folder, shell)).FirstOrDefault(File.Exists);
        if (program is null) Assert.Skip($"{shell} is not on this machine: its completion was not tried");
        (await server.Put("shell.first", """{"value":1}""", "?env=production")).Is(200);
        (await server.Put("shell.second", """{"value":1}""", "?env=production")).Is(200);
        using var home = new TempDirectory();
        var tool = Path.Combine(home.Path, "stele");
        await File.WriteAllTextAsync(tool, $"#!/bin/sh\nexec dotnet '{Path.Combine(AppContext.BaseDirectory, "stele-cli.dll")}' \"$@\"\n", TestContext.Current.CancellationToken);
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(tool, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        using var run = ToolProcess.Start(server, program, ["-c", script], ("PATH", $"{home.Path}:{Environment.GetEnvironmentVariable("PATH")}"), ("HOME", home.Path), ("XDG_CONFIG_HOME", home.Path), ("TERM", "dumb"));
        foreach (var word in offered) await run.Says(word);
    }
}
