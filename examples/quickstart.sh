#!/bin/sh
# quickstart.sh -- from a bare Debian to a trained, verified and drawn classifier.
#
# Installs what is missing, builds, trains the article's classifier on generated
# reviews, proves that its fused training graph equals the unfused one, and leaves
# everything in build/quickstart/. Runs again quickly; needs no network then.
set -eu
cd "$(dirname "$0")/.."
. tests/setup.sh
unset OPENBLAS_CORETYPE OPENBLAS_L2_SIZE 2>/dev/null || true

out=build/quickstart
say() { printf '\n== %s\n' "$*"; }

setup $build_packages graphviz || exit 2
say 'building (a minute or two the first time)'
mkdir -p build
[ -e build/build.ninja ] || meson setup build >build/setup.log 2>&1 || {
    tail -n 20 build/setup.log
    exit 2
}
ninja -C build examples/classifier frontends/addnorm >build/ninja.log 2>&1 || {
    grep -E 'error|FAILED' build/ninja.log | head -n 20
    exit 2
}
rm -rf $out
mkdir -p $out

say 'training on 5,000 generated reviews, the last fifth held out'
build/examples/classifier --max-length 60 --epochs 10 --checkpoint $out/checkpoint \
    --json $out/metrics.json --curves $out/curves.svg --graph $out/training.an

say 'verifying: the training graph after the passes against the one that was defined'
build/frontends/addnorm opt $out/training.an >$out/fused.an
build/frontends/addnorm verify $out/training.an --bind B=32,T=60 --steps 3 --dot $out/verify.svg \
    >$out/verify.txt
sed '/^proof/,$d' $out/verify.txt
build/frontends/addnorm verify $out/training.an --bind B=32,T=60 --steps 3 --json >$out/verify.json

say 'drawing it before and after the fusion'
for graph in training fused; do
    build/frontends/addnorm dot $out/$graph.an --depth 2 -o $out/$graph.dot
    build/frontends/addnorm dot $out/$graph.an --depth 2 -o $out/$graph.svg
done

say "what was made, in $out/"
cat <<'END'
  checkpoint/     weights, optimizer state and vocabulary; go on with --resume
  metrics.json    every epoch's figures
  curves.svg      the training curves
  training.an     the graph as it was defined, gradients and updates included
  fused.an        the same after the passes
  verify.txt      the proof that both compute the same bits, and what was tried (.json, too)
  verify.svg      both side by side, every arrow coloured by its error
  training.svg    pictures of both (and .dot)
  fused.svg
END
