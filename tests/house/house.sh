# house.sh -- what the house checks share. A check is `sh check.sh [arguments]`, run in the
# source root; it prints "place: what is wrong" lines and then fails, or prints nothing but what it
# could not try.

library='core ops graph optim frontends'
public='core/core.h ops/ops.h ops/define.h ops/losses.h graph/graph.h graph/profile/profile.h graph/memory/memory_map.h graph/equal/equal.h graph/reduce/reduce.h optim/optim.h
    frontends/frontends.h'
umbrella=frontends/addnorm.h
status=0

# complain PLACE TEXT...: one broken rule.
complain() {
    place=$1
    shift
    echo "$place: $*"
    status=1
}

# skip WHAT WHY: what cannot be tried here; tests/count.py collects these lines.
skip() {
    echo "SKIP: $1: $2"
}

# has COMMAND WHAT: whether it is installed; if not, WHAT is skipped.
has() {
    command -v "$1" >/dev/null && return 0
    skip "$2" "$1 is not installed"
    return 1
}

# Passes its input on; fails if there was any, each line of it being a complaint. It is the end of a
# pipe, so the caller keeps its verdict:  ... | complaints || status=1
complaints() {
    found=$(cat)
    [ -z "$found" ] || printf '%s\n' "$found"
    [ -z "$found" ]
}

# sources FOLDER...: the C files in them.
sources() {
    find "$@" \( -name '*.c' -o -name '*.h' -o -name '*.def' \) 2>/dev/null | sort
}

# code FILE...: "file:line:text" without comments and string literals. A line with the comment
# "house: reason" is left out: that is the written exemption.
code() {
    awk '
        FNR == 1 { inside = 0 }
        {
            text = $0; kept = ""
            exempt = text ~ /house: [a-z]/
            if (!inside) gsub(/"([^"\\]|\\.)*"/, "\"\"", text)
            while (text != "") {
                if (inside) {
                    end = index(text, "*/")
                    if (!end) break
                    text = substr(text, end + 2); inside = 0
                } else {
                    start = index(text, "/*")
                    if (!start) { kept = kept text; break }
                    kept = kept substr(text, 1, start - 1)
                    text = substr(text, start + 2); inside = 1
                }
            }
            sub(/\/\/.*/, "", kept)
            if (!exempt && kept !~ /^[ \t]*$/) print FILENAME ":" FNR ":" kept
        }' "$@"
}
