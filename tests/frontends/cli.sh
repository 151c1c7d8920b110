# cli.sh ADDNORM -- the command as its users meet it: what it prints where, and what it answers.
# Run in the source root; prints what is wrong, or nothing.
. tests/frontends/command.sh

# The golden files of the passes, before and after, as graphs.
for file in tests/golden/*.an; do
    name=$(basename "$file" .an)
    sed '/^---- after/,$d' "$file" >"$scratch/$name.an"
    sed '1,/^---- after/d' "$file" >"$scratch/$name.after.an"
done
stream=$scratch/fuse_stream_kept.an

# print: comments go, everything else stays; canonical text is a fixed point.
expect 0 "print $stream"
grep -v '^#' "$stream" | diff -u - "$scratch/out" || wrong 'print: changed a canonical graph'
for file in "$scratch"/*.after.an; do
    expect 0 "print $file"
    cp "$scratch/out" "$scratch/once"
    "$addnorm" print - <"$scratch/once" | diff -u "$scratch/once" - || wrong "print $file: twice differs"
done
expect 0 "print --locations $stream" out "at \"$stream\":5"

# explain: one code, however it is written, and the page of all.
expect 0 "explain AN-E012" out 'shapes differ'
expect 0 "explain 13" out 'AN-E013'
expect 2 "explain AN-E099" err "no error 'AN-E099'"
"$addnorm" explain | diff -u core/errors.md - || wrong 'core/errors.md: write it anew (addnorm explain)'
expect 2 "dot $stream --focus nonesuch" err "nothing is called 'nonesuch'; the nearest is"

# opt: the golden graphs; notes go to standard error.
expect 0 "opt $stream --passes fuse_add_norm"
diff -u "$scratch/fuse_stream_kept.after.an" "$scratch/out" || wrong 'opt: another graph'
expect 0 "opt --passes=cse,dce $stream" out 'layer_norm'
expect 0 "opt $scratch/refuse_broadcast.an --explain" out 'layer_norm' \
    err 'refused' err '(broadcast)' err 'refuse_broadcast.an:8'
expect 0 "opt --json --explain $stream" err 'became add_norm'
json 'j["nodes_before"] == 6 and j["nodes_after"] == 5 and j["notes"][0]["done"]'
expect 0 "opt --inference $scratch/inference.an"

# verify: yes for what the passes do, no for what differs or shows nothing.
expect 0 "verify $stream --gradients --bind B=5"
same verify.txt
expect 0 "verify --json --seeds 2 --steps 2 $scratch/fuse_gradient.an"
json 'j["holds"] and j["verdict"] == "proved" and j["numbers"] == "bitwise" and j["fused"]["forward"] == 1 == j["fused"]["backward"]'
json 'j["proof"]["proved"] and j["proof"]["roots"] == j["proof"]["met"] and j["proof"]["rules"]'
json 'all(c["verdict"] == "bitwise" and c["different"] == 0 for c in j["compared"])'
expect 0 "verify --each $stream" out 'exact, 6 nodes to 5, bitwise' out 'exact, 6 nodes to 6, vacuous'
expect 0 "verify $stream --passes inference,fuse_add_norm" out 'proved: equal'
expect 0 "verify $stream $scratch/fuse_stream_kept.after.an" out 'bitwise'
expect 0 "verify $stream $stream" out 'numbers: vacuous, both graphs are the same'
expect 0 "verify $scratch/refuse_broadcast.an" out 'vacuous' out '(broadcast)'
sed 's/1e-05/0.001/' "$stream" >"$scratch/eps.an"
expect 1 "verify $stream $scratch/eps.an" out 'different' out 'worst at'
expect 1 "verify --json $stream $scratch/eps.an"
json 'not j["holds"] and j["verdict"] == "different"'
expect 3 "verify $stream $scratch/fuse_gradient.an" \
    out 'refused: leaf "x" is f32[B,16] in the first graph and f32[B,4] in the second'
expect 2 "verify $stream --at-least nothing" err "reals, bitwise or rounding, not 'nothing'"
expect 0 "verify $stream --gradients --data hard --bind B=5" out 'bitwise'
expect 0 "verify $stream --gradients --data=plain" out 'bitwise'
expect 2 "verify $stream --data soft" err "plain, hard, exact or aimed, not 'soft'"
expect 2 "verify $stream --bind Q=3" err "no dim 'Q'; the nearest is 'B'"
for list in B B= =3 B=3. B=3,,B=4x B=-1 B=9999999999999; do
    expect 2 "verify $stream --bind $list" err '--bind'
done
expect 2 "verify $stream $stream --passes cse" err 'leave --passes away'
expect 2 'verify - -' err 'standard input'

# verify --dot: both graphs in one picture, whatever the verdict.
expect 0 "verify $stream --gradients --dot $scratch/both.dot" out 'bitwise'
for text in 'cluster_a {' 'cluster_b {' 'rounded,dashed' 'Add &amp; Norm' 'is in add_norm %6 now'; do
    grep -qF "$text" "$scratch/both.dot" || wrong "verify --dot: no '$text'"
done
expect 0 "verify $scratch/refuse_broadcast.an --dot $scratch/both.dot --depth 0" out 'vacuous'
grep -qF 'refused: broadcast' "$scratch/both.dot" || wrong 'verify --dot: no refusal'
expect 1 "verify --json $stream $scratch/eps.an --dot $scratch/both.dot"
json 'not j["holds"]'
grep -qF 'the error comes in here' "$scratch/both.dot" || wrong 'verify --dot: no divergence'
if has_graphviz 'verify --dot FILE.svg'; then
    expect 0 "verify $stream --dot $scratch/both.svg"
    grep -q '<svg' "$scratch/both.svg" || wrong 'verify --dot both.svg: no picture'
fi
expect 2 "verify $stream --dot $scratch/both.xyz" err 'both.xyz: a picture ends in'
expect 2 "verify $stream --dot $scratch/both.dot --depth 1001" err '--depth'
expect 3 "verify $stream --dot $scratch/missing/both.dot" err 'missing/both.dot'

# ops, passes, help: from the tables.
expect 0 ops out "$(grep -c '^AN_OP(' ops/ops.def) ops;"
expect 0 'ops add_norm' out 'y, sum, mean, rstd = add_norm(x, skip, gamma?, beta?) {axis, eps}'
expect 0 'ops --json'
json "len(j) == $(grep -c '^AN_OP(' ops/ops.def) and all(o['meaning'] and o['outputs'] for o in j)"
expect 0 'ops --json concat'
json 'j["inputs"][0]["variadic"] and j["attributes"][0]["name"] == "axis"'
expect 2 'ops add_nrm' err "the nearest is 'add_norm'"
expect 0 passes out 'fuse_add_norm'
expect 0 'passes --json'
json '[p["name"] for p in j][0] == "canonicalise"'
expect 0 --version out 'addnorm '
expect 0 --help out 'usage:'
for command in $("$addnorm" help | sed -n 's/^  \([a-z]*\) .*/\1/p'); do
    expect 0 "help $command" out "usage: addnorm $command"
    expect 0 "$command --help" out "usage: addnorm $command"
    expect 2 "$command --jsno" err "--jsno"
