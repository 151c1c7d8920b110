# Questions about pictures: the net needs both, an untrained one fails; all Add & Norm fused, the graph
# proved; scenes and questions go through files, and what is wrong with those is said.
#   multimodal.sh BUILD-OF-EXAMPLES
set -eu
multimodal=$1/multimodal
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "$*"; exit 1; }

"$multimodal" --small --json "$work/m.json" --dot "$work/m.dot" >"$work/out" 2>"$work/log" ||
    { cat "$work/out"; fail 'multimodal failed'; }
python3 - "$work/m.json" <<'PYTHON' || { cat "$work/m.json"; fail 'multimodal: figures'; }
import json, sys
m = json.load(open(sys.argv[1]))
best = max(m["no_picture"], m["no_question"], m["majority"])
assert m["passed"] and abs(m["margin"] - (m["both"] - best)) < 1e-6 and m["margin"] > 0.03, m
assert m["both_add_norm"] == m["both_add_norm_grad"] == 6 and m["both_same"] == 1, m
PYTHON
[ -s "$work/m.dot" ] || fail 'multimodal: no drawing'
"$multimodal" --small --graph "$work/m.an" && grep -q '^output "loss"' "$work/m.an" ||
    fail 'multimodal: no graph'
"$multimodal" --small --rate 1e-9 --epochs 1 >"$work/out" 2>"$work/log" &&
    fail 'multimodal: an untrained net passed'

"$multimodal" --questions 200 --write "$work/scenes" 2>"$work/log" || {
    grep -q 'without libpng' "$work/log" || fail 'multimodal: --write'
    echo 'SKIP: pictures with questions: built without libpng'
    exit 0
}
scenes="$work/scenes/scenes.tsv"
# Answers that can be seen in the file itself: what color the only circle is.
python3 - "$scenes" <<'PYTHON' || fail 'multimodal: what was written'
import collections, sys
rows = [line.rstrip("\n").split("\t") for line in open(sys.argv[1])]
assert len(rows) == 200 and all(len(row) == 3 for row in rows), len(rows)
kinds = collections.Counter(row[1].split()[0] for row in rows)
assert set(kinds) == {"how", "what", "is"}, kinds
assert {a for _, q, a in rows if q.startswith("what")} == {"red", "green", "blue"}, rows
assert {a for _, q, a in rows if q.startswith("is")} == {"yes", "no"}, rows
assert {a for _, q, a in rows if q.startswith("how")} <= {"0", "1", "2", "3"}, rows
PYTHON
"$multimodal" --scenes "$scenes" --epochs 1 --json "$work/n.json" >"$work/out" 2>"$work/log" ||
    [ -s "$work/n.json" ] || { cat "$work/log"; fail 'multimodal: --scenes'; }
grep -q '^both .* of [2-6][0-9] new questions' "$work/out" || fail 'multimodal: a fifth is not new'
# CRLF, an empty line, the same picture twice, no newline at the end.
{ sed 's/$/\r/' "$scenes"; printf '\n00001.png\twhat color is the circle\tred'; } >"$work/scenes/odd.tsv"
"$multimodal" --scenes "$work/scenes/odd.tsv" --epochs 1 --json "$work/o.json" >"$work/out" \
    2>"$work/log" || [ -s "$work/o.json" ] || { cat "$work/log"; fail 'multimodal: CRLF'; }
refused() {
    message=$1
    shift
    "$multimodal" "$@" >"$work/out" 2>"$work/log" && fail "multimodal: taken: $message"
    grep -q -- "$message" "$work/log" || { cat "$work/log"; fail "multimodal: no word of: $message"; }
}
printf 'none.png\twhat color is the circle\tred\n' >"$work/scenes/bad.tsv"
refused 'scenes/none.png: ' --scenes "$work/scenes/bad.tsv"
printf '00001.png\twhat color is the circle\n' >"$work/scenes/bad.tsv"
refused 'a line is a picture, a question and an answer' --scenes "$work/scenes/bad.tsv"
printf '00001.png\twhat color\tred\n' >"$work/scenes/bad.tsv"
refused 'it needs questions about several pictures' --scenes "$work/scenes/bad.tsv"
refused "$work/nowhere" --scenes "$work/nowhere"
