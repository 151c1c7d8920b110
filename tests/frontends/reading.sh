# reading.sh ADDNORM -- how a person looks into a graph by the command: a value by its number, the
# lines near a node, what two files do not have in common.
. tests/frontends/command.sh

cat >"$scratch/block.an" <<'END_OF_GRAPH'
graph "block"
dims B
%1: f32[B,4] = input "x"
%2: f32[4,4] = state "dense/kernel" {init=glorot_uniform}
%3: f32[4] = state "norm/gamma" {init=constant(1)}
%4: f32[B,4] = matmul %1, %2 in "dense"
%5: f32[B,4] = residual_add %4, %1
%6: f32[B,4], f32[B], f32[B] = layer_norm %5, %3 {axis=-1, eps=1e-05} as "post" in "enc/res"
%7: f32[B,4] = square %6 as "twice" in "a"
%8: f32[] = sum %7 {axes=[0,1]} as "twice" in "b"
%9: f32[] = state "count"
%10: f32[] = constant {data=[1]}
%11: f32[] = add %9, %10
output "y" %6
output "loss" %8
update "step" %9 <- %11
END_OF_GRAPH
block=$scratch/block.an
"$addnorm" opt "$block" >"$scratch/fused.an" || wrong 'opt: no graph'

# run --fetch: every value, by number and by what messages call it.
cat >"$scratch/row.py" <<'END_OF_SCRIPT'
import struct, sys
head = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1, 4), }"
head += b' ' * (-(len(head) + 11) % 64) + b'\n'
open(sys.argv[1], 'wb').write(b'\x93NUMPY\1\0' + struct.pack('<H', len(head)) + head +
                              struct.pack('<4f', 1, 2, 3, 4))
END_OF_SCRIPT
python3 "$scratch/row.py" "$scratch/row.npy"
fetch="run $block --feed x=$scratch/row.npy --fetch"
expect 0 "$fetch y --fetch %6 --fetch post --fetch enc/res/post --fetch enc/res/%6 --fetch post.0 --json"
json 'len(j) == 6 and all(v == j["y"] for v in j.values())'
expect 0 "$fetch %6.1 --fetch post.1 --fetch %6.2=$scratch/rstd.npy --json"
json 'len(j) == 2 and j["%6.1"] == j["post.1"] and j["post.1"]["shape"] == [1]'
grep -q NUMPY "$scratch/rstd.npy" || wrong 'run --fetch %6.2=FILE: no file'
expect 0 "$fetch %1" out '1 2 3 4'
expect 0 "$fetch a/twice"
expect 2 "$fetch twice" err "2 values are called 'twice': a/twice (square) %7, b/twice (sum) %8"
expect 2 "$fetch %6.3" err 'enc/res/post (layer_norm) has outputs .0 to .2, and so no .3'
expect 2 "$fetch %5.1" err '%5 (residual_add) has one output, and so no .1'
expect 2 "$fetch %99" err 'there is no %99; numbers go from %1 to %11'
expect 2 "$fetch %0" err 'there is no %0'
expect 2 "$fetch %99999999999999999999" err 'nothing is called'
expect 2 "$fetch enc" err "'enc' is a scope of 1 node, whose last is %6 (layer_norm)"
expect 2 "$fetch pst" err "nothing is called 'pst'; the nearest is 'post'"
fetch="run $scratch/fused.an --feed x=$scratch/row.npy --fetch"
expect 2 "$fetch %5" err 'next to it are %4 and %6' \
    err 'fuse_add_norm made it a part of enc/res/post (add_norm)'
expect 0 "$fetch %6" err 'taken as an ordinal, add_norm; what line %6 makes is %7'
expect 0 "profile $block --steps 1 --fetch %5 --json"

# print --around: the lines near a node, marked, in the order of the file.
expect 0 "print $block --around post"
diff -u - "$scratch/out" <<'END_OF_TEXT' || wrong "$last: see above"
# within 1 arrow of "post": * itself, ^ what it reads, v what reads it, - neither
^  %3: f32[4] = state "norm/gamma" {init=constant(1)}
^  %5: f32[B,4] = residual_add %4, %1
*  %6: f32[B,4], f32[B], f32[B] = layer_norm %5, %3 {axis=-1, eps=1e-05} as "post" in "enc/res"
v  %7: f32[B,4] = square %6 as "twice" in "a"
v  output "y" %6
END_OF_TEXT
for name in %6 %6.1 enc enc/res enc/res/post y; do
    "$addnorm" print "$block" --around $name | tail -n +2 >"$scratch/other"
    tail -n +2 "$scratch/out" | diff -u - "$scratch/other" || wrong "print --around $name: other lines"
