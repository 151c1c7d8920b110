# symbols.sh SHARED STATIC [--write]: the shared library exports exactly what the public headers mark
# AN_API; whatever has external linkage at all starts with an_; and both the exported names and the
# sizes of public structs are those of tests/house/abi.txt, so that a change of the ABI is seen in
# review. With --write that list is made anew.
. tests/house/house.sh

list=tests/house/abi.txt
scratch=$(mktemp -d) && trap 'rm -rf "$scratch"' EXIT
for header in $public; do
    echo "#include \"$header\""
done >"$scratch/all.h"
${CC:-gcc} -E -P -I. -x c "$scratch/all.h" >"$scratch/all.i"

# After the preprocessor AN_API is an attribute; the name is the word before the first parenthesis.
tr '\n' ' ' <"$scratch/all.i" | tr ';' '\n' |
    sed -n 's/.*visibility("default")))//p' | sed 's/(.*//; s/.*[ *]//' | sort -u >"$scratch/declared"
nm -D --defined-only "$1" | awk '$2 ~ /[TDBRVW]/ { print $3 }' | sort -u >"$scratch/exported"
[ -s "$scratch/exported" ] || complain "$1" 'exports nothing'
comm -23 "$scratch/declared" "$scratch/exported" | sed 's/$/: declared AN_API, not exported/' |
    complaints || status=1
comm -13 "$scratch/declared" "$scratch/exported" | sed 's/$/: exported, not declared AN_API/' |
    complaints || status=1
nm -g --defined-only "$2" |
    awk 'NF == 3 && $3 !~ /^an_/ { print $3 ": external, without the prefix an_" }' |
    complaints || status=1

# Structs that users allocate or read; opaque ones have no size to depend on.
{
    echo '#include "all.h"'
    echo '#include <stdio.h>'
    echo 'int main(void) {'
    sed -nE 's/^typedef struct (an_[a-z0-9_]+) \{.*/printf("struct \1 %zu\\n", sizeof(\1));/p' "$scratch/all.i" | sort -u
    echo '}'
} >"$scratch/sizes.c"
${CC:-gcc} -I. -I"$scratch" "$scratch/sizes.c" -o "$scratch/sizes" || complain abi 'the sizes do not compile'
{ sed 's/^/function /' "$scratch/exported"; "$scratch/sizes"; } >"$scratch/abi"
if [ "${3-}" = --write ]; then
    cp "$scratch/abi" "$list"
else
    diff "$list" "$scratch/abi" | grep '^[<>]' |
        sed "s|^<|$list: no longer so:|; s|^>|$list: does not say:|; \$a $list: if that is meant: sh tests/house/symbols.sh $1 $2 --write, and a line in README.md, Versions" |
        complaints || status=1
fi
exit $status
