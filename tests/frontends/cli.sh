# cli.sh ADDNORM -- the command as its users meet it: what it prints where, and what it answers.
# Run in the source root; prints what is wrong, or nothing.
set -u
addnorm=$1
scratch=$(mktemp -d) && trap 'rm -rf "$scratch"' EXIT
status=0

wrong() {
    echo "$*"
    status=1
}

# run CODE ARGUMENT...: runs the command, keeps $scratch/out and $scratch/err, checks the answer.
run() {
    want=$1
    shift
    "$addnorm" "$@" >"$scratch/out" 2>"$scratch/err" </dev/null
    got=$?
    [ $got = "$want" ] || wrong "addnorm $*: answered $got, not $want: $(head -n 3 "$scratch/err")"
}

# says FILE TEXT: the output (out) or talk (err) of the last run holds the text.
says() {
    grep -qF -- "$2" "$scratch/$1" || wrong "after '$last': no '$2' in: $(head -n 5 "$scratch/$1")"
}

# expect CODE "ARGUMENTS" [out|err TEXT]...
expect() {
    last=$2
    code=$1
    # Arguments of these tests hold no blanks, so the list may be split.
    run "$code" $2
    shift 2
    while [ $# -gt 1 ]; do
        says "$1" "$2"
        shift 2
    done
}

# same NAME: the last output is what tests/golden/cli/NAME holds.
same() {
    sed "s|$scratch/||g" "$scratch/out" | diff -u "tests/golden/cli/$1" - || wrong "$last: see above"
}

# json EXPRESSION: the last output is JSON, and of it (j) the Python expression holds.
json() {
    python3 -c "import json, sys; j = json.load(open(sys.argv[1])); sys.exit(not ($1))" \
        "$scratch/out" || wrong "$last: JSON without $1: $(head -c 300 "$scratch/out")"
}

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
json 'j["holds"] and j["verdict"] == "bitwise" and j["fused"] == {"forward": 1, "backward": 1}'
json 'all(c["verdict"] == "bitwise" and c["different"] == 0 for c in j["compared"])'
expect 0 "verify $stream $scratch/fuse_stream_kept.after.an" out 'bitwise'
expect 1 "verify $stream $stream" out 'vacuous'
expect 1 "verify $scratch/refuse_broadcast.an" out 'vacuous' out '(broadcast)'
sed 's/1e-05/0.001/' "$stream" >"$scratch/eps.an"
expect 1 "verify $stream $scratch/eps.an" out 'different' out 'worst at'
expect 1 "verify --json $stream $scratch/eps.an"
json 'not j["holds"] and j["verdict"] == "different"'
expect 1 "verify $stream $scratch/fuse_gradient.an" out 'not compared'
expect 2 "verify $stream --bind Q=3" err "no dim 'Q'; the nearest is 'B'"
for list in B B= =3 B=3. B=3,,B=4x B=-1 B=9999999999999; do
    expect 2 "verify $stream --bind $list" err '--bind'
done
expect 2 "verify $stream $stream --passes cse" err 'leave --passes away'
expect 2 'verify - -' err 'standard input'

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
expect 0 'print -'

# Output that cannot be written.
"$addnorm" print "$stream" >&- 2>"$scratch/err" && wrong 'print to a closed output succeeded'
if [ -e /dev/full ]; then
    "$addnorm" print "$stream" >/dev/full 2>"$scratch/err"
    [ $? = 3 ] || wrong 'print to a full disk did not answer 3'
fi
exit $status
