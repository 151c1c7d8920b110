# The classifier learns the generated corpus, which counting words cannot: that stays below 75 %
# (test_corpus.c holds that side), and 97 % is asked here, on the fifth that it never saw, after a
# number of epochs fixed before. Batches of 16 get there in half the time of the usual 32: five seeds
# with the kernels of three kinds of CPU were between 99.4 % and 100 % after these five epochs, and
# between 95.7 % and 99.8 % after four.
#   corpus.sh BUILD-OF-EXAMPLES
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$1/classifier" --max-length 60 --batch 16 --epochs 5 --json "$work/m.json" 2>"$work/log" ||
    { cat "$work/log"; exit 1; }
tail -n 1 "$work/log"
python3 - "$work/m.json" <<'END'
import json, sys
last = json.load(open(sys.argv[1]))["epochs"][-1]
assert last["val_accuracy"] >= 0.97, last
END
