import type { Command } from "commander";

/** A completion script for bash, made from the commands as they are. */
export function bashCompletion(program: Command): string {
  const name = program.name();
  const cases = wordsOf(program, "").map(([path, words]) => `    "${path}") words="${words.join(" ")}" ;;`);
  return `# bash completion for ${name}; use it: source <(bin/${name} completion bash)
_${name}() {
  local path="" words="" word i
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="\${COMP_WORDS[i]}"
    [[ $word == -- ]] && return
    [[ $word == -* ]] || case " $(_${name}_words "$path") " in *" $word "*) path="\${path:+$path }$word" ;; esac
  done
  mapfile -t COMPREPLY < <(compgen -W "$(_${name}_words "$path")" -- "\${COMP_WORDS[COMP_CWORD]}")
}
_${name}_words() {
  local words=""
  case "$1" in
${cases.join("\n")}
  esac
  printf '%s' "$words"
}
complete -o default -F _${name} ${name} bin/${name} ./bin/${name}
`;
}

/** Of each command by its path: its subcommands and its options. */
function wordsOf(command: Command, path: string): (readonly [string, readonly string[]])[] {
  const visible = command.createHelp();
  const subcommands = visible.visibleCommands(command).map((sub) => sub.name());
  const options = visible.visibleOptions(command).flatMap(({ long }) => (typeof long === "string" ? [long] : []));
  return [
    [path, [...subcommands, ...options]],
    ...command.commands.flatMap((sub) => wordsOf(sub, path === "" ? sub.name() : `${path} ${sub.name()}`)),
  ];
}
