# What the library never does: print, exit, abort, assert; allocate past core/memory.h; use VLAs' and
# alloca's stack; keep globals. And what its sources never hold: work left for later.
. tests/house/house.sh

files=$(sources $library)
cli='^frontends/cli'

grep -HnE 'TODO|FIXME|XXX' $files | sed 's/$/   <- do it, or drop it/' | complaints || status=1

code $files | grep -vE "$cli" |
    grep -E '(^|[^A-Za-z0-9_.>])(abort|exit|_exit|_Exit|quick_exit|atexit|assert|printf|vprintf|puts|putchar|perror|signal|sigaction)[ ]*\(' |
    sed 's/$/   <- the library does not print, end the process or touch signals/' | complaints || status=1
code $files | grep -vE "$cli" | grep -E '(^|[^A-Za-z0-9_])(stdout|stderr)([^A-Za-z0-9_]|$)' |
    sed 's/$/   <- the library does not print/' | complaints || status=1

code $files | grep -v '^core/memory\.c:' |
    grep -E '(^|[^A-Za-z0-9_.>])(malloc|calloc|realloc|reallocarray|free|aligned_alloc|posix_memalign|memalign|strdup|strndup|asprintf|vasprintf|getline|getdelim|alloca)[ ]*\(' |
    sed 's/$/   <- allocate through core\/memory.h/' | complaints || status=1

# A file-scope variable that is neither const nor thread machinery is a global; the documented
# runtime has its own files. A pointer is const only if it says so after the star.
code $files | grep -vE '^(core/(memory|runtime|pool)\.c|ops/table\.c):' |
    grep -E '^[^:]*:[0-9]+:static [^(){}]*( = .*|;)$' | grep -v pthread_once_t |
    grep -E ':static [^=;]*\*[a-z_]+(\[[^]]*\])*( =|;)|:static (_Thread_local )?[a-bd-z]|:static c[^o]' |
    grep -vE ':static (inline|struct [a-z_]+;|_Static)' | sed 's/$/   <- a global/' |
    complaints || status=1
exit $status