done
expect 0 "print $block --around count" out 'v  update "step" %9 <- %11'
expect 0 "print $block --around loss --radius 100" out '^  %2:' out '^  %1:'
! grep -q count "$scratch/out" || wrong 'print --around: shows what no arrow joins'
expect 0 "print $block --around dense/kernel --radius 2 --locations" out '-  %1:' out ':6'
! grep -q '%3: f32\[4\] = state' "$scratch/out" || wrong 'print --radius: shows what is farther'
expect 2 "print $block --around nonesuch" err "nothing is called 'nonesuch'; the nearest is"
expect 2 "print $block --around=" err "nothing is called ''"
expect 2 "print $block --radius 2" err '--around'
# The same names as pictures take.
for name in %6 %6.1 enc/res/post b/%8 dense/kernel loss; do
    expect 0 "dot $block --focus $name" out 'digraph'
done

# diff: what two files do not have in common, whatever their numbers.
expect 0 "diff $block $block" err 'are the same'
[ ! -s "$scratch/out" ] || wrong 'diff: the same, and yet lines'
sed 's/%\([0-9]*\)/%\10/g; s/^dims B/dims Q, B/; s/axis=-1/axis=1/' "$block" >"$scratch/renumbered.an"
expect 0 "diff $block $scratch/renumbered.an" err 'are the same'
sed 's/1e-05/0.001/; s/square/relu/; s/"loss" %8/"loss" %7/; s/%8: f32\[\] = sum/%8: f32[] = mean/' \
    "$block" >"$scratch/edited.an"
sed -i 's/%7: f32\[B,4\] = relu %6/%7: f32[B,4] = relu %5/; s/^output "y".*/output "z" %6/' "$scratch/edited.an"
expect 1 "diff $block $scratch/edited.an" out '# eps 1e-05 -> 0.001' \
    out '-  output "y" %6' out '+  output "z" %6' \
    out '# op "square" -> "relu"; operand 1 %6 -> %5' out '# op "sum" -> "mean"' \
    out '~+ output "loss" %7  # value %8 -> %7' err '1 only in' err '4 changed'
