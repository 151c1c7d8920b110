# One training on several ranks is one on one: the losses, the test, and the same bits every time; a
# killed rank ends all, and any number of ranks goes on from what rank 0 had saved.
#   data_parallel.sh BUILD-OF-EXAMPLES
set -eu
. "$(dirname "$0")/ranks.sh"
program=$1/data_parallel
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "$*"; exit 1; }
weights() { grep '^weights [0-9a-f]*$' "$1" || fail "data_parallel: no sum of the weights in $1"; }

easy_reviews "$work/easy.tsv"
easy="--train $work/easy.tsv --batch 24 --rate 0.01"
"$program" $easy --steps 80 --json "$work/1.json" --dot "$work/d.dot" >"$work/out" 2>"$work/log" ||
    { cat "$work/out" "$work/log"; fail 'data_parallel failed'; }
python3 - "$work/1.json" <<'PYTHON' || { cat "$work/1.json"; fail 'data_parallel: figures'; }
import json, sys
f = json.load(open(sys.argv[1]))
assert f["passed"] and f["ranks"] == 1 and f["accuracy"] > 0.9, f
assert f["classifier_add_norm"] == f["classifier_add_norm_grad"] == f["classifier_same"] == 1, f
PYTHON
grep -q all_reduce "$work/d.dot" || fail 'data_parallel: no all_reduce in the drawing'
"$program" $easy --graph "$work/d.an" && grep -q '= all_reduce %.*averaged=1' "$work/d.an" ||
    fail 'data_parallel: no all_reduce in the graph'
"$program" $easy --rate 1e-9 --steps 5 >"$work/out" && fail 'data_parallel: an untrained net passed'
"$program" --model rnn 2>"$work/log" && fail 'data_parallel: took another model'
"$program" --resume 2>"$work/log" && fail 'data_parallel: resumed from nothing'

need_mpirun "$program" an_mpi_open
on() {
    n=$1
    shift
    timeout 120 mpirun $root --oversubscribe -n $n "$program" "$@" >"$work/$n.out" 2>"$work/$n.log"
}
for n in 2 3; do
    on $n $easy --steps 80 --json "$work/$n.json" || { cat "$work/$n".*; fail "$n ranks"; }
    weights "$work/$n.out" >"$work/$n.first"
    python3 - "$work/$n.json" "$work/1.json" $n <<'PYTHON' || fail "$n ranks: figures"
import json, sys
f, one = (json.load(open(p)) for p in sys.argv[1:3])
assert f["ranks"] == int(sys.argv[3]) and f["messages"] == 2, f
assert f["first_losses_apart"] <= 1e-6 and abs(f["accuracy"] - one["accuracy"]) <= 0.01, f
assert all(abs(f["loss_%d" % i] / one["loss_%d" % i] - 1) <= 1e-6 for i in (1, 2, 3)), f
PYTHON
done
on 2 $easy --steps 80 --only && weights "$work/2.out" | cmp -s - "$work/2.first" ||
    fail 'two ranks have other bits the second time'
on 5 $easy 2>/dev/null && fail 'five ranks took 24 rows'
on 2 --model gpt --steps 80 --width 32 || { cat "$work"/2.out "$work"/2.log; fail 'gpt on two ranks'; }

# In two goes as in one; the second may have another number of ranks.
saved="--checkpoint $work/c.safetensors"
on 2 $easy --steps 80 --stop 40 $saved --only || true # it has hardly learnt
cp "$work/c.safetensors" "$work/half"
on 2 $easy --steps 80 $saved --resume || { cat "$work"/2.*; fail 'two ranks did not go on'; }
weights "$work/2.out" | cmp -s - "$work/2.first" || fail 'two goes have other bits than one'
cp "$work/half" "$work/c.safetensors"
on 3 $easy --steps 80 $saved --resume || { cat "$work"/3.*; fail 'three ranks did not go on'; }

# A rank is killed: all end, soon, and not well; what was saved is whole.
mpirun $root --oversubscribe -n 2 "$program" $easy --steps 100000 --save-every 5 \
    --checkpoint "$work/k.safetensors" >"$work/out" 2>"$work/log" &
job=$!
for i in $(seq 300); do
    [ -e "$work/k.safetensors" ] && break
    sleep 0.1
done
victim=$(pgrep -f "checkpoint $work/k.safetensors" | while read -r pid; do
    tr '\0' '\n' <"/proc/$pid/environ" 2>/dev/null | grep -qx 'OMPI_COMM_WORLD_RANK=1' && echo "$pid"
done)
[ -n "$victim" ] || fail 'there is no rank 1 to be killed'
kill -9 $victim
began=$(date +%s)
wait $job && fail 'a rank was killed and the job ended well'
[ $(($(date +%s) - began)) -lt 30 ] || fail 'a rank was killed and the job went on for 30 s'
"$program" $easy --steps 100000 --stop 1 --checkpoint "$work/k.safetensors" --resume >"$work/out" 2>"$work/log" || true
grep -q '^weights' "$work/out" || { cat "$work/log"; fail 'what was saved does not load'; }