done

# Mistakes: the answer is 2, and the message names a way out.
expect 2 '' err 'usage:'
expect 2 prnt err "the nearest is 'print'"
expect 2 "opt --pases $stream" err "the nearest is '--passes'"
expect 2 "opt --passes fuse $stream" err "the nearest is 'fuse_add_norm'"
expect 2 'opt --passes' err 'needs a value'
expect 2 "verify --seeds x $stream" err 'whole number'
expect 2 "verify --seeds -3 $stream" err 'whole number'
expect 2 "print --locations=yes $stream" err 'takes no value'
expect 2 "print $stream $stream" err 'too much'
expect 2 print err 'needs a file'

# Files that cannot be used: the answer is 3, and the message names them.
printf 'a\000b' >"$scratch/zero.an"
printf '%%1: f32[2] = input "a\033[31m"\n%%2: f32[3] = relu %%1\n' >"$scratch/bad.an"
for file in "$scratch" "$scratch/missing.an" "$scratch/zero.an" "$scratch/bad.an"; do
    for command in print opt verify; do
        expect 3 "$command $file" err "$file"
        [ ! -s "$scratch/out" ] || wrong "$command $file: data on standard output"
        ! grep -q "$(printf '\033')" "$scratch/err" || wrong "$file steers the terminal"
    done
