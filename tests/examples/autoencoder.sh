# Restoring images teaches what a probe of few labels can use, more than the same encoder untrained
# has; one that learns nothing fails, its steps are proved, and images come from files.
#   autoencoder.sh BUILD-OF-EXAMPLES
set -eu
autoencoder=$1/autoencoder
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "$*"; cat "$work/out" "$work/log"; exit 1; }
run() { "$autoencoder" --threads 1 "$@" >"$work/out" 2>"$work/log"; }

run --small --json "$work/a.json" --dot "$work/a.dot" || fail 'the small encoder does not learn'
python3 - "$work/a.json" <<'END' || fail 'figures'
import json, sys
a = json.load(open(sys.argv[1]))
best = max(a["pixels"], a["random features"], a["encoder untrained"])
assert a["passed"] and abs(a["margin"] + best - a["encoder"]) < 1e-6 and a["margin"] >= 0.02, a
assert a["autoencoder_same"] == 1 and a["autoencoder_add_norm"] == a["autoencoder_add_norm_grad"] == 2, a
END
[ -s "$work/a.dot" ] || fail 'no picture'
run --small --rate 1e-9 && fail 'an untrained encoder passed'
run --width 30 && fail 'a senseless width was taken'
grep -q -- '--width a multiple of 4' "$work/log" || fail 'no message'

# MNIST's files: bright left and right halves, at some height, to be told apart by 100 labels.
python3 - "$work" <<'END'
import struct, sys
work = sys.argv[1]
def image(label, i):
    rows = [[(200 if (x < 14) == (label == 0) and abs(y - 4 - i % 20) < 4 else 20) for x in range(28)]
            for y in range(28)]
    return b"".join(map(bytes, rows))
def idx(*extents): return bytes([0, 0, 8, len(extents)]) + struct.pack(f">{len(extents)}I", *extents)
for part, count in ("train", 240), ("t10k", 60):
    labels = [i % 2 for i in range(count)]
    open(f"{work}/{part}-images-idx3-ubyte", "wb").write(
        idx(count, 28, 28) + b"".join(image(l, i) for i, l in enumerate(labels)))
    open(f"{work}/{part}-labels-idx1-ubyte", "wb").write(idx(count) + bytes(labels))
END
run --mnist "$work" --epochs 2 --batch 16 --margin -1 --json "$work/m.json" || fail 'MNIST'
grep -q '^240 images to train on, 60 new ones, of 1 x 28 x 28' "$work/out" || fail 'MNIST: what it is'
python3 -c 'import json, sys; m = json.load(open(sys.argv[1])); assert m["pixels"] == 1, m' "$work/m.json" ||
    fail 'MNIST: halves are not told apart'
run --mnist "$work/none" && fail 'missing files were taken'
grep -q 'none/train-images-idx3-ubyte: No such file' "$work/log" || fail 'no word of the missing file'
