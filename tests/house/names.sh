# A name says where to look: no two files of the library share a base name (a source and its header
# are one; a kernel may be called like its op family), and no two types share a name, nor a function
# and a macro.
. tests/house/house.sh

sources $library | grep -v '\.def$' | sed -E 's|^(.*)/([^/]*)\.[ch]$|\2 \1|' | sort -u | awk '
    $1 == name && !($2 == "ops/kernels" && folder ~ /^ops/) && !($2 ~ /^ops/ && folder == "ops/kernels") {
        print folder "/" name ": " $2 "/ has a file of that name, too"
    }
    { name = $1; folder = $2 }' | complaints || status=1

code $(sources $library) | sed -nE \
    's/^([^:]*):[0-9]+:(typedef )?(struct|enum|union) (an_[a-z0-9_]+) *\{.*/\4 \1/p' | sort -u | awk '
    $1 == name { print file ": " $2 " has a type " name ", too" }
    { name = $1; file = $2 }' | complaints || status=1

scratch=$(mktemp -d) && trap 'rm -rf "$scratch"' EXIT
code $(sources $library) >"$scratch/code"
sed -nE 's/^[^:]*:[0-9]+:#define (an_[a-z0-9_]+)\(.*/\1/p' "$scratch/code" | sort -u >"$scratch/macros"
sed -nE 's/^[^:]*:[0-9]+:[a-zA-Z_][^(=#]*[ *](an_[a-z0-9_]+)\(.*/\1/p' "$scratch/code" |
    sort -u >"$scratch/functions"
comm -12 "$scratch/macros" "$scratch/functions" | sed 's/$/: both a macro and a function/' |
    complaints || status=1
exit $status