done
expect 3 'print -' err 'standard input:1:1: error AN-E030 there is no graph here'

# grad: its outputs are called as verify calls them, before a pass and behind it.
cat >"$scratch/block.an" <<'END'
graph "block"
dims B
%1: f32[B,4] = input "x"
%2: f32[4,4] = state "dense/kernel" {init=glorot_uniform}
%3: f32[4] = state "norm/gamma" {init=constant(1)}
%4: f32[B,4] = matmul %1, %2
%5: f32[B,4] = residual_add %4, %1
%6: f32[B,4], f32[B], f32[B] = layer_norm %5, %3 {axis=-1, eps=1e-05}
%7: f32[B,4] = square %6
%8: f32[] = sum %7 {axes=[0,1]}
%9: f32[] = state "count"
%10: f32[] = constant {data=[1]}
%11: f32[] = add %9, %10
output "y" %6
output "loss" %8
update "step" %9 <- %11
END
block=$scratch/block.an
expect 0 "grad $block --of loss" out 'output "gradient of x"' out 'output "gradient of dense/kernel"'
cp "$scratch/out" "$scratch/gradients.an"
expect 0 "verify $scratch/gradients.an --threads 1,2,3 --bind B=300" out 'fused: 1 forward, 1 backward' \
    out 'holds     programs' out '(36 tried)'
"$addnorm" opt "$scratch/gradients.an" >"$scratch/fused.an"
expect 0 "verify --steps 3 $scratch/gradients.an $scratch/fused.an" out 'update   count'
expect 0 "grad $block --of loss --wrt norm/gamma"
[ "$(grep -c 'gradient of' "$scratch/out")" = 1 ] || wrong 'grad --wrt: not one gradient'
expect 1 "grad $block --of y" err 'scalar'
expect 2 "grad $block --of los" err "the nearest is 'loss'"
expect 2 "grad $block --of loss --wrt gamma" err "the nearest is"
expect 2 "grad $block" err '--of'
expect 2 "verify $block --threads 1,x" err '--threads'
expect 2 "verify $block --threads 0" err '--threads'

# run: arrays in and out, in every type and order that numpy saves.
array() { # array FILE DESCR FORTRAN SHAPE STRUCT-FORMAT NUMBER...
    python3 - "$@" <<'END'
import struct, sys
path, descr, fortran, shape, form = sys.argv[1:6]
head = f"{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}".encode()
head += b' ' * (-(len(head) + 11) % 64) + b'\n'
data = b''.join(struct.pack(form, (float if form[-1] in 'fd' else int)(n)) for n in sys.argv[6:])
open(path, 'wb').write(b'\x93NUMPY\1\0' + struct.pack('<H', len(head)) + head + data)
END
}
cat >"$scratch/twice.an" <<'END'
%1: f32[A,B] = input "x"
%2: f32[A,B] = add %1, %1
output "y" %2
END
cd "$scratch" || exit 1
array c.npy '<f4' False '(2, 3)' '<f' 1 2 3 4 5 6.5
array fortran.npy '<f4' True '(2, 3)' '<f' 1 4 2 5 3 6.5
array big.npy '>f8' False '(2, 3)' '>d' 1 2 3 4 5 6.5
array int.npy '<i8' False '(1, 2)' '<q' -3 4
array bool.npy '|b1' False '(1, 2)' '<B' 0 1
array nought.npy '<f4' False '(0, 3)' '<f'
array record.npy '<c8' False '(1,)' '<q' 1
array short.npy '<f4' False '(2, 3)' '<f' 1 2 3
array huge.npy '<f4' False '(4000000000, 4000000000, 4000000000)' '<f' 1
array flat.npy '<f4' False '(3,)' '<f' 1 2 3
for file in c fortran big; do
    expect 0 "run twice.an --feed x=$file.npy"
    printf 'y f32[2,3]\n  2 4 6\n  8 10 13\n' | diff -u - out || wrong "run: $file.npy read wrongly"
