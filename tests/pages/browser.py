"""browser.py ADDNORM MODELS... [--shots FOLDER]: pages at work in headless Chromium.

Driven over a pipe by DevTools' protocol. MODELS are .an files. Each page is opened from a disk, with
no console error; search answers in less than 100 ms, over 5,000 nodes too; a click tells of a box;
scopes open and the crumbs lead back; passes step; a comparison jumps to its first difference; no
text stands on a ground that it hardly differs from, light or dark; a phone's width has no sideways
scrolling. With --shots, pictures of what was seen are left there."""
import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

WRONG = []
FIGURES = []


class Browser:
    """One Chromium, one page at a time."""

    def __init__(self, program):
        self.profile = tempfile.mkdtemp()
        inward, outward = os.pipe(), os.pipe()
        self.to, self.back = inward[1], outward[0]

        def plumb():
            theirs = os.dup(inward[0]), os.dup(outward[1])
            os.dup2(theirs[0], 3)
            os.dup2(theirs[1], 4)
        self.process = subprocess.Popen(
            [program, '--headless', '--no-sandbox', '--disable-gpu', '--remote-debugging-pipe',
             '--no-first-run', '--hide-scrollbars', '--user-data-dir=' + self.profile,
             'about:blank'],
            close_fds=False, preexec_fn=plumb, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(inward[0])
        os.close(outward[1])
        self.rest, self.number, self.session, self.events = b'', 0, None, []
        targets = self.call('Target.getTargets')['targetInfos']
        target = [t for t in targets if t['type'] == 'page'][0]['targetId']
        self.session = self.call('Target.attachToTarget', targetId=target,
                                 flatten=True)['sessionId']
        for domain in ('Page', 'Runtime', 'Log', 'Network'):
            self.call(domain + '.enable')

    def close(self):
        """Ends this process, and what it made."""
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.profile, ignore_errors=True)

    def hear(self):
        """The next message."""
        while b'\0' not in self.rest:
            more = os.read(self.back, 1 << 20)
            if not more:
                raise RuntimeError('the browser went away')
            self.rest += more
        one, self.rest = self.rest.split(b'\0', 1)
        return json.loads(one)

    def call(self, method, **params):
        """Asks, and waits for the answer; what else is said is kept in events."""
        self.number += 1
        asked = {'id': self.number, 'method': method, 'params': params}
        if self.session:
            asked['sessionId'] = self.session
        os.write(self.to, json.dumps(asked).encode() + b'\0')
        while True:
            heard = self.hear()
            if heard.get('id') == self.number:
                if 'error' in heard:
                    raise RuntimeError(method + ': ' + str(heard['error']))
                return heard['result']
            self.events.append(heard)

    def run(self, script):
        """The value of an expression in the page."""
        got = self.call('Runtime.evaluate', expression=script, returnByValue=True,
                        awaitPromise=True)
        if 'exceptionDetails' in got:
            raise RuntimeError(script + ': ' + json.dumps(got['exceptionDetails'])[:600])
        return got['result'].get('value')

    def open(self, path, width=1280, height=800, dark=False):
        """Loads a page from the disk, and waits until it stands."""
        self.events = []
        self.call('Emulation.setDeviceMetricsOverride', width=width, height=height,
                  deviceScaleFactor=1, mobile=width < 600)
        self.call('Emulation.setEmulatedMedia', features=[
            {'name': 'prefers-color-scheme', 'value': 'dark' if dark else 'light'}])
        began = time.time()
        self.call('Page.navigate', url='file://' + os.path.abspath(path))
        while not self.run('document.readyState === "complete" && !!window.addnormPage'):
            if time.time() - began > 60:
                raise RuntimeError('the page does not come up: ' + str(self.complaints()))
            time.sleep(.05)
        return time.time() - began

    def complaints(self):
        """What the console was told, and what was asked of the network."""
        said = []
        for e in self.events:
            method, p = e.get('method'), e.get('params', {})
            if method == 'Runtime.exceptionThrown':
                said.append(json.dumps(p['exceptionDetails'])[:300])
            elif method == 'Runtime.consoleAPICalled' and p['type'] in ('error', 'warning'):
                said.append(json.dumps(p['args'])[:300])
            elif method == 'Log.entryAdded' and p['entry']['level'] in ('error', 'warning'):
                said.append(p['entry']['text'])
            elif method == 'Network.requestWillBeSent' and not p['request']['url'].startswith(
                    ('file:', 'data:')):
                said.append('asked for ' + p['request']['url'])
        return said

    def click(self, x, y):
        """A press and a release of the first button."""
        for kind in ('mousePressed', 'mouseReleased'):
            self.call('Input.dispatchMouseEvent', type=kind, x=x, y=y, button='left', clickCount=1)

    def key(self, key, text=None):
        """A key that is pressed and let go."""
        extra = {'text': text} if text else {}
        self.call('Input.dispatchKeyEvent', type='keyDown', key=key, code=key, **extra)
        self.call('Input.dispatchKeyEvent', type='keyUp', key=key, code=key)

    def shot(self, path):
        """A picture of what is seen."""
        time.sleep(.3)
        with open(path, 'wb') as file:
            file.write(base64.b64decode(self.call('Page.captureScreenshot')['data']))


