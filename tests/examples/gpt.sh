# The small model learns, an untrained one fails; weights go through a file; what is wrong is said.
#   gpt.sh BUILD-OF-EXAMPLES
set -eu
gpt=$1/gpt
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "$*"; exit 1; }

"$gpt" --small --norm rms --rotary --weights "$work/w" --json "$work/g.json" \
    --dot "$work/g.dot" >"$work/out" || { cat "$work/out"; fail 'gpt failed'; }
grep -q '^rms: .* 4 add_rms_norm, 4 add_rms_norm_grad; proved$' "$work/out" ||
    fail 'gpt: not fused and proved'
"$gpt" --small --norm rms --rotary --weights "$work/w" --json "$work/h.json" \
    >"$work/again" || fail 'gpt: its own weights failed'
python3 - "$work/g.json" "$work/h.json" <<'END' || fail 'gpt: figures'
import json, sys
g, h = (json.load(open(path)) for path in sys.argv[1:])
assert g["passed"] and g["cached_is_uncached"] == 1 and g["gpt"] < g["unigram"] - 0.3, g
assert g["entropy"] < g["five_gram"] < g["unigram"] < g["uniform"] and h["gpt"] == g["gpt"], (g, h)
END
grep -v '^step\|second' "$work/out" >"$work/a"
grep -v '^step\|second' "$work/again" | cmp -s - "$work/a" || fail 'gpt: loaded weights write otherwise'
"$gpt" --small --weights "$work/w" >"$work/out" 2>&1 && fail 'gpt: weights of another net'
grep -q "$work/w" "$work/out" || fail 'gpt: the message does not name the weights'
"$gpt" --small --steps 1 >"$work/out" && fail 'gpt: an untrained net passed'
"$gpt" --norm batch 2>"$work/log" && fail 'gpt: a norm that there is not'
"$gpt" --small --norm post --train "${0%gpt.sh}run.sh" >"$work/out" || fail 'gpt failed on a file'
"$gpt" --train "$work/none" 2>"$work/log" && fail 'gpt: a missing file was taken'
grep -q "$work/none" "$work/log" || fail 'gpt: the message does not name the file'
printf 'too short' >"$work/short"
"$gpt" --train "$work/short" 2>"$work/log" && fail 'gpt: learned nine bytes'
grep -q '9 bytes are too few' "$work/log" || fail 'gpt: no word of how few'