done
says err 'the file has f64'
expect 0 'run twice.an --feed x=int.npy' out '-6 8'
expect 0 'run twice.an --feed x=bool.npy' out '0 2'
expect 0 'run twice.an --feed x=nought.npy' out 'y f32[0,3]'
expect 0 'run twice.an --feed x=fortran.npy --fetch x=again.npy --fetch y --json'
json 'j["y"] == {"dtype": "f32", "shape": [2, 3], "elements": [2, 4, 6, 8, 10, 13]}'
cmp c.npy again.npy || wrong 'run: a fetched input is not the fed file, byte for byte'
for file in record short huge; do
    expect 3 "run twice.an --feed x=$file.npy" err "$file.npy"
done
expect 3 'run twice.an --feed x=twice.an' err 'no .npy file'
expect 3 'run twice.an --feed x=missing.npy' err 'missing.npy'
expect 3 'run twice.an --feed x=c.npy --fetch y=missing/y.npy' err 'missing/y.npy'
expect 2 'run twice.an --feed x=flat.npy' err 'f32[A,B]'
expect 2 'run twice.an' err '--feed NAME=FILE.npy'
expect 2 'run twice.an --feed x' err 'NAME=FILE'
expect 2 'run twice.an --feed z=c.npy' err "the nearest is 'x'"
expect 2 'run twice.an --fetch z' err 'the nearest is'

# run: states, updates, and states kept for the next run.
array row.npy '<f4' False '(1, 4)' '<f' 1 2 3 4
array seven.npy '<f4' False '()' '<f' 7
expect 0 'run block.an --feed x=row.npy --update step --steps 3 --save kept.safetensors --fetch loss'
expect 0 'run block.an --weights kept.safetensors --fetch count' out '3'
expect 0 'run block.an --set count=seven.npy --fetch count' out '7'
expect 0 'run block.an --seed 1 --fetch dense/kernel' && cp out one
expect 0 'run block.an --seed 2 --fetch dense/kernel'
! cmp -s out one || wrong 'run: another seed, the same weights'
expect 3 'run block.an --weights c.npy' err 'c.npy'

# run: weights of another graph are refused by name, and with --partial used by name.
sed 's|dense/kernel|other/kernel|' block.an >other.an
expect 0 'run block.an --fetch dense/kernel --save dense.safetensors'
expect 1 'run block.an --feed x=row.npy --weights dense.safetensors' err 'missing: "norm/gamma"' \
    err 'unused: none' err '(here: --partial)'
expect 3 'run other.an --feed x=row.npy --weights kept.safetensors' \
    err "the graph has no such states (--partial passes over them): 'dense/kernel'"
expect 0 'run block.an --feed x=row.npy --weights dense.safetensors --partial' \
    err "missing, and begun anew: 'norm/gamma'"
expect 0 'run other.an --feed x=row.npy --weights kept.safetensors --partial' \
    err "unused: 'dense/kernel'" err "begun anew: 'other/kernel'"
array gamma.npy '<f4' False '(4,)' '<f' 1 1 1 1
expect 0 'run block.an --feed x=row.npy --weights dense.safetensors --set norm/gamma=gamma.npy'
[ ! -s err ] || wrong 'run: what is set is not missing'
expect 2 'run block.an --update stp' err "the nearest is 'step'"
expect 2 'run block.an --set gamma=c.npy' err 'the nearest is'
cd - >/dev/null || exit 1

# dot, mermaid, summary.
expect 0 "dot $block" out 'digraph'
expect 0 "dot $block -o $scratch/block.dot"
"$addnorm" dot "$block" | cmp -s - "$scratch/block.dot" || wrong 'dot -o: another picture'
if has_graphviz 'dot -o FILE.svg'; then
    expect 0 "dot $block -o $scratch/block.svg"
    grep -q '<svg' "$scratch/block.svg" || wrong 'dot -o block.svg: no picture'