def expect(truth, what):
    """Keeps what is wrong."""
    if not truth:
        WRONG.append(what)


# Contrast of each text of the picture with the innermost shape that is drawn below it.
CONTRAST = r'''(() => {
const parse = c => { const m = /rgba?\(([\d.]+), ([\d.]+), ([\d.]+)(?:, ([\d.]+))?\)/.exec(c);
    return m && {c: [+m[1], +m[2], +m[3]], a: m[4] === undefined ? 1 : +m[4]}; };
const over = (t, b) => t.c.map((x, i) => x * t.a + b[i] * (1 - t.a));
const lum = c => [.2126, .7152, .0722].reduce((s, w, i) => { const x = c[i] / 255;
    return s + w * (x <= .04045 ? x / 12.92 : Math.pow((x + .055) / 1.055, 2.4)); }, 0);
const svg = document.querySelector('main > svg'), paper = parse(getComputedStyle(document.body).backgroundColor).c;
const shapes = [...svg.querySelectorAll('polygon, path, ellipse, rect')].map(e => {
    const s = getComputedStyle(e), f = parse(s.fill);
    if (!f || e.closest('.edge')) return null;
    f.a *= +s.fillOpacity;
    return f.a > 0 ? {r: e.getBoundingClientRect(), f} : null; }).filter(x => x);
let worst = {ratio: 99}, bad = 0;
for (const t of svg.querySelectorAll('text')) {
    if (!t.textContent.trim()) continue;
    const r = t.getBoundingClientRect(), x = r.left + r.width / 2, y = r.top + r.height / 2;
    let ground = paper;
    for (const s of shapes) if (s.r.left <= x && x <= s.r.right && s.r.top <= y && y <= s.r.bottom) ground = over(s.f, ground);
    const ink = over(parse(getComputedStyle(t).fill), ground), a = lum(ink), b = lum(ground);
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < 4.5) bad++;
    if (ratio < worst.ratio) worst = {ratio, text: t.textContent, ink, ground};
}
return {bad, worst};
})()'''
TIMED = '''(() => { const before = performance.now(); const n = addnormPage.search(%s);
document.body.offsetHeight; return [n, performance.now() - before]; })()'''
CENTRE = '''(() => { const r = %s.getBoundingClientRect();
return [r.left + r.width / 2, r.top + r.height / 2]; })()'''


