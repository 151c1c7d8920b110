# The translator learns; each decoder block has three fused Add & Norm, each encoder block two; what
# trains is proved to be what was written; an untrained net does not pass.
#   translate.sh BUILD-OF-EXAMPLES
set -eu
translate=$1/translate
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "$*"; exit 1; }

"$translate" --small --beam 2 --json "$work/t.json" --dot "$work/t.dot" >"$work/out" ||
    { cat "$work/out"; fail 'translate failed'; }
python3 - "$work/t.json" <<'END' || fail 'translate: figures'
import json, sys
d = json.load(open(sys.argv[1]))
blocks = 2
assert d["decoder_add_norm"] == 3 * blocks and d["encoder_add_norm"] == 2 * blocks, d
assert d["training_add_norm"] == d["training_add_norm_grad"] == 5 * blocks, d
assert d["passed"] and d["proved"] == 1 and d["beam_likelier"] > d["beam_less_likely"], d
assert d["greedy_words"] > max(d["word_by_word_words"], d["nearest_neighbour_words"]), d
END
grep -q 'proved, the same bits' "$work/out" && [ -s "$work/t.dot" ] ||
    fail 'translate: no proof, or no picture'

# Without training it does not pass; a beam of one is greedy.
"$translate" --small --epochs 0 --beam 1 --json "$work/t.json" >"$work/out" &&
    fail 'translate: an untrained net passed'
python3 - "$work/t.json" <<'END' || fail 'translate: a beam of one is not greedy'
import json, sys
d = json.load(open(sys.argv[1]))
assert not d["passed"] and d["beam_words"] == d["greedy_words"], d
assert d["beam_likelier"] == d["beam_less_likely"] == 0, d
END
"$translate" --beam x 2>"$work/log" && fail 'translate: a senseless option was taken'
grep -q -- '--beam takes a whole number from 0 on' "$work/log" || fail 'translate: no message'
