# The net learns words by speakers whom it does not know, an untrained one fails; weights go through a
# file, and one WAV is told; folders are read; what is wrong is said.
#   speech.sh BUILD-OF-EXAMPLES
set -eu
speech=$1/speech
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "$*"; exit 1; }

"$speech" --small --json "$work/s.json" --dot "$work/s.dot" --weights "$work/w" >"$work/out" \
    2>"$work/log" || { cat "$work/out"; fail 'speech failed'; }
"$speech" --small --json "$work/t.json" --weights "$work/w" >"$work/again" 2>"$work/log" ||
    fail 'speech: its own weights failed'
python3 - "$work/s.json" "$work/t.json" <<'PYTHON' || { cat "$work/s.json"; fail 'speech: figures'; }
import json, sys
s, t = (json.load(open(path)) for path in sys.argv[1:])
assert s["passed"] and s["margin"] > 0.05 and s["accuracy"] == t["accuracy"], (s, t)
assert s["speech_add_norm"] == s["speech_add_norm_grad"] == 3 and s["speech_same"] == 1, s
PYTHON
[ -s "$work/s.dot" ] || fail 'speech: no drawing'
"$speech" --small --graph "$work/s.an" && grep -q '^output "loss"' "$work/s.an" ||
    fail 'speech: no graph'
"$speech" --small --rate 1e-9 >"$work/out" 2>"$work/log" && fail 'speech: an untrained net passed'

# Words as files: told one by one, and learnt from folders.
"$speech" --small --seed 5 --write "$work/words" || fail 'speech: --write'
right=0
for word in yes no up down left right on off stop go; do
    "$speech" --weights "$work/w" --wav "$work/words/$word/003_nohash_0.wav" >"$work/out" ||
        { cat "$work/out"; fail 'speech: --wav'; }
    grep -q "^$word " "$work/out" && right=$((right + 1))
done
[ "$right" -ge 5 ] || fail "speech: $right words of ten were told from their files"
rm -r "$work/words/up" "$work/words/down"
mkdir "$work/words/_background_noise_" && echo noise >"$work/words/_background_noise_/1.wav"
"$speech" --folder "$work/words" --epochs 6 --json "$work/s.json" >"$work/out" 2>"$work/log" ||
    { cat "$work/out" "$work/log"; fail 'speech: --folder'; }
python3 - "$work/s.json" <<'PYTHON' || { cat "$work/s.json"; fail 'speech: figures of a folder'; }
import json, sys
s = json.load(open(sys.argv[1]))
assert s["margin"] > 0.05, s
PYTHON
"$speech" --folder "$work/words" --weights "$work/w" 2>"$work/log" >"$work/out" &&
    fail 'speech: weights of other words'
grep -q "$work/w" "$work/log" || fail 'speech: the message does not name the weights'
echo 'no sound' >"$work/words/yes/000_nohash_0.wav"
"$speech" --folder "$work/words" 2>"$work/log" && fail 'speech: a file that is no sound was taken'
grep -q 'yes/000_nohash_0.wav: it is no RIFF WAVE file' "$work/log" || fail 'speech: no word of it'
"$speech" --folder "$work/none" 2>"$work/log" && fail 'speech: a missing folder was taken'
grep -q "$work/none" "$work/log" || fail 'speech: the message does not name the folder'
"$speech" --weights "$work/w" --wav "$work/none.wav" 2>"$work/log" && fail 'speech: a missing file'
exit 0