def check_contrast(browser, what):
    """Of every view, or of ten of them."""
    views = browser.run('addnormPage.views.map(v => v.id)')
    for view in views[::max(1, len(views) // 10)]:
        browser.run('addnormPage.show(%d)' % view)
        for theme in ('light', 'dark'):
            browser.run('addnormPage.setTheme("%s")' % theme)
            got = browser.run(CONTRAST)
            expect(got['bad'] == 0, '%s, view %d, %s: %d texts of low contrast, %s' % (
                what, view, theme, got['bad'], got['worst']))
    browser.run('addnormPage.setTheme("light"); addnormPage.show(0)')


def check_search(browser, what, words):
    """Times, matches, and that Enter goes there."""
    nodes = browser.run('addnormPage.graphs[0].nodes.length - 1')
    slowest = 0
    for word in words:
        count, took = browser.run(TIMED % json.dumps(word))
        slowest = max(slowest, took)
        expect(count > 0, '%s: nothing is called %s' % (what, word))
    expect(slowest < 100, '%s: a search took %.0f ms' % (what, slowest))
    FIGURES.append('%s: %d nodes, search %.1f ms at most' % (what, nodes, slowest))
    browser.run('document.querySelector("#find input").focus()')
    browser.key('Enter', '\r')
    expect(browser.run('!document.querySelector("aside").hidden'), what + ': Enter tells nothing')
    browser.key('Escape')


def check_clicks(browser, what):
    """A box tells what it is, what it reads leads there, scopes open and lead back."""
    box = 'addnormPage.boxes().find(b => b.kind === "n" && b.nodes.length === 1).g'
    browser.run('document.querySelector("#find input").blur()')
    browser.run('addnormPage.show(0)')
    browser.click(*browser.run(CENTRE % box))
    told = browser.run('document.querySelector("aside").textContent')
    expect('phase' in told and 'readers' in told, what + ': a click tells ' + repr(told[:80]))
    linked = browser.run('''(() => { const a = document.querySelector("aside [data-node]");
        if (!a) return "none"; a.click(); return document.querySelector("aside h2").textContent; })()''')
    expect(linked and linked != 'none', what + ': no link in the panel')
    browser.key('Escape')
    expect(browser.run('document.querySelector("aside").hidden'), what + ': Esc leaves the panel open')
    closed = 'addnormPage.views.find(v => v.kind === "depth")'
    if browser.run('!!(%s)' % closed):
        browser.run('addnormPage.show(%s.id)' % closed)
        opened = browser.run('''(() => { const b = addnormPage.boxes().find(b => b.kind === "s");
            if (!b) return null; addnormPage.open(b); return addnormPage.now().scope; })()''')
        expect(opened, what + ': a closed scope does not open')
        browser.run('document.querySelector("nav ol button").click()')
        expect(browser.run('addnormPage.now().id') == 0, what + ': the crumbs do not lead back')
    browser.run('addnormPage.boxes()[0].g.focus()')
    expect(browser.run('document.querySelectorAll("svg .near").length') > 0,
           what + ': what has the focus is not lit')
    browser.key('Enter', '\r')
    browser.run('document.activeElement.blur()')


def check_passes(browser, what):
    """Each step says which pass it is."""
    steps = browser.run('addnormPage.facts.passes.length')
    for i in range(steps):
        browser.run('document.getElementById("%s").click()' % ('next' if i else 'passes'))
        name = browser.run('addnormPage.facts.passes[%d].name' % i)
        told = browser.run('document.querySelector("aside h2").textContent')
        expect(name in told, '%s: step %d tells of %r, not %s' % (what, i, told, name))


def check_page(browser, addnorm, folder, shots, name, words, *command):
    """Makes a page and does to it all of the above."""
    page = os.path.join(folder, name + '.html')
    began = time.time()
    done = subprocess.run([addnorm] + [c.replace('{}', page) for c in command],
                          capture_output=True, check=False)
    made = time.time() - began
    if not os.path.exists(page):
        WRONG.append('%s: no page: %s' % (name, done.stderr.decode()[-300:]))
        return
    came = browser.open(page)
    FIGURES.append('%s: %d views, %.1f MB, made in %.1f s, opens in %.2f s' % (
        name, browser.run('addnormPage.views.length'), os.path.getsize(page) / 1e6, made, came))
    if shots:
        browser.shot(os.path.join(shots, name + '-light.png'))
    check_search(browser, name, words)
    if command[0] == 'verify':
        browser.run('document.getElementById("first").click()')
        expect(browser.run('!!document.querySelector(".picked") || '
                           '/No box differs/.test(document.querySelector("aside").textContent)'),
               name + ': no first difference')
        if shots:
            browser.shot(os.path.join(shots, name + '-first.png'))
    else:
        check_clicks(browser, name)
    check_passes(browser, name)
    if shots and browser.run('addnormPage.facts.passes.length'):
        browser.shot(os.path.join(shots, name + '-pass.png'))
    check_contrast(browser, name)
    WRONG.extend(name + ': ' + said for said in browser.complaints())
    browser.open(page, dark=True)
    expect(browser.run('document.documentElement.dataset.theme') == 'dark', name + ': not dark')
    browser.run('addnormPage.open(addnormPage.boxes().find(b => b.kind === "n") || addnormPage.boxes()[0])')
    if shots:
        browser.shot(os.path.join(shots, name + '-dark.png'))
    browser.open(page, 390, 780)
    expect(browser.run('document.documentElement.scrollWidth') <= 390, name + ': wider than a phone')
    browser.run('addnormPage.open(addnormPage.boxes().find(b => b.kind === "n") || addnormPage.boxes()[0])')
    if shots:
        browser.shot(os.path.join(shots, name + '-phone.png'))
    WRONG.extend(name + ': ' + said for said in browser.complaints())


def large(path, blocks):
    """A chain of blocks, each of ten nodes and other than the one before."""
    lines, at = ['graph "large"', '%1: f32[4,16] = input "x"'], 1
    for b in range(blocks):
        for k in range(10):
            op = ('relu', 'tanh', 'exp', 'neg', 'sigmoid')[(b * b + b * k + k) % 5]
            lines.append('%%%d: f32[4,16] = %s %%%d in "part_%d/block_%d"' % (at + 1, op, at, b // 25, b))
            at += 1
    with open(path, 'w', encoding='utf-8') as file:
        file.write('\n'.join(lines) + '\noutput "y" %%%d\n' % at)


def main():
    shots = None
    words = sys.argv[1:]
    if '--shots' in words:
        at = words.index('--shots')
        shots = words[at + 1]
        del words[at:at + 2]
        os.makedirs(shots, exist_ok=True)
    addnorm, models = words[0], words[1:]
    chromium = shutil.which('chromium') or shutil.which('chromium-browser')
    if not chromium or not shutil.which('dot'):
        print('SKIP: page: %s is not installed' % ('Graphviz' if chromium else 'Chromium'))
        return 0
    browser = Browser(chromium)
    try:
        with tempfile.TemporaryDirectory() as folder:
            for model in models:
                name = os.path.splitext(os.path.basename(model))[0]
                check_page(browser, addnorm, folder, shots, name, ['grad', 'f32', 'norm'],
                           'dot', model, '-o', '{}')
            check_page(browser, addnorm, folder, shots, models[0] and 'verify', ['norm'], 'verify',
                       models[0], '--dot', '{}')
            check_page(browser, addnorm, folder, shots, 'different', ['m'], 'verify',
                       'tests/golden/cases/velocity_a.an', 'tests/golden/cases/velocity_b.an',
                       '--dot', '{}')
            big = os.path.join(folder, 'big.an')
            large(big, 500)
            check_page(browser, addnorm, folder, shots, 'large', ['tanh', 'block_49', 'part_7 exp', '%4999', 'f32'],
                       'dot', big, '-o', '{}')
    finally:
        browser.close()
    print('\n'.join(FIGURES + WRONG[:40]))
    return int(bool(WRONG))


if __name__ == '__main__':
    sys.exit(main())
