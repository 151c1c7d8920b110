"""trace_schema.py FILE ... -- a trace holds to the Trace Event Format (Chromium, 2016) as Perfetto
reads it.

Complete events (X) have a name, a time and a length in microseconds that are numbers and not below
0, a process and a thread; metadata (M) name a process or a thread. Events of one thread are nested
or apart, or Perfetto drops them."""
import json
import sys

NAMED = ('process_name', 'thread_name', 'process_sort_index', 'thread_sort_index', 'process_labels')
SLACK = 2e-3  # microseconds: what three decimals may round


def number(x):
    return isinstance(x, (int, float)) and not isinstance(x, bool)


def check_event(e):
    assert isinstance(e, dict) and isinstance(e.get('name'), str), e
    assert e.get('ph') in ('X', 'M'), e
    assert type(e.get('pid')) is int and type(e.get('tid')) is int, e
    assert isinstance(e.get('args', {}), dict), e
    if e['ph'] == 'M':
        assert e['name'] in NAMED and len(e['args']) == 1, e
    else:
        assert number(e.get('ts')) and number(e.get('dur')) and e['ts'] >= 0 and e['dur'] >= 0, e
        assert isinstance(e.get('cat'), str), e


def check(events):
    assert isinstance(events, list) and events
    lanes = {}
    for e in events:
        check_event(e)
        if e['ph'] == 'X':
            lanes.setdefault((e['pid'], e['tid']), []).append((e['ts'], -e['dur']))
    for lane in lanes.values():
        open_ends = []
        for start, less in sorted(lane):
            while open_ends and open_ends[-1] <= start + SLACK:
                open_ends.pop()
            assert not open_ends or start - less <= open_ends[-1] + SLACK, (start, less, open_ends)
            open_ends.append(start - less)


def main(paths):
    for path in paths:
        with open(path, encoding='utf-8') as f:
            trace = json.load(f)
        assert set(trace) <= {'traceEvents', 'displayTimeUnit', 'otherData', 'metadata'}, set(trace)
        assert trace.get('displayTimeUnit', 'ms') in ('ms', 'ns'), trace['displayTimeUnit']
        check(trace['traceEvents'])
        print('%s: %d events' % (path, len(trace['traceEvents'])))


if __name__ == '__main__':
    main(sys.argv[1:])
