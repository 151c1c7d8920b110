#!/bin/sh
# run.sh --peers PYTHON [BUILD] -- ours beside PyTorch: results first, then times, in turns.
#
# Never run by default: PYTHON needs torch and numpy. BUILD (build) holds the command and the
# benchmarks. Compares what the ops compute with what torch computes of the same numbers, and stops
# if they differ; then the times, ratios from one run, on one thread and on two.
set -u
[ "${1-}" = --peers ] && [ $# -ge 2 ] || { sed -n '2s/^# //p' "$0" >&2; exit 2; }
python=$2 build=${3-build}
unset OPENBLAS_CORETYPE OPENBLAS_L2_SIZE
cd "$(dirname "$0")/../.." || exit 2
ninja -C "$build" frontends/addnorm examples/encoder examples/gpt examples/resnet \
    examples/translate tests/bench_attention tests/bench_conv tests/bench_fetch \
    tests/bench_gru tests/bench_peers tests/bench_resnet tests/write_events >/dev/null || exit 1

export ADDNORM="$build/frontends/addnorm"
"$python" tests/ops/vectors_attention.py || exit 1
"$python" tests/ops/vectors_conv.py || exit 1
"$python" tests/ops/vectors_recurrent.py --compare tests/ops/vectors_recurrent.h || exit 1
"$python" tests/ops/vectors_losses.py --torch || exit 1
"$python" tests/ops/vectors_along.py --torch || exit 1
"$python" tests/optim/vectors_steps.py || exit 1
"$python" tests/frontends/vectors_norms.py --compare tests/frontends/vectors_norms.h || exit 1
if "$python" -c 'import tensorboard' 2>/dev/null; then
    "$python" tests/frontends/peers_tensorboard.py "$build/tests/write_events" || exit 1
else echo 'TensorBoard: not there'
fi
"$python" tests/pictures/peers_pictures.py "$ADDNORM" "$build/examples" || exit 1

for threads in 1 2; do
    echo "$threads threads:"
    "$python" tests/bench/peers_layers.py "$build" $threads || exit 1
done
"$python" tests/bench/peers_gru.py "$build/tests/bench_gru" || exit 1
"$python" tests/bench/peers_gpt.py "$build/tests/bench_peers" || exit 1
"$python" tests/bench/peers_steps.py "$build/tests/bench_peers" || exit 1
"$python" tests/bench/peers_fetch.py "$build/tests/bench_fetch"