fi
expect 0 "dot $scratch/fused.an --diff $scratch/gradients.an --color phase --depth 1" out 'digraph'
expect 2 "dot $block -o $scratch/block.xyz" err 'block.xyz'
expect 2 "dot $block --color red" err 'category or phase'
expect 2 "dot $block --direction up" err 'down or right'
expect 2 "dot $block --phase none" err 'there are forward, backward and update'
expect 0 "dot $block --direction right --phase forward" out 'rankdir=LR'
expect 0 "dot $scratch/fused.an --unfused" out 'layer_norm'
expect 0 "mermaid $scratch/fused.an --phase forward" out 'flowchart'
expect 3 "opt $block --dot-dir $scratch/missing/pages" err 'No such file'
if has_graphviz 'opt --dot-dir'; then
    expect 0 "opt $stream --dot-dir $scratch/pages" err 'fuse_add_norm.svg: '
    grep -q '<svg' "$scratch/pages/5_fuse_add_norm.svg" || wrong 'opt --dot-dir: no picture'
fi
expect 3 "dot $block --diff $scratch/missing.an" err 'missing.an'
expect 0 "mermaid $block --focus dense/kernel" out 'flowchart'
expect 0 "summary $block --bind B=32" out 'parameters 20'

# profile: a table, JSON, a timeline, a picture; what is wrong with how it is asked.
expect 0 "profile $block --bind B=64 --steps 3 --threads 2" out 'the median of 3' out 'matmul' \
    out 'thread 1: kernels'
expect 0 "profile $block --update step --steps 2 --by node --trace $scratch/t.json" out 'add_norm'
expect 0 "profile $block --steps 2 --json"
python3 - "$scratch/out" "$scratch/t.json" <<'END' || wrong 'profile: the JSON is not what it should be'
import json, sys
profile, trace = (json.load(open(path)) for path in sys.argv[1:])
assert profile['runs'] == 2 and profile['nodes'] and len(profile['threads']) >= 1
assert abs(sum(r['flops'] for r in profile['ops']) - sum(r['flops'] for r in profile['nodes'])) < 1
events = [e for e in trace['traceEvents'] if e['ph'] == 'X']
run, = (e for e in events if e['name'] == 'run')
for e in events: # the schema that Perfetto reads
    assert all(type(e[key]) is int for key in ('pid', 'tid')) and e['dur'] >= 0
    assert run['ts'] <= e['ts'] and e['ts'] + e['dur'] <= run['ts'] + run['dur'] + .001
assert {e['args']['op'] for e in events if 'op' in e['args']} >= {'matmul', 'add_norm'}
END
if has_graphviz 'profile --dot'; then
    expect 0 "profile $block --steps 1 --dot $scratch/p.svg"
    grep -q 'of a run or more' "$scratch/p.svg" || wrong 'profile --dot: no colours of time'
fi
expect 2 "profile $block --by colour" err 'not '
expect 2 "profile $block --threads x" err 'from 1 to 256'
expect 2 "profile $block --bind Q=3" err 'Q'
expect 3 "profile $scratch/missing.an" err 'missing.an'

# memory: a table, JSON, a picture; what is planned is what is drawn.
expect 0 "memory $block --bind B=64" out 'a slab of' out 'alive at the peak' out 'the allocator holds'
printf 'graph "<g> & \\x01"\n%%1: f32[4096] = state "w&<\\">" in "<s>&"\n%%2 = exp %%1 in "<s>&"\noutput "y" %%2\n' >"$scratch/rude.an"
expect 0 "memory $scratch/rude.an -o $scratch/rude.svg"
python3 -c "import sys, xml.dom.minidom as x; assert '<g> &' in x.parse(sys.argv[1]).toxml().replace('&lt;', '<').replace('&gt;', '>').replace('&amp;', '&')" \
    "$scratch/rude.svg" || wrong 'memory: names are not escaped'
expect 0 "memory $block --update step --json -o $scratch/m.svg"
python3 - "$scratch/out" "$scratch/m.svg" <<'END' || wrong 'memory: the map is not what it should be'
import json, sys, xml.etree.ElementTree as tree
m = json.load(open(sys.argv[1]))
assert m['binding'] == 'B=32' and 0 < m['alive'] <= m['slab'] and m['whole']['weights'] > 0
assert sum(s['at_peak'] for s in m['scopes']) == m['alive'] == \
    sum(b['bytes'] for b in m['boxes'] if b['birth'] <= m['peak'] <= b['death'])
