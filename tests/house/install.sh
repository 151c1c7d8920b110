# install.sh BUILD COMMAND...: what `meson install` puts down works from outside the tree, with
# nothing but pkg-config: shared and static, as C11 under strict warnings, as headers of C++17.
. tests/house/house.sh

build=$(realpath "$1") source=$PWD
shift
scratch=$(mktemp -d) && trap 'rm -rf "$scratch"' EXIT
DESTDIR=$scratch/root "$@" install -C "$build" --no-rebuild --quiet >"$scratch/log" 2>&1 ||
    { complain install "$(tail -n 5 "$scratch/log")"; exit 1; }

# The .pc file names the prefix, which a staged tree stands in front of.
pc=$(find "$scratch/root" -name addnorm.pc)
prefix=$(sed -n 's/^prefix=//p' "$pc")
staged=$scratch/root$prefix
library=$(dirname "$(find "$staged" -name libaddnorm.so)")
PKG_CONFIG_PATH=$(dirname "$pc") && export PKG_CONFIG_PATH
flags() {
    pkg-config --define-variable=prefix="$staged" "$@" addnorm
}

cat >"$scratch/user.c" <<'END'
/* A residual and its norm: defined, fused, verified, run. */
#include <addnorm.h>

#include <stdio.h>

int main(void)
{
    an_graph *g = an_graph_new("outside");
    const an_dim B = an_dim_named(g, "B");
    const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(B, 4));
    const an_value s = an_state(g, "s", AN_F32, AN_SHAPE(4), AN_INIT(AN_INIT_CONSTANT, 1));
    const an_value y = an_nn_layer_norm(an_residual_add(an_mul(x, s), an_relu(x)), .name = "n");
    an_minimize(an_mean(an_mean(y, 1), 0), an_adamw(.name = "mine", .decay = 0.1),
                .clip_norm = 1);
    an_graph_output(y, "y");

    an_store *weights = an_store_new(1);
    an_program *p = an_compile(g, weights, .fetch = {y});
    if (!p) return fputs(an_compile_message(g), stderr), 1;
    an_equivalence *e = an_equivalent(.a = g, .b = an_program_graph(p), .gradients = true,
                                     .subset = true);
    const an_tensor data = an_tensor_borrow(AN_F32, AN_EXTENTS(1, 4), (float[]){1, 2, 3, 4});
    an_tensor out = {0};
    const an_status status = an_run(p, .feed = {{"x", &data}}, .out = {&out});
    printf("%s %d %.3f\n", an_rung_name(an_equivalence_rung(e)), (int)an_equivalence_fused(e),
           an_tensor_get(&out, 3));

    an_tensor_free(&out);
    an_equivalence_free(e);
    an_program_free(p);
    an_store_free(weights);
    an_graph_free(g);
    return status == AN_OK ? 0 : 1;
}
END
strict='-std=c11 -Wall -Wextra -Wpedantic -Wconversion -Werror'
cd "$scratch" || exit 1

# try NAME LINKED: compiles user.c with $linked and checks what it prints.
try() {
    name=$1
    shift
    gcc $strict $(flags --cflags) user.c -o "$name" "$@" >log 2>&1 ||
        { complain "$name" "does not build: $(head -n 5 log)"; return; }
    said=$("./$name" 2>&1)
    [ "$said" = 'proved 1 1.342' ] || complain "$name" "printed '$said'"
}
LD_LIBRARY_PATH=$library && export LD_LIBRARY_PATH
try shared $(flags --libs)
# Ops from outside need nothing but what is installed.
if gcc $strict $(flags --cflags) "$source/examples/custom_op.c" -o custom_op $(flags --libs) -lm \
    >log 2>&1; then
    ./custom_op >log 2>&1 || complain custom_op "exit $?: $(cat log)"
else
    complain custom_op "does not build: $(head -n 5 log)"
fi
unset LD_LIBRARY_PATH
try static "$library/libaddnorm.a" $(flags --static --libs-only-L --libs-only-l | sed 's/-laddnorm//')

echo '#include <addnorm.h>' >user.cc
for compiler in g++ clang; do # clang speaks C++ even where no C++ library is installed
    has $compiler "installed headers as C++ with $compiler" || continue
    $compiler -x c++ -std=c++17 -Wall -Wextra -Wpedantic -Werror -fsyntax-only \
        $(flags --cflags) user.cc >log 2>&1 || complain "$compiler" "$(head -n 5 log)"
done
"$staged/bin/addnorm" --version >log 2>&1 || complain addnorm 'the installed command does not run'
for file in share/man/man1/addnorm.1 share/bash-completion/completions/addnorm.bash; do
    [ -s "$staged/$file" ] || complain "$file" 'is not installed'
done
exit $status
