# The top level holds the agreed folders and nothing else; each has a meson.build and a README.md;
# every test program is listed in tests/meson.build.
. tests/house/house.sh

rooms='core ops graph optim frontends tests examples'
for entry in *; do
    case " $rooms meson.build README.md " in
    *" $entry "*) ;;
    *) git ls-files --error-unmatch "$entry" >/dev/null 2>&1 && complain "$entry" 'does not belong at the top level' ;;
    esac
done
for room in $rooms; do
    [ -e "$room/meson.build" ] || complain "$room" 'has no meson.build'
    [ -e "$room/README.md" ] || complain "$room" 'has no README.md'
done
for file in tests/*/test_*.c; do
    grep -q "'${file#tests/}'" tests/meson.build || complain "$file" 'is not listed in tests/meson.build'
done
exit $status
