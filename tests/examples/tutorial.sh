# Each program of the tutorial has at most 40 lines and prints what its first comment says: the lines
# of that comment that are indented by five blanks, and nothing else.
#   tutorial.sh BUILD-OF-EXAMPLES
set -eu
examples=$1
folder=$(dirname "$0")/../../examples/tutorial
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0

count=0
for source in "$folder"/[0-9]_*.c; do
    name=$(basename "$source" .c)
    count=$((count + 1))
    lines=$(wc -l <"$source")
    [ "$lines" -le 40 ] || { echo "$name.c has $lines lines, more than 40"; status=1; }
    sed '/\*\/$/q' "$source" | sed -n 's/^ \*     //p' >"$work/said"
    [ -s "$work/said" ] || { echo "$name.c does not say what it prints"; status=1; }
    "$examples/$name" >"$work/printed" || { echo "$name failed"; status=1; }
    diff "$work/said" "$work/printed" || { echo "$name does not print what it says"; status=1; }
done
[ "$count" = 5 ] || { echo "$count programs, not 5"; status=1; }
exit $status
