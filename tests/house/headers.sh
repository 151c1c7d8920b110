# Every public header compiles alone, as C11 and as C++17, without a warning, and says which threads
# may use its objects.
. tests/house/house.sh

warnings='-Wall -Wextra -Wpedantic -Werror -fsyntax-only -I.'
scratch=$(mktemp -d) && trap 'rm -rf "$scratch"' EXIT

# compile LANGUAGE STANDARD COMPILER HEADER
compile() {
    echo "#include \"$4\"" >"$scratch/alone"
    "$3" -x "$1" -std="$2" $warnings "$scratch/alone" >"$scratch/log" 2>&1 ||
        complain "$4" "does not compile alone as $2 with $3: $(head -n 3 "$scratch/log")"
}

c_compilers=0 cpp_compilers=0
for header in $public; do
    grep -q "Threads: " "$header" || complain "$header" 'has no sentence that begins with "Threads:"'
done
for header in $public $umbrella; do
    [ -e "$header" ] || continue
    for compiler in gcc clang; do
        has $compiler "headers as C with $compiler" || continue
        c_compilers=1
        compile c c11 $compiler "$header"
    done
    for compiler in g++ clang; do # clang speaks C++ even where no C++ library is installed
        has $compiler "headers as C++ with $compiler" || continue
        cpp_compilers=1
        compile c++ c++17 $compiler "$header"
    done
done
[ $c_compilers = 1 ] || complain compilers 'neither gcc nor clang is installed'
[ $cpp_compilers = 1 ] || complain compilers 'neither g++ nor clang is installed'
exit $status
