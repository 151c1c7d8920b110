# Code like a user's, full of option macros, compiles without a warning under both compilers.
. tests/house/house.sh

log=$(mktemp) && trap 'rm -f "$log"' EXIT
for compiler in gcc clang; do
    has $compiler "user code with $compiler" || continue
    $compiler -std=c11 -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror -fsyntax-only -I. \
        tests/house/user_code.c >"$log" 2>&1 ||
        complain tests/house/user_code.c "$compiler: $(head -n 20 "$log")"
done
exit $status
