# The encoder: what hides words and learns to guess them, all Add & Norm fused, both training graphs
# proved; an encoder that learns nothing fails, and what is wrong is said.
#   encoder.sh BUILD-OF-EXAMPLES
set -eu
encoder=$1/encoder
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "$*"; exit 1; }

"$encoder" --small --json "$work/e.json" --dot "$work/e.dot" >"$work/out" ||
    { cat "$work/out"; fail 'encoder failed'; }
python3 - "$work/e.json" <<'PYTHON' || { cat "$work/e.json"; fail 'encoder: figures'; }
import json, sys
e = json.load(open(sys.argv[1]))
assert e["passed"], e
for graph in "pretraining", "tuning":
    # Two a block; left are the norms that have no sum: of the words embedded, and of the guess.
    assert e[graph + "_add_norm"] == e[graph + "_add_norm_grad"] == 4, e
    assert e[graph + "_layer_norm"] == 1 + (graph == "pretraining") and e[graph + "_same"] == 1, e
PYTHON
[ -s "$work/e.dot" ] || fail 'encoder: no drawing'
"$encoder" --small --steps 10 >"$work/out" 2>"$work/log" && fail 'encoder: an untrained net passed'

# A file of texts: long ones, odd bytes, empty lines, CRLF, no newline at the end.
awk 'BEGIN {
    for (i = 0; i < 90; i++) { for (k = 0; k < i; k++) printf "word%d ", i * k % 17; print "" } }' \
    >"$work/texts"
printf 'odd \377\376 bytes\r\n\r\nand no end' >>"$work/texts"
"$encoder" --small --train "$work/texts" >"$work/out" || { cat "$work/out"; fail 'encoder: --train'; }
grep -q 'points over the encoder from scratch' "$work/out" || fail 'encoder: --train tells no figure'
"$encoder" --train "$work/none" 2>"$work/log" >"$work/out" && fail 'encoder: a missing file was taken'
grep -q "$work/none" "$work/log" || fail 'encoder: the message does not name the file'