# A layer put in between moves all numbers; the lines that differ are its own and its reader's.
cat >"$scratch/deeper.an" <<'END_OF_GRAPH'
graph "block"
dims B
%1: f32[B,4] = input "x"
%2: f32[4,4] = state "dense/kernel" {init=glorot_uniform}
%3: f32[4,4] = state "dense_1/kernel" {init=glorot_uniform}
%4: f32[4] = state "norm/gamma" {init=constant(1)}
%5: f32[B,4] = matmul %1, %2 in "dense"
%6: f32[B,4] = matmul %5, %3 in "dense_1"
%7: f32[B,4] = residual_add %6, %1
%8: f32[B,4], f32[B], f32[B] = layer_norm %7, %4 {axis=-1, eps=1e-05} as "post" in "enc/res"
%9: f32[B,4] = square %8 as "twice" in "a"
%10: f32[] = sum %9 {axes=[0,1]} as "twice" in "b"
%11: f32[] = state "count"
%12: f32[] = constant {data=[2]}
%13: f32[] = add %11, %12
output "y" %8
output "loss" %10
update "step" %11 <- %13
END_OF_GRAPH
expect 1 "diff $block $scratch/deeper.an"
cut -c 1-8 "$scratch/out" | tr '\n' ',' | sed 's/$/\n/' >"$scratch/heads"
diff -u - "$scratch/heads" <<'END_OF_TEXT' || wrong "$last: see above, and $(cat "$scratch/out")"
+  %3: f,+  %6: f,~- %5: f,~+ %7: f,-  %10: ,+  %12: ,~- %11: ,~+ %13: ,
END_OF_TEXT
expect 1 "diff --json $scratch/deeper.an $block"
json 'not j["same"] and [r["mark"] for r in j["rows"]].count("~") == 2'
json 'all((r["a"] is None) == (r["mark"] == "+") and (r["b"] is None) == (r["mark"] == "-") for r in j["rows"])'
json 'all(r["kind"] == "node" and (r["differs"] is None) == (r["mark"] != "~") for r in j["rows"])'
expect 0 "diff --json $block $block"
json 'j == {"same": True, "rows": []}'
expect 1 "diff $block $scratch/fused.an" out '-  %5: f32[B,4] = residual_add' out '= add_norm'
# What is only in A from the one side is only in B from the other, in every golden file.
for file in tests/golden/*.an; do
    sed '/^---- after/,$d' "$file" >"$scratch/before.an"
    sed '1,/^---- after/d' "$file" >"$scratch/after.an"
    "$addnorm" print "$scratch/before.an" >"$scratch/printed.an" || wrong "$file: no graph"
    expect 0 "diff $scratch/before.an $scratch/printed.an"
    "$addnorm" diff "$scratch/before.an" "$scratch/after.an" >"$scratch/there" 2>&1
    forth=$?
    "$addnorm" diff "$scratch/after.an" "$scratch/before.an" >"$scratch/back" 2>&1
    [ $forth = $? ] || wrong "diff: $file differs one way only"
done
expect 2 "diff $block" err 'two files'
expect 2 'diff - -' err 'standard input'
expect 3 "diff $block $scratch/missing.an" err 'missing.an'
# Edits of whole graphs, forward and with gradients.
set --
for file in tests/golden/*.an tests/golden/worked/encoder.an; do
    name=$(basename "$file" .an)
    sed '/^---- after/,$d' "$file" >"$scratch/$name.edit"
    set -- "$@" "$scratch/$name.edit"
done
"$addnorm" grad tests/golden/worked/encoder.an --of loss >"$scratch/gradients.edit"
python3 tests/frontends/edits.py "$addnorm" "${AN_SEED:-1}" "$@" "$scratch/gradients.edit" || status=1
# Time must not grow with the square of what differs.
for op in tanh relu; do
    awk -v op=$op 'BEGIN { print "%1: f32[4] = input \"x\""
        for (i = 2; i <= 50000; i++) printf "%%%d: f32[4] = %s %%%d\n", i, op, i - 1 }' >"$scratch/$op.an"
done
timeout 10 "$addnorm" diff "$scratch/tanh.an" "$scratch/relu.an" >"$scratch/out" 2>"$scratch/err"
[ $? = 1 ] || wrong 'diff: 50,000 changed nodes take more than 10 seconds'

# dot: as an_dot_args has it.
expect 0 "dot $block --title=Nought --no-legend" out 'Nought'
cp "$scratch/out" "$scratch/bare"
expect 0 "dot $block" out 'block'
grep -q '  legend \[' "$scratch/out" || wrong 'dot: no legend'
! grep -q '  legend \[' "$scratch/bare" || wrong 'dot --no-legend: a legend'
awk 'BEGIN { print "%1: f32[4] = input \"x\""
    for (i = 2; i <= 1200; i++) printf "%%%d: f32[4] = tanh %%%d in \"s%d/t\"\n", i, i - 1, i / 10
    print "output \"y\" %1200" }' >"$scratch/long.an"
for how in dot mermaid; do
    expect 0 "$how $scratch/long.an" && cp "$scratch/out" "$scratch/bare"
    expect 0 "$how $scratch/long.an --whole"
    [ "$(grep -c 'label=<<B>tanh\|\["tanh' "$scratch/out")" = 1199 ] || wrong "$how --whole: not all nodes"
    [ "$(grep -c tanh "$scratch/bare")" -lt 200 ] || wrong "$how: a large graph is whole"
done

# summary: rows in the order of definition, what each reads and which outputs it makes.
cat >"$scratch/tower.an" <<'END_OF_GRAPH'
graph "tower"
dims B
%1: f32[B,4] = input "x"
%2: f32[4] = state "encoder/block_1/norm/gamma" {init=constant(1)}
%3: f32[B,4] = relu %1 in "encoder/block_1/dense"
%4: f32[B,4], f32[B], f32[B] = layer_norm %3, %2 {axis=-1, eps=1e-05} in "encoder/block_1/norm"
%5: f32[B,4] = tanh %4 in "encoder/block_2/dense"
%6: f32[B,4] = add %5, %4 in "encoder/block_2/dense"
%7: f32[B,4] = add %6, %1
%8 = concat %1, %3, %4, %6, %7 {axis=0} in "encoder/all"
END_OF_GRAPH
for name in a b c d; do echo "output \"$name\" %8"; done >>"$scratch/tower.an"
printf 'output "gamma" %%2\noutput "hidden" %%4.1\n' >>"$scratch/tower.an"
expect 0 "summary $scratch/tower.an" out 'reads  => output' out 'outputs without a row: 1'
sed -E -n 's/^([^ ]+) .* f32\[[^]]*\] +([0-9]+ +[0-9]+ B)? *(.*[^ ]) *$/\1 \3/p' "$scratch/out" |
    grep -v '^x' >"$scratch/rows"
diff -u - "$scratch/rows" <<'END_OF_TEXT' || wrong 'summary: other connections'
encoder/block_1/dense x
encoder/block_1/norm ./dense  => hidden
encoder/block_2/dense ../block_1/norm
%7 encoder/block_2/dense, x
encoder/all x, ./block_1/dense, ./block_1/norm +2  => a, b, c +1
END_OF_TEXT
exit $status
