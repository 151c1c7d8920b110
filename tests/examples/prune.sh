# What is pruned has learnt something, its masked steps are proved to be what was written, words that
# decide a class are learnt and survive the loss of most weights, and the file holds what is left.
#   prune.sh BUILD-OF-EXAMPLES
set -eu
prune=$(cd "$1" && pwd)/prune # it works elsewhere
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "$*"; cat "$work/out" "$work/log"; exit 1; }
run() { "$prune" --threads 1 "$@" >"$work/out" 2>"$work/log"; }

cd "$work" # where its files go if no name is given
run --small --json "$work/p.json" --csv "$work/p.csv" --svg "$work/p.svg" --dot "$work/p.dot" ||
    fail 'the small classifier does not learn'
python3 - "$work/p.json" "$work/p.csv" "$work/p.svg" <<'END' || fail 'figures'
import csv, json, sys, xml.dom.minidom
p = json.load(open(sys.argv[1]))
assert p["passed"] and p["prune_same"] == p["prune_add_norm"] == p["prune_add_norm_grad"] == 1, p
rows = list(csv.DictReader(open(sys.argv[2])))
assert [float(r["sparsity"]) for r in rows] == [0, 0.2, 0.4, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98], rows
assert all(abs(float(r["gradual"]) - p["gradual_" + r["sparsity"]]) < 1e-4 for r in rows), (rows, p)
sizes = [int(r["gradual_bytes"]) for r in rows]
assert sizes[0] == sizes[2] > sizes[3] and sizes[-1] * 15 < sizes[0], sizes
assert len(xml.dom.minidom.parse(sys.argv[3]).getElementsByTagName("polyline")) == 3
END
grep -q mask "$work/p.dot" || fail 'no masks in the picture'
[ -z "$(ls "$work" | grep prune-)" ] || fail 'it leaves a file behind'
run --small --rate 1e-9 && fail 'an untrained net passed'

# One word decides the class.
awk 'BEGIN { srand(3); split("red green blue", c, " ")
    for (i = 0; i < 400; i++) { k = int(rand() * 3) + 1; printf "%s\tthis thing is %s\n", c[k], c[k] } }' \
    >three.tsv
run --train three.tsv --epochs 8 --batch 8 --max-length 4 --tuning 2 --json "$work/t.json" \
    --keep "$work/kept.safetensors" || fail 'three classes'
python3 - "$work/t.json" "$work/kept.safetensors" <<'END' || fail 'what is kept'
import json, struct, sys
t = json.load(open(sys.argv[1]))
assert t["gradual_0"] == 1 and t["knee_gradual"] >= 0.8 and t["knee_gradual"] >= t["knee_one_shot"], t
data = open(sys.argv[2], "rb").read()
assert len(data) == t["bytes_knee"], (len(data), t)
length = struct.unpack("<Q", data[:8])[0]
head = json.loads(data[8:8 + length])
def tensor(name, code):
    a, b = head[name]["data_offsets"]
    return struct.unpack(f"<{(b - a) // 4}{code}", data[8 + length + a:8 + length + b])
matrices = [n[:-7] for n in head if n.endswith(".values")]
assert len(matrices) >= 11, head.keys() # four lstms of two, the words, the classes
kept = whole = 0
for m in matrices:
    values, columns, rows = tensor(m + ".values", "f"), tensor(m + ".col_indices", "i"), tensor(m + ".crow_indices", "i")
    assert rows[0] == 0 and rows[-1] == len(values) == len(columns) and list(rows) == sorted(rows), m
    assert all(v != 0 for v in values) and min(columns, default=0) >= 0, m
    for a, b in zip(rows, rows[1:]):
        assert list(columns[a:b]) == sorted(set(columns[a:b])), m
    kept += len(values)
assert not any(n.startswith(("adam", "tuning", "mask")) for n in head), head.keys()
END
run --train "$work/none" && fail 'a missing file was taken'
grep -q "$work/none" "$work/log" || fail 'the message does not name the file'
run --epochs 0 && fail 'no epochs were taken'
grep -q -- '--epochs, --tuning, --batch and --max-length take 1 or more' "$work/log" || fail 'no message'