svg = tree.parse(sys.argv[2]).getroot()
assert float(svg.get('width')) < 4000 and float(svg.get('height')) < 4000
texts = list(svg.iter('{http://www.w3.org/2000/svg}text'))
assert texts and all(float(t.get('font-size')) >= 9 for t in texts)
titles = [t.text for t in svg.iter('{http://www.w3.org/2000/svg}title')]
assert any('add_norm' in t for t in titles)
END
expect 0 "memory $block --depth 0" out 'outside'
expect 2 "memory $block -o $scratch/m.png" err 'FILE.svg'
expect 2 "memory $block --bind Q=3" err 'Q'
expect 3 "memory $scratch/missing.an" err 'missing.an'

# reduce: what verify objects to, or a command's answer; it says how to see it fail.
sed '/^---- after/,$d' tests/golden/inference.an >"$scratch/dropout.an"
expect 0 "reduce $scratch/dropout.an --passes inference --seed 3 -o $scratch/small.an" \
    err 'different' err '4 nodes became 3'
grep -q "^# addnorm verify $scratch/small.an --seed 3 --passes inference" "$scratch/small.an" ||
    wrong 'reduce: does not say how to see it fail'
expect 1 "verify $scratch/small.an --seed 3 --passes inference" out 'different'
grep -q digraph "$scratch/small.dot" || wrong 'reduce -o: no drawing'
if has_graphviz 'reduce -o and its SVG'; then
    grep -q '<svg' "$scratch/small.svg" || wrong 'reduce -o: no SVG'
fi
expect 1 "reduce $stream --gradients --bind B=3" err 'nothing fails' \
    err "addnorm verify $stream --gradients --seed 0 --bind B=3"
printf 'grep -q layer_norm "$1" && exit 7\nexit 0\n' >"$scratch/try.sh"
run 0 reduce "$block" --command "sh $scratch/try.sh"
last='reduce --command'
says out 'layer_norm %1'
says err '11 nodes became 2'
[ "$(grep -c '^%' "$scratch/out")" = 2 ] || wrong 'reduce --command: more than a norm is left'
"$addnorm" print - <"$scratch/out" >"$scratch/err" || wrong 'reduce: no graph'
run 1 reduce "$scratch/dropout.an" --command "sh $scratch/try.sh" && says err 'it answers 0'
run 1 reduce "$block" --command 'no-such-command' && says err 'cannot run'
run 0 reduce "$block" --tries 2 --command "sh $scratch/try.sh" && says err 'in 2 tries; more'
expect 2 "reduce $block --command false --gradients" err "verify's"
expect 2 "reduce $block -o $scratch/block.svg" err 'beside it'
expect 2 "reduce $block --bind Q=3" err "no dim 'Q'"
expect 3 "reduce $scratch/missing.an" err 'missing.an'
run 3 reduce "$block" --command false -o "$scratch/missing/x.an" && says err 'missing/x.an'

# Large files: time must not grow with the square of what is in them.
awk 'BEGIN { for (i = 1; i <= 100000; i++) printf "%%%d: f32[4] = input \"leaf%d\"\n", i, i }' \
    >"$scratch/leaves.txt"
timeout 10 "$addnorm" print "$scratch/leaves.txt" | tail -n 100000 | cmp - "$scratch/leaves.txt" ||
    wrong 'print: 100,000 inputs take more than 10 seconds, or changed'

# Damage: any bytes at all.
for file in "$scratch"/*.an "$scratch"/*.npy; do
    [ "$file" = "$scratch/zero.an" ] || set -- "$@" "$file"
done
shift
python3 tests/frontends/damage.py "$addnorm" "${AN_SEED:-1}" 150 "$@" || status=1

# Output that cannot be written.
"$addnorm" print "$stream" >&- 2>"$scratch/err" && wrong 'print to a closed output succeeded'
if [ -e /dev/full ]; then
    "$addnorm" print "$stream" >/dev/full 2>"$scratch/err"
    [ $? = 3 ] || wrong 'print to a full disk did not answer 3'
else
    echo 'SKIP: print to a full disk: there is no /dev/full'
fi
exit $status
