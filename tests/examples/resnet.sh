# The small net learns, is proved to be what was written, an untrained one fails, and files are taken as they are meant or refused.
#   resnet.sh BUILD-OF-EXAMPLES
set -eu
resnet=$1/resnet
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "$*"; cat "$work/out" "$work/log"; exit 1; }
run() { "$resnet" --threads 1 "$@" >"$work/out" 2>"$work/log"; }
refused() { # message, options
    message=$1
    shift
    code=0
    run "$@" || code=$?
    [ $code -ne 0 ] && [ $code -lt 3 ] || fail "code $code: $*"
    grep -qF -- "$message" "$work/log" || fail "no word of '$message': $*"
}

run --small --json "$work/r.json" --dot "$work/r.dot" || fail 'the small net does not learn'
python3 - "$work/r.json" <<'END' || fail 'figures'
import json, sys
r = json.load(open(sys.argv[1]))
best = max(r["majority"], r["nearest_neighbour"], r["linear_1"])
assert r["passed"] and r["proved"] == 1 and r["residual_8"] > 0.7 and abs(r["margin"] + best - r["residual_8"]) < 1e-6, r
END
grep -q residual_add "$work/r.dot" || fail 'no picture'
grep -q 'what trains: proved, the same bits' "$work/out" || fail 'no proof'
run --small --rate 1e-9 && fail 'an untrained net passed'
refused '--depth takes 8, 14, 20' --depth 9
refused 'one of --mnist, --cifar and --folder' --mnist "$work" --cifar "$work"

# Tiny files of each format: a bright left half is class 0, a bright right half class 1.
python3 - "$work" <<'END'
import base64, os, struct, sys, zlib
work = sys.argv[1]
def image(edge, channels, label):
    row = bytes([230] * (edge // 2) + [20] * (edge // 2))
    return (row if label == 0 else row[::-1]) * edge * channels
def put(name, data):
    os.makedirs(os.path.dirname(f"{work}/{name}"), exist_ok=True)
    open(f"{work}/{name}", "wb").write(data)
def idx(*extents):
    return bytes([0, 0, 8, len(extents)]) + struct.pack(f">{len(extents)}I", *extents)
labels = [0, 1] * 8
pictures = b"".join(image(28, 1, l) for l in labels)
for part in "train", "t10k":
    put(f"mnist/{part}-images-idx3-ubyte", idx(16, 28, 28) + pictures)
    put(f"mnist/{part}-labels-idx1-ubyte", idx(16) + bytes(labels))
records = b"".join(bytes([l]) + image(32, 3, l) for l in labels)
for name in [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]:
    put(f"cifar/{name}.bin", records)
def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
right = image(8, 1, 1)
lines = b"".join(b"\0" + right[8 * i:8 * i + 8] for i in range(8))
png = (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 0)) +
       chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b""))
jpeg = base64.b64decode("/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAMCAgMCAgMDAwMEAwMEBQgFBQQEBQoHBwYIDAoMDAsKCwsN"
    "DhIQDQ4RDgsLEBYQERMUFRUVDA8XGBYUGBIUFRT/wAALCAAIAAgBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAABP/EABgQ"
    "AAIDAAAAAAAAAAAAAAAAAAAJR4XE/9oACAEBAAA/ADt9ia2xH//Z")
for i in range(10):
    put(f"pictures/left/{i}.jpg", jpeg)
    put(f"pictures/right/{i}.PNG", png)
put("pictures/notes.txt", b"passed over")
put("cut/left/1.jpg", jpeg[:-4])
put("broken/right/1.png", png[:-30])
put("false/left/1.jpg", png)
END
few='--depth 8 --width 4 --epochs 12 --batch 8 --rate 0.01 --at-least 0.9'
run --mnist "$work/mnist" $few || fail 'MNIST'
grep -q '^16 images to train on, 16 new ones, of 1 x 28 x 28' "$work/out" || fail 'MNIST: what it is'
run --cifar "$work/cifar" $few --images 32 || fail 'CIFAR-10'
grep -q '^32 images to train on, 16 new ones, of 3 x 32 x 32' "$work/out" || fail 'CIFAR-10: what it is'

# What is wrong with a file is said, with its name.
refused 'none/train-images-idx3-ubyte: No such file' --mnist "$work/none"
spoil() { # how to change the bytes b, file, its copy's folder
    rm -rf "$work/bad"
    cp -r "$work/${2%/*}" "$work/bad"
    python3 -c "p = '$work/bad/${2#*/}'; b = bytearray(open(p, 'rb').read()); $1; open(p, 'wb').write(b)"
}
spoil 'del b[-1]' mnist/train-images-idx3-ubyte
refused 'train-images-idx3-ubyte: it has 12543 bytes behind its header, which says 12544' --mnist "$work/bad"
spoil 'b[2] = 13' mnist/train-images-idx3-ubyte
refused 'it begins with 00000d03, an IDX file of bytes of rank 3 with 00000803' --mnist "$work/bad"
spoil 'del b[9:]' mnist/t10k-images-idx3-ubyte
refused 't10k-images-idx3-ubyte: it ends within its header' --mnist "$work/bad"
spoil 'b[0:2] = [0x1f, 0x8b]' mnist/train-labels-idx1-ubyte
refused 'gunzip it first' --mnist "$work/bad"
spoil 'b[4] = 255' mnist/train-images-idx3-ubyte
refused 'an extent is above 2^24' --mnist "$work/bad"
spoil 'b[11] = 27' mnist/train-images-idx3-ubyte
refused 'its images are not 28 x 28' --mnist "$work/bad"
spoil 'b[7] = 15; del b[-1]' mnist/train-labels-idx1-ubyte
refused 'it has 15 labels for 16 images' --mnist "$work/bad"
spoil 'b[10] = 77' mnist/train-labels-idx1-ubyte
refused 'the label at byte 10 is 77' --mnist "$work/bad"
spoil 'del b[-1]' cifar/data_batch_3.bin
refused 'data_batch_3.bin: 49167 bytes are no whole number of records of 3073' --cifar "$work/bad"
spoil 'b[3073] = 10' cifar/test_batch.bin
refused 'test_batch.bin: the label at byte 3073 is 10' --cifar "$work/bad"
rm "$work/bad/data_batch_5.bin"
refused 'data_batch_5.bin: No such file' --cifar "$work/bad"

# Pictures, as far as this build reads them.
"$resnet" --help >"$work/out"
case $(cat "$work/out") in
*'PNG and JPEG folders, one a class'*)
    run --folder "$work/pictures" --edge 12 $few || fail 'pictures'
    grep -q '^class 1: right, 10 pictures' "$work/out" || fail 'pictures: their classes'
    grep -q '^16 images to train on, 4 new ones, of 3 x 12 x 12' "$work/out" || fail 'pictures: what they are'
    refused 'cut/left/1.jpg: it is damaged or cut off' --folder "$work/cut"
    refused 'broken/right/1.png: ' --folder "$work/broken"
    refused 'false/left/1.jpg: Not a JPEG file' --folder "$work/false"
    refused 'it needs two folders of pictures' --folder "$work/mnist" ;;
*) refused 'built without' --folder "$work/pictures" ;;
esac
