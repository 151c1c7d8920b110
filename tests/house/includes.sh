# Includes follow the rooms' own pages. Each folder of sources has a README.md whose paragraph
# "May include: `core/`, `graph/passes/pipeline.h`." is the rule for its files: a folder stands for
# the files right in it, a header for itself. A page may name rooms that stand before its own below,
# and the public header of the folder it stands in; it may not name what nobody includes. So no two
# rooms can come to need each other. Tests may include everything.
#
# Besides: includes are root-relative, and a public header includes public headers and tables (.def)
# only.
. tests/house/house.sh

order='core ops/kernels ops ops/attention ops/images ops/recurrent
    graph graph/text graph/passes graph/run graph/profile graph/memory graph/picture graph/equal/proof graph/equal graph/reduce
    optim
    frontends frontends/layers frontends/formats frontends/text frontends/data frontends/inspect frontends/page frontends/train
    frontends/mpi frontends/cli
    examples'

scratch=$(mktemp -d) && trap 'rm -rf "$scratch"' EXIT

# What the pages allow: "room allowed", a line each.
for room in $order; do
    [ -e "$room/README.md" ] || { complain "$room" 'has no README.md'; continue; }
    sed -n '/^May include:/,/^$/p' "$room/README.md" | tr '\n' ' ' | grep -oE '`[^`]+`' | tr -d '`' |
        sed "s|^|$room |"
done >"$scratch/allowed"
# What the files do: "file line included", a line each.
sources $library examples tests | xargs grep -Hn '^ *# *include *"' | grep -v 'house: ' |
    sed -E 's/^([^:]*):([0-9]+):[^"]*"([^"]*)".*/\1 \2 \3/' >"$scratch/includes"

awk -v order="$order" -v doors="$public $umbrella" '
    function room(path) { return substr(path, 1, match(path, /\/[^\/]*$/) - 1) }
    BEGIN {
        n = split(order, name); for (i = 1; i <= n; i++) place[name[i]] = i
        n = split(doors, name); for (i = 1; i <= n; i++) door[name[i]] = 1
    }
    FILENAME == ARGV[1] { # a page
        what = $2; sub(/\/$/, "", what)
        allowed[$1, what] = 1
        its = what in place ? what : room(what)
        outer = what in door && its == room($1)
        if (!(its in place)) print $1 "/README.md: may include " $2 ", which is no room"
        else if (place[its] >= place[$1] && !outer)
            print $1 "/README.md: may include " $2 ", which stands above it"
        next
    }
    { # an include
        mine = room($1); its = room($3)
        if (!(its in place) && its !~ /^tests/) print $1 ":" $2 ": \"" $3 "\" is not root-relative"
        if ($1 in door && !($3 in door) && $3 !~ /\.def$/) print $1 ":" $2 ": public header includes an internal one"
        if (mine ~ /^tests/ || mine == its) next
        if ((mine, $3) in allowed) used[mine, $3] = 1
        else if ((mine, its) in allowed) used[mine, its] = 1
        else print $1 ":" $2 ": " mine "/README.md does not allow \"" $3 "\""
    }
    END {
        for (pair in allowed) {
            split(pair, p, SUBSEP)
            if (!(pair in used)) print p[1] "/README.md: may include " p[2] ", and does not"
        }
    }' "$scratch/allowed" "$scratch/includes" | sort | complaints || status=1

# The vectors of core/simd.h belong to the files that are compiled once per instruction set.
awk '$3 == "core/simd.h" && $1 !~ /^(ops\/kernels|tests|core)\// {
        print $1 ":" $2 ": only kernels may include core/simd.h" }' "$scratch/includes" |
    complaints || status=1
exit $status
