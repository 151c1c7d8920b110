# symbols.sh SHARED STATIC: the shared library exports exactly what the public headers mark AN_API,
# and whatever has external linkage at all starts with an_.
. tests/house/house.sh

scratch=$(mktemp -d) && trap 'rm -rf "$scratch"' EXIT
for header in $public; do
    [ -e "$header" ] && echo "#include \"$header\""
done >"$scratch/all.h"

# After the preprocessor AN_API is an attribute; the name is the word before the first parenthesis.
${CC:-gcc} -E -P -I. -x c "$scratch/all.h" | tr '\n' ' ' | tr ';' '\n' |
    sed -n 's/.*visibility("default")))//p' | sed 's/(.*//; s/.*[ *]//' | sort -u >"$scratch/declared"
nm -D --defined-only "$1" | awk '$2 ~ /[TDBRVW]/ { print $3 }' | sort -u >"$scratch/exported"
[ -s "$scratch/exported" ] || complain "$1" 'exports nothing'

# Until the tree is whole (it then has a README.md) headers run ahead of their implementation.
if [ -e README.md ]; then
    comm -23 "$scratch/declared" "$scratch/exported" | sed 's/$/: declared AN_API, not exported/' |
        complaints || status=1
fi
comm -13 "$scratch/declared" "$scratch/exported" | sed 's/$/: exported, not declared AN_API/' |
    complaints || status=1
nm -g --defined-only "$2" |
    awk 'NF == 3 && $3 !~ /^an_/ { print $3 ": external, without the prefix an_" }' |
    complaints || status=1
exit $status
