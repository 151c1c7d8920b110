// page.js -- the page at work: a view to pan, zoom and search; a panel that tells what is known.
//
// A box's id says which nodes it stands for: side, kind, how many scopes deep, their numbers
// ("s2:5.6.9", see graph/picture/boxes.c). Sides are "" or, of a comparison, "a" and "b". Nothing of
// the graph goes through innerHTML but the SVG that Graphviz escaped.
'use strict';
(function () {
const facts = JSON.parse(document.getElementById('facts').textContent);
const views = facts.views, NS = 'http' + '://www.w3.org/2000/svg';
const el = (tag, attrs, ...kids) => {
    const made = document.createElement(tag);
    for (const key in attrs || {}) {
        if (key.startsWith('on')) made.addEventListener(key.slice(2), attrs[key]);
        else if (attrs[key] !== null && attrs[key] !== false) made.setAttribute(key, attrs[key]);
    }
    made.append(...kids.filter(kid => kid !== null));
    return made;
};

// ---- graphs: who reads whom, and what is searched -------------------------

const graphs = facts.graphs.map(graph => {
    const nodes = [null, ...graph.nodes], readers = nodes.map(() => []), grads = new Map();
    const byOrdinal = new Map(), updates = new Map(), results = new Map();
    const of = value => value === null ? 0 : parseInt(value, 10);
    for (const n of graph.nodes) {
        byOrdinal.set(n.ordinal, n.node);
        new Set(n.inputs.map(input => of(input.value))).forEach(i => i && readers[i].push(n.node));
        if (n.from && n.from.how === 'grad')
            n.from.of.forEach(o => grads.set(o, (grads.get(o) || []).concat(n.node)));
    }
    for (const u of graph.updates) {
        updates.set(of(u.state), (updates.get(of(u.state)) || []).concat(u));
        results.set(of(u.value), (results.get(of(u.value)) || []).concat(u));
    }
    const words = nodes.map(n => n && ('%' + n.ordinal + ' ' + n.op + ' ' + n.scope + '/' + n.name + ' ' +
        n.outputs.map(o => o.type).join(' ') + ' ' + n.attributes + ' ' + n.phase).toLowerCase());
    return {name: graph.graph, nodes, readers, grads, byOrdinal, updates, results, words, of,
        outputs: graph.outputs};
});
const inputsOf = (g, n) => [...new Set(n.inputs.map(i => g.of(i.value)).filter(i => i))];
const called = n => n.name ? (n.op === 'state' || n.op === 'input' || !n.scope ? n.name
    : n.scope + '/' + n.name) : (n.scope ? n.scope + '/' : '') + '%' + n.ordinal;

// ---- numbers for people ---------------------------------------------------

const inUnits = (x, units, step) => {
    let k = 0;
    while (x >= step && k < units.length - 1) x /= step, k++;
    return (k && x < 100 ? x.toPrecision(3) : Math.round(x).toLocaleString('en')) + ' ' + units[k];
};
const size = x => x === null ? 'unknown' : inUnits(x, ['B', 'KiB', 'MiB', 'GiB', 'TiB'], 1024);
const count = x => x === null ? 'unknown' : inUnits(x, ['', 'k', 'M', 'G', 'T'], 1000);
const time = s => s >= 1 ? s.toPrecision(3) + ' s' : s >= 1e-3 ? (s * 1e3).toPrecision(3) + ' ms'
    : (s * 1e6).toPrecision(3) + ' \u00b5s';

// ---- the frame ------------------------------------------------------------

const title = el('h1', {title: facts.title}, facts.title || 'graph');
const choice = el('select', {'aria-label': 'view', onchange: () => show(+choice.value)});
const groups = [['whole', 'the graph'], ['depth', 'by depth'], ['phase', 'by phase'],
    ['scope', 'a scope by itself'], ['pass', 'behind a pass'], ['verify', 'comparison'],
    ['memory', 'memory']];
for (const [kind, label] of groups) {
    const some = views.filter(v => v.kind === kind);
    if (some.length) choice.append(el('optgroup', {label}, ...some.map(v =>
        el('option', {value: v.id}, v.title))));
}
const input = el('input', {type: 'search', placeholder: 'search: op, name, scope, [B,T,64]   (/)',
    'aria-label': 'search', autocomplete: 'off', spellcheck: 'false', role: 'combobox',
    'aria-controls': 'hits', 'aria-expanded': 'false'});
const hits = el('ul', {id: 'hits', role: 'listbox', 'aria-label': 'matches'});
const theme = el('button', {onclick: () => setTheme(dark() ? 'light' : 'dark')}, 'dark');
const header = el('header', {}, title, choice, el('span', {class: 'gap'}),
    el('div', {id: 'find', role: 'search'}, input, hits), theme);
const crumbs = el('ol', {'aria-label': 'scopes'}), phases = el('span', {id: 'phases', class: 'wide', role: 'group', 'aria-label': 'phase'});
const steps = el('span', {id: 'steps'});
const nav = el('nav', {'aria-label': 'where'}, crumbs, phases, steps);
const said = el('div', {id: 'said', role: 'status', title: 'click to hide',
    onclick: () => { said.textContent = ''; }});
const zoomer = el('div', {id: 'zoom'},
    el('button', {'aria-label': 'zoom in', title: 'zoom in (+)', onclick: () => zoomBy(1.3)}, '+'),
    el('button', {'aria-label': 'zoom out', title: 'zoom out (-)', onclick: () => zoomBy(1 / 1.3)}, '\u2212'),
    el('button', {title: 'fit (0)', onclick: () => fit()}, 'fit'),
    el('button', {title: 'text at its size (1)', onclick: () => readable()}, '1:1'));
const stage = el('main', {tabindex: '-1', 'aria-label': 'picture'}, zoomer, said);
const panel = el('aside', {hidden: '', 'aria-label': 'details'});
document.body.append(header, nav, stage, panel);

// ---- light and dark -------------------------------------------------------

const dark = () => document.documentElement.dataset.theme === 'dark';
const night = el('style'), nightRules = new Set();
document.head.append(night);
function setTheme(name) {
    document.documentElement.dataset.theme = name;
    theme.textContent = name === 'dark' ? 'light' : 'dark';
    theme.setAttribute('aria-label', 'switch to ' + theme.textContent);
}
const prefers = window.matchMedia('(prefers-color-scheme: dark)');
setTheme(prefers.matches ? 'dark' : 'light');
prefers.addEventListener('change', e => setTheme(e.matches ? 'dark' : 'light'));

const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
function rgb(color) {
    canvas.fillStyle = '#000';
    canvas.fillStyle = color;
    const hex = canvas.fillStyle;
    return hex[0] === '#' ? [1, 3, 5].map(i => parseInt(hex.slice(i, i + 2), 16) / 255) : null;
}
const luminance = c => [.2126, .7152, .0722].reduce((sum, w, i) =>
    sum + w * (c[i] <= .04045 ? c[i] / 12.92 : Math.pow((c[i] + .055) / 1.055, 2.4)), 0);
const spell = c => '#' + c.map(x => Math.round(255 * Math.min(1, Math.max(0, x))).toString(16)
    .padStart(2, '0')).join('');
const mix = (c, to, part) => c.map((x, i) => x + (to[i] - x) * part);
// Paper and pale fills become dark ones of their hue; ink becomes pale; dark fills, on which text
// is white, stay as they are.
function turned(color, ink) {
    const c = rgb(color);
    if (!c) return null;
    const lum = luminance(c);
    if (ink) {
        let made = c;
        if (lum > .85) return null;
        for (let k = 0; k < 20 && luminance(made) < .5; k++) made = mix(made, [1, 1, 1], .15);
        return spell(made);
    }
    if (lum < .22) return null;
    const least = Math.min(...c), grey = c.map(x => x - least), most = Math.max(...grey);
    const base = .1 + .1 * (1 - lum);
    const hue = grey.map(x => base + (most > 0 ? x / most * Math.min(.2, .02 + most * .4) : 0));
    return spell(hue);
}
function addNight(svg) {
    let rules = '';
    const rule = (selector, property, value) => {
        // As weak as a rule can be: what is picked, lit or found has a colour of its own.
        const text = ':where(:root[data-theme=dark] main svg ' + selector + '){' + property + ':' + value + '}';
        if (value && !nightRules.has(text)) nightRules.add(text), rules += text;
    };
    rule('text:not([fill])', 'fill', '#e8eaed');
    for (const shape of svg.querySelectorAll('[fill]')) {
        const color = shape.getAttribute('fill');
        if (color === 'none' || color === 'transparent') continue;
        const ink = shape.tagName === 'text' || shape.tagName === 'tspan';
        const arrow = !ink && shape.parentNode.closest('.edge');
        rule((ink ? 'text' : arrow ? '.edge :not(text)' : ':not(text)') + '[fill="' + CSS.escape(color).replace(/\\/g, '\\')
            + '"]', 'fill', turned(color, ink || arrow));
    }
    for (const shape of svg.querySelectorAll('[stroke]')) {
        const color = shape.getAttribute('stroke');
        if (color !== 'none' && color !== 'transparent')
            rule('[stroke="' + CSS.escape(color) + '"]', 'stroke', turned(color, true));
    }
    night.textContent += rules;
}

// ---- the picture ----------------------------------------------------------

let scaleOf = 1; // pixels a point
let now = null, svg = null, box = null, whole = null, picked = null, found = [], trail = [];
let passAt = -1; // the step that is shown, of facts.passes
let boxes = [], boxOf = [new Map(), new Map()], arrows = new Map();
const sideGraph = side => graphs[side === 'b' ? now.before : now.graph];

// What the id of a box says; null if it is none.
function readId(id) {
    const m = /^([ab]?)([nsopg])(\d+):([\d.]+)$/.exec(id || '');
    return m && {side: m[1], kind: m[2], deep: +m[3], nodes: m[4].split('.').map(Number)};
}
// A ghost's node is one of the graph before.
const graphIndex = b => b.kind === 'g' && now.kind === 'pass' ? now.before
    : b.side === 'b' ? now.before : now.graph;
const graphOf = b => graphs[graphIndex(b)];

function scopeOf(b) {
    if (b.kind !== 's') return null;
    const n = graphOf(b).nodes[b.nodes[0]];
    let scope = n.scope;
    if (!scope && n.inputs.length) scope = (graphOf(b).nodes[graphOf(b).of(n.inputs[0].value)] || n).scope;
    return scope.split('/').slice(0, b.deep).join('/');
}

function takeBoxes() {
    boxes = [];
    boxOf = graphs.map(() => new Map());
    arrows = new Map();
    const byTitle = new Map();
    for (const g of svg.querySelectorAll('g.node')) {
        const b = readId(g.id), t = g.querySelector('title');
        if (t) t.remove();
        if (!b) continue;
        b.g = g;
        b.name = t ? t.textContent : '';
        byTitle.set(b.name, b);
        boxes.push(b);
        b.nodes.forEach(n => boxOf[graphIndex(b)].set(n, b));
        const n = graphOf(b).nodes[b.nodes[0]], scope = scopeOf(b);
        g.classList.add('box');
        const outline = g.querySelector('path, polygon, ellipse, polyline');
        if (outline) outline.classList.add('outline');
        g.setAttribute('tabindex', '0');
        g.setAttribute('role', 'button');
        g.setAttribute('aria-label', b.kind === 's' ? 'scope ' + scope + ', closed'
            : b.nodes.length > 1 ? b.nodes.length + ' nodes' : n.op + ' ' + called(n));
        g.box = b;
    }
    for (const g of svg.querySelectorAll('g.edge')) {
        const t = g.querySelector('title'), m = t && /^(.+)->(.+)$/.exec(t.textContent);
        if (t) t.remove();
        const a = m && byTitle.get(m[1]), b = m && byTitle.get(m[2]);
        for (const end of [a, b]) if (end) arrows.set(end, (arrows.get(end) || []).concat({g, a, b}));
    }
    for (const t of svg.querySelectorAll('g.cluster > title, g.graph > title')) t.remove();
    for (const a of svg.querySelectorAll('g.box a')) {
        a.removeAttributeNS('http' + '://www.w3.org/1999/xlink', 'title');
        a.removeAttribute('xlink:title');
    }
}

function show(id, keep) {
    const view = views[id];
    if (now && now.id === id) return;
    now = view;
    passAt = view.kind === 'pass' ? facts.passes.findIndex(p => p.view === id) : -1;
    choice.value = id;
    if (svg) svg.remove();
    const holder = document.createElement('div');
    holder.innerHTML = document.getElementById('view-' + id).textContent;
    svg = holder.querySelector('svg');
    const paper = svg.querySelector('g.graph > polygon');
    if (paper) paper.remove();
    const wide = parseFloat(svg.getAttribute('width')), tall = parseFloat(svg.getAttribute('height'));
    svg.removeAttribute('width');
    svg.removeAttribute('height');
    svg.setAttribute('preserveAspectRatio', 'xMidYMid meet');
    const size = svg.viewBox.baseVal;
    whole = size.width ? {x: size.x, y: size.y, w: size.width, h: size.height}
        : {x: 0, y: 0, w: wide, h: tall};
    addNight(svg);
    takeBoxes();
    stage.prepend(svg);
    said.textContent = view.said;
    showWhere();
    lightFound();
    if (!keep) {
        picked = null;
        if (view.kind === 'pass') showPass(facts.passes.findIndex(p => p.view === id));
        else if (view.kind === 'verify') showReport();
        else if (view.kind === 'memory') showTable('Memory', facts.memory.table);
        else panel.hidden = true;
    }
    begin();
}

function showWhere() {
    const go = (text, id) => el('li', {}, id === now.id ? el('b', {}, text)
        : el('button', {class: 'link', onclick: () => show(id)}, text));
    crumbs.replaceChildren();
    if (now.kind !== 'verify') crumbs.append(go(facts.title || 'graph', 0));
    if (now.scope) {
        const parts = now.scope.split('/');
        parts.forEach((part, i) => {
            const v = views.find(w => w.scope === parts.slice(0, i + 1).join('/'));
            crumbs.append(v ? go(part, v.id) : el('li', {class: 'soft'}, part));
        });
    } else if (now.id !== 0) crumbs.append(go(now.title, now.id));
    phases.replaceChildren(...views.filter(v => v.kind === 'phase').map(v => el('button', {
        'aria-pressed': String(v.id === now.id), onclick: () => show(v.id === now.id ? 0 : v.id)}, v.title)));
    steps.replaceChildren();
    if (facts.equivalence) {
        steps.append(el('button', {id: 'first', onclick: firstDifference}, 'first difference'),
            el('button', {onclick: showReport}, 'report'));
    }
    if (facts.profile) steps.append(el('button', {onclick: () => showTable('Time', facts.profile.table)}, 'times'));
    const changed = facts.passes.map((p, i) => i);
    if (changed.length) {
        const here = passAt;
        const step = i => el('button', {id: i < here ? 'previous' : 'next',
            'aria-label': i < here ? 'previous pass' : 'next pass', disabled: i < 0 || i >= changed.length ? '' : null,
            onclick: () => openPass(i)}, i < here ? '\u2039' : '\u203a');
        steps.append(step(here - 1), el('button', {id: 'passes', onclick: () => openPass(Math.max(0, here))},
            here < 0 ? 'passes' : 'pass ' + (here + 1) + ' of ' + changed.length), step(here + 1));
    }
}

// ---- pan and zoom ---------------------------------------------------------

function setBox(b) {
    box = b;
    scaleOf = stage.clientWidth / b.w;
    svg.setAttribute('viewBox', [b.x, b.y, b.w, b.h].map(x => x.toFixed(2)).join(' '));
}
// The part of the picture that fills the stage exactly, so that both have one scale.
function fit() {
    const W = stage.clientWidth || 1, H = stage.clientHeight || 1, pad = 14;
    const scale = Math.min((W - pad) / whole.w, (H - pad) / whole.h, 1.6);
    const w = W / scale, h = H / scale;
    setBox({x: whole.x + (whole.w - w) / 2, y: whole.y + (whole.h - h) / 2, w, h});
}
// At first all of it, unless that would be too small to read: then its top, as wide as it is.
function begin() {
    fit();
    const W = stage.clientWidth, H = stage.clientHeight;
    if (W / box.w >= .5) return;
    const scale = Math.max(.55, Math.min(1.1, (W - 14) / whole.w));
    const w = W / scale, h = H / scale;
    const x = w > whole.w ? whole.x + (whole.w - w) / 2 : whole.x;
    if (scale > W / box.w) setBox({x, y: whole.y, w, h});
}
function zoomBy(factor, px, py) {
    const W = stage.clientWidth, H = stage.clientHeight;
    if (px === undefined) px = W / 2, py = H / 2;
    const scale = W / box.w, next = Math.min(12, Math.max(.005, scale * factor));
    const x = box.x + px / scale, y = box.y + py / scale;
    setBox({x: x - px / next, y: y - py / next, w: W / next, h: H / next});
}
function readable() { zoomBy(1.35 * box.w / stage.clientWidth); }
function moveBy(dx, dy) {
    const scale = stage.clientWidth / box.w;
    setBox({x: box.x - dx / scale, y: box.y - dy / scale, w: box.w, h: box.h});
}
function center(g) {
    const r = g.getBoundingClientRect(), s = stage.getBoundingClientRect();
    moveBy(s.left + s.width / 2 - r.left - r.width / 2, s.top + s.height / 2 - r.top - r.height / 2);
    if (stage.clientWidth / box.w < .7) readable();
}
new ResizeObserver(() => {
    if (!box || !stage.clientWidth) return;
    const w = stage.clientWidth / scaleOf, h = stage.clientHeight / scaleOf;
    setBox({x: box.x + (box.w - w) / 2, y: box.y, w, h});
}).observe(stage);

stage.addEventListener('wheel', e => {
    e.preventDefault();
    const r = stage.getBoundingClientRect();
    const turn = e.deltaMode === 1 ? e.deltaY * 18 : e.deltaY;
    zoomBy(Math.exp(-turn * (e.ctrlKey ? .01 : .0016)), e.clientX - r.left, e.clientY - r.top);
}, {passive: false});
const fingers = new Map();
let moved = 0;
stage.addEventListener('pointerdown', e => {
    if (e.target.closest('#zoom, #said') || e.button > 0) return;
    if (!fingers.size) moved = 0;
    fingers.set(e.pointerId, {x: e.clientX, y: e.clientY});
});
window.addEventListener('pointermove', e => {
    const f = fingers.get(e.pointerId);
    if (!f) return;
    const dx = e.clientX - f.x, dy = e.clientY - f.y;
    moved += Math.abs(dx) + Math.abs(dy);
    if (fingers.size === 2) {
        const [a, b] = [...fingers.values()], before = Math.hypot(a.x - b.x, a.y - b.y);
        f.x = e.clientX, f.y = e.clientY;
        const r = stage.getBoundingClientRect();
        zoomBy(Math.hypot(a.x - b.x, a.y - b.y) / (before || 1), (a.x + b.x) / 2 - r.left,
            (a.y + b.y) / 2 - r.top);
        return;
    }
    f.x = e.clientX, f.y = e.clientY;
    if (moved > 4) stage.classList.add('moving'), moveBy(dx, dy);
});
for (const end of ['pointerup', 'pointercancel']) window.addEventListener(end, e => {
    fingers.delete(e.pointerId);
    stage.classList.remove('moving');
});

// ---- pointing and picking -------------------------------------------------

// Which of the two ends of an arrow is read: an arrow up a gradient is drawn from its head.
function reads(a, b) {
    const g = graphOf(b), set = new Set(a.nodes);
    return b.nodes.some(n => g.nodes[n].inputs.some(i => set.has(g.of(i.value))));
}
function light(b) {
    unlight();
    if (!b) return;
    svg.classList.add('hover');
    b.g.classList.add('near');
    for (const arrow of arrows.get(b) || []) {
        const other = arrow.a === b ? arrow.b : arrow.a;
        const forward = other ? reads(arrow.a, arrow.b) || !reads(arrow.b, arrow.a) : arrow.a === b;
        const kind = (forward ? arrow.b : arrow.a) === b ? 'reads' : 'readers';
        arrow.g.classList.add('near', kind);
        if (other) other.g.classList.add('near', kind);
    }
}
function unlight() {
    if (!svg) return;
    svg.classList.remove('hover');
    for (const g of svg.querySelectorAll('.near')) g.classList.remove('near', 'reads', 'readers');
}
const boxAt = target => {
    const g = target.closest && target.closest('.box');
    return g ? g.box : null;
};
stage.addEventListener('pointerover', e => { if (!fingers.size) light(boxAt(e.target)); });
stage.addEventListener('pointerleave', () => unlight());
stage.addEventListener('focusin', e => { if (boxAt(e.target)) light(boxAt(e.target)); });
stage.addEventListener('focusout', () => unlight());
stage.addEventListener('click', e => {
    if (moved > 4) return;
    const b = boxAt(e.target);
    if (b) open(b);
    else if (!e.target.closest('#zoom, #said')) closePanel();
});

function pick(b) {
    if (picked) picked.g.classList.remove('picked');
    picked = b;
    if (b) b.g.classList.add('picked');
}
// A closed scope that has a picture of its own opens; anything else tells what it is.
function open(b) {
    const scope = scopeOf(b), v = scope && views.find(w => w.scope === scope);
    if (v && v !== now && now.kind !== 'pass') { show(v.id); return; }
    pick(b);
    if (b.nodes.length === 1) tell(graphIndex(b), b.nodes[0]);
    else tellMany(b, scope);
    requestAnimationFrame(() => requestAnimationFrame(() => reveal(b.g)));
}
// Beside an open panel, too.
function reveal(g) {
    const r = g.getBoundingClientRect(), s = stage.getBoundingClientRect();
    if (r.left < s.left || r.right > s.right || r.top < s.top || r.bottom > s.bottom) center(g);
}
function closePanel() {
    pick(null);
    panel.hidden = true;
    if (now.kind === 'verify' || now.kind === 'pass') stage.focus({preventScroll: true});
}

// Goes to a node: in this view, in another that draws it, or to what reads it; then tells of it.
const drawnIn = new Map();
function viewsOf(graph, node) {
    return views.filter(v => {
        if (v.kind === 'memory' || (v.graph !== graph && v.before !== graph)) return false;
        if (!drawnIn.has(v.id)) {
            const sets = {a: new Set(), b: new Set()};
            const text = document.getElementById('view-' + v.id).textContent;
            for (const m of text.matchAll(/ id="([ab]?)([no])\d+:([\d.]+)"/g))
                m[3].split('.').forEach(n => sets[m[1] || 'a'].add(+n));
            drawnIn.set(v.id, sets);
        }
        if (v.kind === 'pass' && v.graph !== graph) return false;
        return drawnIn.get(v.id)[v.kind === 'verify' && v.before === graph ? 'b' : 'a'].has(node);
    });
}
function go(graph, node) {
    const of = n => boxOf[graph] && boxOf[graph].get(n);
    let b = of(node);
    if (!b || b.kind === 's' || b.kind === 'p') {
        const other = viewsOf(graph, node)[0];
        if (other && other !== now) show(other.id, true), b = of(node);
    }
    if (!b) b = graphs[graph].readers[node].map(of).find(x => x) || null;
    pick(b);
    tell(graph, node);
    if (b) center(b.g);
}

// ---- the panel ------------------------------------------------------------

const closer = () => el('button', {class: 'close', 'aria-label': 'close', title: 'close (Esc)',
    onclick: closePanel}, '\u2715');
function fill(...what) {
    panel.hidden = false;
    panel.classList.toggle('wide', what.some(x => x && x.tagName === 'PRE'));
    panel.replaceChildren(closer(), ...what.filter(x => x));
    panel.scrollTop = 0;
}
const row = (list, name, value) => { if (value !== null && value !== '') list.append(el('dt', {}, name), el('dd', {}, value)); };
function link(graph, node, more) {
    const n = graphs[graph].nodes[node];
    return el('li', {}, el('button', {class: 'link', 'data-node': node, onclick: () => go(graph, node)},
        n.op + ' ' + called(n)), more ? el('small', {}, ' ' + more) : null);
}
function section(name, items, most) {
    if (!items.length) return null;
    const shown = items.slice(0, most || 12), more = items.length - shown.length;
    const list = el('ul', {}, ...shown);
    if (more) list.append(el('li', {}, el('button', {onclick: e =>
        e.target.parentNode.replaceWith(...items.slice(shown.length))}, 'and ' + more + ' more')));
    return el('section', {}, el('h3', {}, name), list);
}

function tell(graph, node) {
    const g = graphs[graph], n = g.nodes[node], list = el('dl');
    row(list, 'scope', n.scope);
    row(list, 'phase', n.phase);
    row(list, 'attributes', n.attributes);
    n.outputs.forEach(o => row(list, n.outputs.length > 1 ? o.name : 'type',
        el('span', {}, el('code', {}, o.type), el('small', {}, '  ' + size(o.bytes)))));
    if (n.flops) row(list, 'FLOPs', count(n.flops));
    row(list, 'source', n.file ? el('code', {}, n.file + ':' + n.line) : null);
    row(list, 'number', '%' + n.ordinal + (n.ordinal !== n.node ? ' (node ' + n.node + ' here)' : ''));
    if (graph === 0 && facts.profile && facts.profile.nodes[node]) {
        const s = facts.profile.nodes[node], all = facts.profile.seconds * facts.profile.threads;
        row(list, 'time', time(s) + ', ' + (100 * s / all).toPrecision(2) + ' % of a run');
    }
    const places = graph === 0 && facts.memory ? facts.memory.boxes.filter(b => b.node === node) : [];
    places.forEach(b => row(list, 'memory', b.kind + ': waves ' + b.birth + ' to ' + b.death +
        ', offset ' + b.offset + ', ' + size(b.bytes) + (b.at_peak ? ', at the peak' : '') +
        (b.takes_over ? ', over an operand' : '')));
    const outputs = g.outputs.filter(o => g.of(o.value) === node).map(o => o.name);
    row(list, 'output', outputs.join(', '));
    const states = (g.results.get(node) || []).map(u => link(graph, g.of(u.state),
        u.table === null ? 'if trained' : 'in ' + u.table));
    const becomes = (g.updates.get(node) || []).map(u => link(graph, g.of(u.value),
        u.table === null ? 'if trained' : 'in ' + u.table));
    const from = n.from ? n.from.of.map(o => g.byOrdinal.has(o) && g.byOrdinal.get(o) !== node
        ? link(graph, g.byOrdinal.get(o)) : earlier(graph, o)) : [];
    const fromName = !n.from ? '' : n.from.how === 'grad' ? 'gradient of' : 'made by ' + n.from.how + ' from';
    if (n.from && !from.length) row(list, 'made by', n.from.how);
    fill(el('h2', {}, n.op), el('div', {}, called(n)), list, section(fromName, from),
        section('its gradient', (g.grads.get(n.ordinal) || []).map(i => link(graph, i))),
        section('inputs', n.inputs.filter(i => i.value !== null).map(i => link(graph, g.of(i.value), 'as ' + i.name))),
        section('readers', g.readers[node].map(i => link(graph, i))),
        section('becomes', becomes), section('is the new value of', states),
        facts.profile || facts.memory ? null : el('p', {}, el('small', {}, 'Bytes and FLOPs at ' +
            (facts.bind ? facts.bind + ', other ' : '') + 'dims of ' + facts.usual + '.')));
}
// A node that a pass replaced: in an earlier graph of the page, if it is there.
function earlier(graph, ordinal) {
    for (let i = graph - 1; i >= 0; i--)
        if (graphs[i].byOrdinal.has(ordinal) && !(facts.equivalence && i > 0))
            return link(i, graphs[i].byOrdinal.get(ordinal), 'before');
    return el('li', {}, '%' + ordinal, el('small', {}, ' not in this graph'));
}
function tellMany(b, scope) {
    const gi = graphIndex(b), g = graphs[gi], list = el('dl');
    let flops = 0;
    const ops = new Map();
    for (const i of b.nodes) {
        flops += g.nodes[i].flops || 0;
        ops.set(g.nodes[i].op, (ops.get(g.nodes[i].op) || 0) + 1);
    }
    row(list, 'nodes', String(b.nodes.length));
    if (flops) row(list, 'FLOPs', count(flops));
    row(list, 'phase', g.nodes[b.nodes[0]].phase);
    row(list, 'ops', [...ops].sort((x, y) => y[1] - x[1]).map(([op, k]) => k + ' \u00d7 ' + op).join(', '));
    if (facts.profile && gi === 0) {
        const s = b.nodes.reduce((sum, i) => sum + (facts.profile.nodes[i] || 0), 0);
        if (s) row(list, 'time', time(s) + ' a run');
    }
    fill(el('h2', {}, scope || b.nodes.length + ' nodes'), list,
        scope && !views.some(v => v.scope === scope) && now.kind !== 'pass' ? el('p', {class: 'soft'},
            'This page has no picture of it alone; addnorm dot FILE --scope ' + scope + ' draws one.') : null,
        section('nodes', b.nodes.map(i => link(gi, i)), 40));
}
function showTable(name, text) { pick(null); fill(el('h2', {}, name), el('pre', {}, text)); }
function showReport() {
    const e = facts.equivalence;
    fill(el('h2', {}, e.verdict), el('pre', {style: 'white-space:pre-wrap'}, e.report));
}

// ---- passes and differences -----------------------------------------------

function openPass(i) {
    const pass = facts.passes[i];
    if (pass.view !== null) show(pass.view, true);
    passAt = i;
    pick(null);
    showPass(i);
    showWhere();
    const marked = pass.view !== null && firstMarked();
    if (marked) requestAnimationFrame(() => requestAnimationFrame(() => reveal(marked.closest('.box'))));
}
function showPass(i) {
    const pass = facts.passes[i];
    if (!pass) return;
    const note = n => {
        const seen = graphs.findIndex(g => g.byOrdinal.has(n.ordinal));
        return el('li', {}, el('span', {class: n.done ? 'done' : 'refused'}, n.done ? 'done ' : 'refused '),
            n.text, n.done || !n.reason ? null : el('small', {}, ' (' + n.reason + ')'), ' ',
            seen >= 0 && now.kind === 'pass' ? el('button', {class: 'link', onclick: () => {
                const at = [now.graph, now.before].find(k => graphs[k].byOrdinal.has(n.ordinal));
                if (at !== undefined) go(at, graphs[at].byOrdinal.get(n.ordinal));
            }}, 'show') : null);
    };
    fill(el('h2', {}, 'pass ' + (i + 1) + ': ' + pass.name), el('p', {}, pass.summary),
        el('p', {}, pass.view === null ? pass.nodes_before === pass.nodes_after
            ? 'It changes nothing here.' : 'There is no picture of what it changed.'
            : pass.nodes_before + ' nodes became ' + pass.nodes_after +
            '. Gone is red and dashed, merged violet, new green, changed yellow.'),
        section('what it says', pass.notes.map(note), 60),
        section('all passes', facts.passes.map((p, k) => el('li', {}, el('button', {class: 'link',
            onclick: () => openPass(k)}, p.name), el('small', {}, p.view === null ? ' no change' : ' ' +
            p.nodes_before + ' \u2192 ' + p.nodes_after + ' nodes')))));
}
// The first box that is drawn as an error, as fused, new, changed, gone or merged.
function firstMarked() {
    return ['[stroke="#d50000"]', '[fill="#ffc15c"]', '[fill="#b7e5c0"]', '[fill="#ffe9b0"]',
        '[stroke="#d93025"]', '[stroke="#7b3fc4"]'].map(mark => svg.querySelector('.box ' + mark))
        .find(shape => shape);
}
// Where the report says that an error comes in; else the first box that is marked.
function firstDifference() {
    const d = facts.equivalence.divergence;
    const at = d && [1, 0].map(s => ({s, n: d.at[s]})).find(x => x.n && boxOf[x.s].get(x.n));
    const marked = firstMarked();
    const b = at ? boxOf[at.s].get(at.n) : marked && boxAt(marked);
    if (!b) {
        showReport();
        panel.prepend(el('p', {}, 'No box differs.'));
        return;
    }
    pick(b);
    if (at) tell(at.s, at.n); else open(b);
    const says = at ? d.message : 'No value differs in what was compared; this is the first box that is not as before.';
    panel.querySelector('h2').after(el('p', {class: at ? 'refused' : 'soft'}, says));
    center(b.g);
}

// ---- search ---------------------------------------------------------------

const searched = () => now && now.kind === 'verify' ? [now.graph, now.before] : [now ? now.graph : 0];
let selected = 0;
function search() {
    const words = input.value.toLowerCase().split(/\s+/).filter(w => w);
    found = [];
    if (words.length) for (const gi of searched()) {
        const all = graphs[gi].words;
        for (let i = 1; i < all.length; i++)
            if (words.every(w => all[i].includes(w))) found.push({graph: gi, node: i});
    }
    selected = 0;
    lightFound();
    const shown = found.slice(0, 50).map((f, k) => {
        const n = graphs[f.graph].nodes[f.node];
        return el('li', {role: 'option', id: 'hit-' + k, 'aria-selected': String(k === 0),
            onpointerdown: e => { e.preventDefault(); selected = k; jump(); }},
            n.op + ' ' + called(n), el('small', {}, '  ' + (n.outputs[0] ? n.outputs[0].type : '')));
    });
    if (words.length) shown.unshift(el('li', {class: 'soft', role: 'presentation'}, found.length
        ? found.length + (found.length > 50 ? ' match, 50 are listed' : found.length > 1 ? ' match' : ' matches')
        : 'nothing matches'));
    hits.replaceChildren(...shown);
    input.setAttribute('aria-expanded', String(!!shown.length));
}
let lit = [];
function lightFound() {
    lit.forEach(g => g.classList.remove('found'));
    const set = new Set();
    for (const f of found) {
        const map = boxOf[f.graph];
        if (!map) continue;
        const b = map.get(f.node);
        if (b) set.add(b.g);
        else graphs[f.graph].readers[f.node].forEach(r => map.has(r) && set.add(map.get(r).g));
    }
    lit = [...set];
    lit.forEach(g => g.classList.add('found'));
}
function mark() {
    [...hits.querySelectorAll('[role=option]')].forEach((li, k) => {
        li.setAttribute('aria-selected', String(k === selected));
        if (k === selected) li.scrollIntoView({block: 'nearest'}), input.setAttribute('aria-activedescendant', li.id);
    });
}
function jump() {
    const f = found[selected];
    if (f) hits.replaceChildren(), input.setAttribute('aria-expanded', 'false'), go(f.graph, f.node);
}
input.addEventListener('input', search);
input.addEventListener('focus', () => { if (input.value && !hits.children.length) search(); });
input.addEventListener('blur', () => { hits.replaceChildren(); input.setAttribute('aria-expanded', 'false'); });
input.addEventListener('keydown', e => {
    const most = Math.min(found.length, 50);
    if (e.key === 'ArrowDown' || e.key === 'ArrowUp') {
        e.preventDefault();
        if (!hits.children.length) search();
        else if (most) selected = (selected + (e.key === 'ArrowDown' ? 1 : most - 1)) % most;
        mark();
    } else if (e.key === 'Enter') {
        if (!hits.children.length && most) selected = (selected + 1) % found.length;
        jump();
    } else if (e.key === 'Escape') {
        input.value = '';
        search();
        input.blur();
    } else return;
    e.stopPropagation();
});

// ---- keys -----------------------------------------------------------------

document.addEventListener('keydown', e => {
    if (e.target === input || e.target.tagName === 'SELECT' || e.ctrlKey || e.metaKey || e.altKey) return;
    const b = boxAt(e.target), step = 60;
    if (b && (e.key === 'Enter' || e.key === ' ')) open(b);
    else if (e.key === '/') input.focus();
    else if (e.key === '+' || e.key === '=') zoomBy(1.3);
    else if (e.key === '-') zoomBy(1 / 1.3);
    else if (e.key === '0') fit();
    else if (e.key === '1') readable();
    else if (e.key === 'ArrowLeft') moveBy(step, 0);
    else if (e.key === 'ArrowRight') moveBy(-step, 0);
    else if (e.key === 'ArrowUp') moveBy(0, step);
    else if (e.key === 'ArrowDown') moveBy(0, -step);
    else if (e.key === 'Escape') {
        if (!panel.hidden) closePanel();
        else if (now.scope) {
            const up = now.scope.split('/').slice(0, -1).join('/');
            show((views.find(v => up && v.scope === up) || views[0]).id);
        } else if (now.id !== 0) show(0);
    } else return;
    e.preventDefault();
});

// ---- the beginning ---------------------------------------------------------

show(0);
if (facts.left_out) said.textContent = (said.textContent ? said.textContent + '; ' : '') +
    facts.left_out + ' scopes are not drawn by themselves; addnorm dot FILE --scope NAME does';
window.addnormPage = {facts, views, graphs, show, search: text => { input.value = text; search(); return found.length; },
    go, open, openPass, firstDifference, setTheme, boxes: () => boxes, now: () => now};
}());
