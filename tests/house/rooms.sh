# The top level holds the agreed folders and nothing else; each folder of sources is a room: it has
# a page, and a meson.build that lists its files. Every test program is listed in tests/meson.build.
. tests/house/house.sh

tracked=yes
git rev-parse --is-inside-work-tree >/dev/null 2>&1 ||
    { tracked=no; skip 'what stands at the top level' 'git does not tell what belongs to the tree'; }
top='core ops graph optim frontends tests examples'
for entry in *; do
    case " $top meson.build README.md " in
    *" $entry "*) ;;
    *) [ $tracked = yes ] && git ls-files --error-unmatch "$entry" >/dev/null 2>&1 && complain "$entry" 'does not belong at the top level' ;;
    esac
done
for room in $top $(sources $library | sed 's|/[^/]*$||' | sort -u); do
    [ -e "$room/README.md" ] || complain "$room" 'has no README.md'
    # Kernels are built several times, by the folder around them.
    [ -e "$room/meson.build" ] || [ $room = ops/kernels ] || complain "$room" 'has no meson.build'
done
for file in tests/*/test_*.c; do
    grep -q "'${file#tests/}'" tests/meson.build || complain "$file" 'is not listed in tests/meson.build'
done
exit $status
