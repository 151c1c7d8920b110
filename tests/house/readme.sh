# What the READMEs say about the tree is so: files they name in backticks exist, and "NN ops" is the
# number of rows in ops/ops.def.
. tests/house/house.sh

ops=$(grep -c '^AN_OP(' ops/ops.def)
for readme in README.md */README.md */*/README.md; do
    [ -e "$readme" ] || continue
    folder=$(dirname "$readme")
    grep -oE '[0-9]+ ops\b' "$readme" | while read -r number rest; do
        [ "$number" = "$ops" ] || echo "$readme: says $number ops, the table has $ops"
    done | complaints || status=1
    # Code spans that are a path and nothing else: no blanks, no wildcards, no placeholders.
    grep -oE '`[A-Za-z0-9_./-]+\.(c|h|def|sh|md|an|build)`' "$readme" | tr -d '`' | sort -u |
        while read -r path; do
            [ -e "$path" ] || [ -e "$folder/$path" ] || [ -e "$folder/../$path" ] || find "$folder" -name "$path" | grep -q . ||
                echo "$readme: names $path, which is not there"
        done | complaints || status=1
done
# The program on the first screen is the one that is built and run.
if [ -e README.md ]; then
    shown=$(mktemp) && trap 'rm -f "$shown"' EXIT
    sed -n '/^```c$/,/^```$/p' README.md | sed '1d;$d' >"$shown"
    cmp -s "$shown" examples/first.c || complain README.md 'does not show examples/first.c as it is'
fi
exit $status
