# The examples run, give the right numbers, and the classifier survives what files hold.
#   run.sh BUILD-OF-EXAMPLES
set -eu
examples=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "$*"; exit 1; }

"$examples/residual" >"$work/out" || fail 'residual failed'
grep -q 'y   = h2 + h1 .*= \[83, 115\]' "$work/out" || fail 'residual: not [83, 115]'
"$examples/layer_norm" >"$work/out" || fail 'layer_norm failed'
grep -q -- '-1.3416 -0.4472 0.4472 1.3416' "$work/out" || fail 'layer_norm: wrong numbers'
grep -q '1 node was fused; proved: equal for every feed' "$work/out" || fail 'layer_norm: the pair did not fuse'
"$examples/custom_op" >"$work/out" 2>&1 || { cat "$work/out"; fail 'custom_op failed'; }
grep -q '^verify: proved: equal for every feed' "$work/out" || fail 'custom_op: not proved'

# More than two labels, odd bytes, quoted newlines, CRLF, a BOM, an empty text.
awk 'BEGIN { srand(3); split("red green blue", c, " ")
    for (i = 0; i < 240; i++) {
        k = int(rand() * 3) + 1
        printf "%s\tthis thing is %s\n", c[k], c[k] } }' >"$work/three.tsv"
printf 'red\tred \377\376 \303\n\nblue\t\n' >>"$work/three.tsv"
"$examples/classifier" --train "$work/three.tsv" --test "$work/three.tsv" --epochs 12 \
    --max-length 8 --batch 8 --checkpoint "$work/c" --json "$work/m.json" --predict "$work/three.tsv" \
    --dot "$work/t.dot" --graph "$work/t.an" >"$work/out" 2>"$work/log" ||
    { cat "$work/log"; fail 'classifier failed on three classes'; }
python3 - "$work/m.json" <<'END' || fail 'metrics are not what they should be'
import json, sys
m = json.load(open(sys.argv[1]))
assert m["classes"] == 3 and m["fused_add_norm"] == 1 and len(m["epochs"]) == 12, m
assert m["test"]["accuracy"] > 0.9 and len(m["weights_sha256"]) == 64, m
END
[ -s "$work/t.dot" ] && [ -s "$work/t.an" ] || fail 'no drawing'

printf '\357\273\277review,sentiment\r\n"good, ""very""\r\nnice",positive\r\n' >"$work/two.csv"
for i in 1 2 3 4 5 6; do
    printf 'fine %s,positive\r\npoor %s,negative\r\n' $i $i
done >>"$work/two.csv"
"$examples/classifier" --train "$work/two.csv" --epochs 1 --max-length 5 2>"$work/log" ||
    { cat "$work/log"; fail 'classifier failed on a CSV'; }
mkdir -p "$work/imdb/pos" "$work/imdb/neg"
for i in 1 2 3 4 5 6; do
    echo "good $i" >"$work/imdb/pos/$i.txt"
    echo "bad $i" >"$work/imdb/neg/$i.txt"
done
"$examples/classifier" --train "$work/imdb" --epochs 1 --mask --tokens char --max-length 9 \
    2>"$work/log" || { cat "$work/log"; fail 'classifier failed on a folder'; }

# Any number of threads gives the same weights; a resumed training too.
sums=
for threads in 1 2 3 7; do
    "$examples/classifier" --generate 300 --epochs 2 --max-length 40 --threads $threads \
        --json "$work/m.json" 2>/dev/null
    sums="$sums $(grep -o '"weights_sha256": "[0-9a-f]*"' "$work/m.json" | tail -c 66)"
done
[ "$(printf '%s\n' $sums | sort -u | wc -l)" = 1 ] || fail "weights depend on threads: $sums"
"$examples/classifier" --generate 300 --epochs 1 --max-length 40 --checkpoint "$work/r" 2>/dev/null
"$examples/classifier" --generate 300 --epochs 2 --max-length 40 --checkpoint "$work/r" --resume \
    --json "$work/m.json" 2>/dev/null
resumed=$(grep -o '"weights_sha256": "[0-9a-f]*"' "$work/m.json" | tail -c 66)
[ "$(printf '%s\n' $sums "$resumed" | sort -u | wc -l)" = 1 ] || fail 'resuming changed the weights'

# Stopped by a signal it keeps its last step, answers 128 + the signal, and goes on to the same bits.
fit="$examples/classifier --generate 600 --epochs 2 --max-length 40"
$fit --json "$work/m.json" 2>/dev/null
straight=$(grep -o '"weights_sha256": "[0-9a-f]*"' "$work/m.json" | tail -c 66)
for signal in INT TERM; do
    rm -rf "$work/s"
    # A shell starts background jobs with SIGINT ignored; python does not.
    python3 - $signal "$work/s" $fit --checkpoint "$work/s" 2>"$work/log" <<'END' ||
import os, signal, subprocess, sys, time
number = getattr(signal, 'SIG' + sys.argv[1])
signal.signal(signal.SIGINT, signal.SIG_DFL)
child = subprocess.Popen(sys.argv[3:])
while not os.path.exists(sys.argv[2]):
    time.sleep(0.01)
time.sleep(0.2)
child.send_signal(number)
sys.exit(0 if child.wait() == 128 + number else 1)
END
        { cat "$work/log"; fail "classifier: SIG$signal was not answered with 128 + its number"; }
    grep -q -- '--resume goes on from here' "$work/log" || fail "classifier: SIG$signal: no word of it"
    $fit --checkpoint "$work/s" --resume --json "$work/m.json" 2>/dev/null
    resumed=$(grep -o '"weights_sha256": "[0-9a-f]*"' "$work/m.json" | tail -c 66)
    [ "$straight" = "$resumed" ] || fail "classifier: stopped by SIG$signal it ended with other bits"
done

# What is wrong is said, with a status.
"$examples/classifier" --epochs x 2>"$work/log" && fail 'a senseless option was taken'
grep -q -- '--epochs takes a positive number' "$work/log" || fail 'no message for --epochs x'
"$examples/classifier" --train "$work/none" 2>"$work/log" && fail 'a missing file was taken'
grep -q "$work/none" "$work/log" || fail 'the message does not name the missing file'
