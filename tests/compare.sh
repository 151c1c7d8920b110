#!/bin/sh
# compare.sh REVISION [BUILD] -- does this tree still write the bytes that REVISION wrote?
#
# For changes that must change nothing. Builds REVISION beside BUILD (default: build), then lets both
# print, optimise, draw, summarise and verify every graph of tests/golden/ and the training graphs of
# tests/models.h, and train. Prints what differs and, last, how much was compared.
set -u
cd "$(dirname "$0")/.." || exit 2
[ $# -ge 1 ] || { sed -n '2,6s/^# \{0,1\}//p' tests/compare.sh >&2; exit 2; }
new=$(realpath "${2-build}") source=$PWD
scratch=$(mktemp -d) && trap 'rm -rf "$scratch"' EXIT
git archive --prefix=source/ "$1" | tar -x -C "$scratch" || exit 2
old=$scratch/source/build
{ meson setup "$old" "$scratch/source" && ninja -C "$old"; } >"$scratch/log" 2>&1 ||
    { tail -n 20 "$scratch/log"; exit 2; }

# probe BUILD SOURCE: compare.c with that tree's models and library.
probe() {
    gcc -std=gnu11 -I"$2" -I"$2/frontends" "$source/tests/compare.c" "$2/tests/models.c" -o "$scratch/$3" \
        "$1/frontends/libaddnorm.a" -lopenblas -ljansson -lutf8proc -lpthread -lm || exit 2
}
probe "$old" "$scratch/source" probe_old
probe "$new" "$source" probe_new

# The graphs: golden files as they are, a catalogue cut into its graphs, and the models.
mkdir "$scratch/an"
for file in tests/golden/*.an tests/golden/*/*.an; do
    case $file in
    */catalogue/*)
        awk -v base="$scratch/an/$(basename "$file" .an)" \
            '/^---- / { n++; next } n { print > sprintf("%s_%03d.an", base, n) }' "$file" ;;
    *) sed '/^---- after/,$d' "$file" >"$scratch/an/$(basename "$file")" ;;
    esac
done
for model in classifier gpt encoder; do
    "$scratch/probe_old" graph $model >"$scratch/an/training_$model.an"
done

same=0 differ=0 failed=0
# try NAME COMMAND: a shell line in which @ stands for a build and PROBE for its probe.
try() {
    for side in old new; do
        [ $side = old ] && build=$old || build=$new
        line=$(echo "$2" | sed "s|@|$build|g; s|PROBE|$scratch/probe_$side|g")
        (cd "$scratch/an" && sh -c "$line" 2>&1; echo "exit $?") >"$scratch/said_$side"
    done
    if ! cmp -s "$scratch/said_old" "$scratch/said_new"; then
        differ=$((differ + 1))
        echo "$1 differs:"
        diff "$scratch/said_old" "$scratch/said_new" | head -n 6
        return
    fi
    same=$((same + 1))
    tail -n 1 "$scratch/said_new" | grep -q 'exit 0' || failed=$((failed + 1))
}
for graph in "$scratch"/an/*.an; do
    name=$(basename "$graph")
    for what in print 'opt --explain' 'opt --inference' dot mermaid summary 'verify --json' \
        'verify --gradients --json'; do
        case $what$name in
        *--gradients*training*) continue ;; # they hold their gradients already
        verify*training*) what="$what --seeds 1 --steps 2" ;;
        esac
        try "$what of $name" "@/frontends/addnorm $what $name"
    done
done
try ops '@/frontends/addnorm ops --json'
try passes '@/frontends/addnorm passes --json'
for model in classifier encoder pre post; do
    try "the weights of $model" "PROBE weights $model"
done
try 'examples/classifier' '@/examples/classifier --generate 200 --epochs 1 --max-length 20 --seed 3 \
    --json c.json --dot c.dot 2>&1 >/dev/null | grep -v ms/step; grep sha256 c.json; cat c.dot'
try 'examples/transformer' '@/examples/transformer --steps 60 --dot t.dot; cat t.dot'
cat "$scratch/said_new" | grep reversed
"$scratch/probe_new" weights classifier
"$scratch/probe_new" weights encoder
echo "$(ls "$scratch/an" | wc -l) graphs; $same outputs are the same ($failed of them errors), $differ differ"
[ $differ = 0 ]
