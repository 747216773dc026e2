# To be sourced: `built ROOT` is true where ROOT/dist is at least as new as every source of the program.
built() {
  [ -e "$1/dist/dragonflow.js" ] &&
    [ -z "$(find "$1/packages" "$1/package-lock.json" -name node_modules -prune -o -type f \( -name '*.ts' ! -name '*.test.ts' -o -name '*.json' -o -name '*.sh' \) -newer "$1/dist/dragonflow.js" -print -quit)" ]
}
