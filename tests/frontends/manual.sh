# manual.sh ADDNORM -- the manual page and bash's completions have every command and every option
# that the command takes, and are what man and bash take.
. tests/frontends/command.sh

expect 0 'help --man' out '.TH ADDNORM 1' out '.SH NAME'
cp "$scratch/out" "$scratch/addnorm.1"
expect 0 'help --completion bash' out 'complete -F _addnorm addnorm'
cp "$scratch/out" "$scratch/completions"
expect 2 'help --completion tcsh' err 'not '
bash -n "$scratch/completions" || wrong 'the completions are no bash'

# completed WORD...: what bash offers for the last of these words, one a line.
completed() {
    bash -c '. "$0"; compopt() { :; }; COMP_WORDS=(addnorm "$@"); COMP_CWORD=$#; _addnorm
        printf "%s\n" "${COMPREPLY[@]}"' "$scratch/completions" "$@"
}

# What roff is told of a word.
in_roff() {
    printf '%s' "$1" | sed 's/-/\\-/g'
}

commands=$("$addnorm" help | sed -n 's/^  \([a-z]*\) .*/\1/p')
[ "$(echo "$commands" | wc -l)" -ge 15 ] || wrong "help lists only $commands"
completed '' | diff -u - /dev/fd/3 3<<END_OF_TEXT || wrong 'bash offers other commands'
$commands
END_OF_TEXT
for command in $commands; do
    options=$("$addnorm" help "$command" | sed -n 's/^  \(-[-a-z]*\)  *.*/\1/p')
    sed -n "/^\.SS addnorm $command\( \|\$\)/,/^\.S[SH] /p" "$scratch/addnorm.1" | sed '1d;$d' >"$scratch/section"
    [ -s "$scratch/section" ] || wrong "the manual has no section on $command"
    for option in $options; do
        grep -qxF -- ".B $(in_roff "$option")" "$scratch/section" ||
            wrong "the manual's section on $command lacks $option"
        grep -qF -- ".B $(in_roff "$option")" "$scratch/addnorm.1" || wrong "the manual lacks $option"
    done
    [ "$(grep -c '^\.B ' "$scratch/section")" = "$(echo "$options" | grep -c .)" ] ||
        wrong "the manual's section on $command has options that the command has not"
    completed "$command" - | sort >"$scratch/offered"
    printf '%s\n--help\n' "$options" | grep . | sort | diff -u - "$scratch/offered" ||
        wrong "bash offers other options of $command"
done
[ "$(completed verify x.an --at-least b)" = bitwise ] || wrong 'bash offers no words of an option'
[ "$(completed verify x.an --at-least = b)" = bitwise ] || wrong 'bash: none behind an equals sign'
[ "$(completed help ver)" = verify ] || wrong 'bash: help offers no commands'
[ "$(cd "$scratch" && completed print addn)" = addnorm.1 ] || wrong 'bash offers no files'
[ "$(cd "$scratch" && completed dot x.an -o addn)" = addnorm.1 ] || wrong 'bash offers no files for -o'
[ -z "$(completed run x.an --steps '')" ] || wrong 'bash offers something for a number'

# man and groff have nothing to object to.
if command -v man >/dev/null; then
    MANWIDTH=80 man -l --warnings "$scratch/addnorm.1" >"$scratch/page" 2>"$scratch/err" ||
        wrong 'man cannot read the page'
    [ ! -s "$scratch/err" ] || wrong "man -l --warnings: $(head -n 3 "$scratch/err")"
    tr -d '\n' <"$scratch/page" | grep -qF 'try.sh CANDIDATE' || wrong 'man: words are missing'
else
    echo 'SKIP: the manual page read by man: it is not installed'
fi
if command -v groff >/dev/null; then
    groff -man -ww -z "$scratch/addnorm.1" >"$scratch/err" 2>&1
    [ ! -s "$scratch/err" ] || wrong "groff -man -ww: $(head -n 3 "$scratch/err")"
else
    echo 'SKIP: the manual page read by groff: it is not installed'
fi
exit $status
