# Includes follow the layers: core <- ops <- graph <- optim <- frontends <- examples, tests last.
# They are root-relative; a public header includes public headers only; the vectors of
# core/simd.h belong to the files that are compiled once per instruction set.
. tests/house/house.sh

# An example is a user: it sees the umbrella header and nothing else of the library.
sources $library examples tests | xargs grep -Hn '^ *# *include *"' | awk -F'[:"]' '
    BEGIN { n = split("core ops graph optim frontends examples tests", name, " ")
            for (i = 1; i <= n; i++) layer[name[i]] = i }
    function public(path) { return path ~ /^(core\/core|ops\/ops|graph\/graph|graph\/equal\/equal|optim\/optim|frontends\/frontends|frontends\/addnorm)\.h$/ }
    {
        file = $1; included = $4
        split(file, mine, "/"); split(included, its, "/")
        if (!(its[1] in layer)) print file ":" $2 ": \"" included "\" is not root-relative"
        else if (layer[its[1]] > layer[mine[1]])
            print file ":" $2 ": " mine[1] "/ may not include " its[1] "/"
        if (public(file) && !public(included)) print file ":" $2 ": public header includes an internal one"
        if (mine[1] == "examples" && included !~ /^(examples\/|frontends\/addnorm\.h$)/)
            print file ":" $2 ": an example includes only addnorm.h"
        if (included == "core/simd.h" && file !~ /^(ops\/kernels|tests|core)\//)
            print file ":" $2 ": only kernels may include core/simd.h"
    }' | complaints || status=1
exit $status
