# command.sh -- what tests of the command share. A script that is given the command as its first
# argument, in the source root, reads this file, and ends with `exit $status`.
set -u
addnorm=$(realpath "$1") # tests change folders
scratch=$(mktemp -d) && trap 'rm -rf "$scratch"' EXIT
status=0

wrong() {
    echo "$*"
    status=1
}

# has_graphviz WHAT: or else WHAT is skipped, in the form that tests/count.py collects.
has_graphviz() {
    command -v dot >/dev/null && return 0
    echo "SKIP: $1: Graphviz is not installed"
    return 1
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
