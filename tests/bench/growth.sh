#!/bin/sh
# growth.sh PROGRAM [NODES] -- does every stage of a graph's life cost twice as much on twice as many
# nodes?
#
# Runs growth.c's stages on graphs of five shapes with about NODES (100,000) nodes and twice as many,
# once under Callgrind, whose counts of instructions repeat, and once for seconds and bytes. Prints
# a table and fails if a stage takes more than 2.2 times as many instructions. With fewer than 60,000
# NODES the prover still folds what is cut from a concat, each piece over all of it.
set -u
program=$1 nodes=${2-100000}
command -v valgrind >/dev/null || { echo 'SKIP: growth: there is no valgrind to count with'; exit 77; }
scratch=$(mktemp -d) && trap 'rm -rf "$scratch"' EXIT
# Valgrind knows no AVX-512: keep OpenBLAS to what it knows. The library asks the CPU.
export OPENBLAS_CORETYPE=Haswell

# count SHAPE SIZE: "stage instructions" a line, and the nodes as the last.
count() {
    rm -f "$scratch"/calls*
    valgrind -q --tool=callgrind --callgrind-out-file="$scratch/calls" --zero-before=measured \
        --dump-after=measured "$program" "$1" "$2" >"$scratch/stages" || return 1
    i=0
    while read -r stage rest; do
        i=$((i + 1))
        case $rest in
        *nodes*) echo "nodes $stage" ;;
        *) echo "$stage $(sed -n 's/^summary: //p' "$scratch/calls.$i")" ;;
        esac
    done <"$scratch/stages"
}

# try SHAPE SIZE: the table of one shape.
try() {
    { count "$1" "$2" >"$scratch/once" && count "$1" $((2 * $2)) >"$scratch/twice" &&
        "$program" "$1" $((2 * $2)) >"$scratch/native"; } || { echo "$1 failed"; status=1; return; }
    paste -d ' ' "$scratch/once" "$scratch/twice" "$scratch/native" |
        awk -v shape="$1" '
        $1 == "nodes" { nodes[1] = $2; nodes[2] = $4; native = $0; next }
        { stage[++n] = $1; once[n] = $2; twice[n] = $4; seconds[n] = $6; bytes[n] = $7 }
        END {
            printf "%s: %d and %d nodes;%s\n", shape, nodes[1], nodes[2],
                substr(native, index(native, ",") + 1)
            printf "  %-14s %6s %14s %9s %12s\n", "stage", "ratio", "instr. a node", "seconds",
                "bytes a node"
            for (i = 1; i <= n; i++) {
                ratio = twice[i] / once[i] / (nodes[2] / nodes[1] / 2)
                said = ratio <= 2.2 ? "" : "  MORE THAN 2.2"
                bad += said != ""
                printf "  %-14s %6.2f %14.0f %9.3f %12.0f%s\n", stage[i], ratio,
                    twice[i] / nodes[2], seconds[i], bytes[i] / nodes[2], said
            }
            exit bad > 0
        }' || status=1
}

status=0
try chain $((nodes / 4))
try shared $((nodes / 2))
try operands $((nodes * 2 / 7))
try outputs $((nodes / 4))
try blocks $((nodes / 100))
exit $status
