# timed.sh COMMAND... -- runs it; then the last line of stderr is the CPU time, user's and system's,
# of it and its children, which tests/count.py reads.
"$@"
status=$?
times >&2
exit $status
