# What depth.c measures: its figures, table and plot, and what it says of a senseless line.
#   depth.sh BUILD-OF-EXAMPLES
set -eu
examples=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "$*"; exit 1; }

# Depth: a net that learns nothing stays below the neighbours. What is wrong is said.
"$examples/depth" --small --json "$work/d.json" --csv "$work/d.csv" --svg "$work/d.svg" \
    --dot "$work/d.dot" >"$work/out" || { cat "$work/out"; fail 'depth failed'; }
python3 - "$work/d.json" "$work/d.csv" "$work/d.svg" <<'END' || fail 'depth: figures'
import csv, json, sys, xml.dom.minidom
d = json.load(open(sys.argv[1]))
assert d["passed"] and d["pre-norm_32_accuracy"] > d["nearest_neighbour"] + 0.1, d
rows = list(csv.DictReader(open(sys.argv[2])))
assert len(rows) == 5 * (2 + 2 + 4 + 32) and rows[0]["net"] == "plain", len(rows)
assert len(xml.dom.minidom.parse(sys.argv[3]).getElementsByTagName("polyline")) == 11
END
grep -q '^- .*: it ' "$work/out" || fail 'depth: no findings'
"$examples/depth" --small --steps 1 >"$work/out" && fail 'depth: an untrained net passed'
"$examples/depth" --steps x 2>"$work/log" && fail 'depth: a senseless option was taken'
grep -q -- '--steps takes a whole number from 0 on' "$work/log" || fail 'depth: no message'
"$examples/depth" --json "$work/none/d.json" --small --steps 1 >"$work/out" 2>"$work/log" &&
    fail 'depth: figures were written nowhere'
grep -q "$work/none/d.json" "$work/log" || fail 'depth: the message does not name the file'
"$examples/depth" --graph "$work/d.an" && grep -q '^output "loss"' "$work/d.an" || fail 'depth: no graph'
"$examples/depth" --graph "$work/none/d.an" 2>"$work/log" && fail 'depth: a graph was written nowhere'
grep -q "$work/none/d.an" "$work/log" || fail 'depth: the message does not name the file of the graph'
