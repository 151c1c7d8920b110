# Clients learn together what none of them could learn from hardly any examples of one class; in one
# process and, where there is Open MPI, in several, to the same figures; an untrained net fails.
#   federated.sh BUILD-OF-EXAMPLES
set -eu
. "$(dirname "$0")/ranks.sh"
federated=$1/federated
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "$*"; exit 1; }

easy_reviews "$work/easy.tsv"
easy="--train $work/easy.tsv --max-length 6 --rate 0.004 --central 6"
"$federated" $easy --rounds 8 --json "$work/f.json" --dot "$work/f.dot" >"$work/out" 2>"$work/log" ||
    { cat "$work/out" "$work/log"; fail 'federated failed'; }
python3 - "$work/f.json" <<'PYTHON' || { cat "$work/f.json"; fail 'federated: figures'; }
import json, sys
f = json.load(open(sys.argv[1]))
assert f["passed"] and f["federated"] > 0.95 and f["central"] > 0.95, f
assert f["parcels"] == 8 * 4 and f["weights_of_a_parcel"] > 100000, f
assert f["federated_add_norm"] == f["federated_add_norm_grad"] == f["federated_same"] == 1, f
PYTHON
weights=$(grep '^weights   [0-9a-f]*$' "$work/out") || fail 'federated: no sum of the weights'
[ -s "$work/f.dot" ] || fail 'federated: no drawing'
"$federated" $easy --graph "$work/f.an" && grep -q '^output "loss"' "$work/f.an" ||
    fail 'federated: no graph'
"$federated" $easy --rounds 1 --rate 1e-9 >"$work/out" && fail 'federated: an untrained net passed'
"$federated" $easy --rounds 8 --near 0.001 --json "$work/n.json" >"$work/out" ||
    { cat "$work/out"; fail 'federated: FedProx'; }
"$federated" $easy --rounds 3 --near 1e5 >"$work/out" && fail 'federated: tied down, they learnt'
"$federated" --clients 0 2>"$work/log" && fail 'federated: nobody learnt'
"$federated" --train "$work/none" 2>"$work/log" && fail 'federated: a missing file was taken'
grep -q "$work/none" "$work/log" || fail 'federated: the message does not name the file'

# The same bits from any number of processes.
need_mpirun "$federated" MPI_Init
for n in 2 4; do
    timeout 200 mpirun $root --oversubscribe -n $n "$federated" $easy --rounds 8 \
        --json "$work/$n.json" >"$work/out" 2>"$work/log" ||
        { cat "$work/out" "$work/log"; fail "federated: $n processes"; }
    grep -qx "$weights" "$work/out" || fail "federated: $n processes have other weights"
    grep -q "\"processes\": $n" "$work/$n.json" || fail "federated: there were not $n processes"
    sed "s/\"processes\": $n/\"processes\": 1/" "$work/$n.json" | cmp -s - "$work/f.json" ||
        { diff "$work/$n.json" "$work/f.json"; fail "federated: $n processes find otherwise"; }
done
