"use strict";
// The panes of the panic page, the reading of a session and its texts.  See kit.js for what is shared.
(() => {
  const data = JSON.parse(document.getElementById("payload").textContent);
  const kit = pageKit(data);
  const { L, by, css, word, days, fade, shown, restyles, relabels } = kit;
  const texts = data.texts;
  const QUALITIES = ["ok", "thin", "none"];
  const DIVERGENCE = "divergence";
  const state = { ...data.first, at: -1 };

  // ---- what is known of a session -----------------------------------------------------------------
  const stored = (audience) => {
    const found = data.series[state.scope][audience];
    return typeof found === "string" ? data.series[state.scope][found] : found;
  };
  // The audiences that are drawn: both, where their difference is asked for.
  const sides = () => (state.audience === DIVERGENCE ? ["public", "institution"] : [state.audience]);
  const value = (audience, column, at) => stored(audience)?.[column][at - stored(audience).start] ?? null;
  const quality = (audience, at) => QUALITIES[stored(audience)?.quality[at - stored(audience).start] ?? 2];
  const worst = (at) => QUALITIES[Math.max(...sides().map((side) => QUALITIES.indexOf(quality(side, at))))];
  const placed = (series, at) => series?.v[at - series.start] ?? null;
  const index = (at) => (state.audience === DIVERGENCE ? placed(stored(DIVERGENCE), at) : value(state.audience, "panic", at));
  const all = (of) => days.map((_, at) => of(at));
  const scopeName = (scope) =>
    scope === "market" ? word("scope_market")
    : scope.startsWith("sector:") ? word("sector").replace("{name}", scope.slice(7)) : scope;
  const audienceName = (audience) => word("audience_" + audience);
  const candlesOf = () => data.symbols[state.scope] ?? data.symbols[data.benchmark?.name];
  const priceName = () => (data.symbols[state.scope] ? state.scope : data.benchmark?.said[kit.chinese() ? 1 : 0]);

  // ---- panes --------------------------------------------------------------------------------------
  const chart = kit.make("panic-chart");
  const plain = { priceLineVisible: false, lastValueVisible: false, crosshairMarkerVisible: false };

  // A line on the calendar that ends at a gap.
  const broken = (pane, format, { width = 1.6, range } = {}) =>
    new kit.Broken(chart, {
      ...plain, lineWidth: width, priceFormat: format,
      ...(range ? { autoscaleInfoProvider: () => ({ priceRange: { minValue: range()[0], maxValue: range()[1] } }) } : {}),
    }, pane);
  const onDays = (values) => values.map((v, at) => (v === null ? { time: days[at] } : { time: days[at], value: v }));
  // What each pane carries beside its series: its name, the chosen session, bands of the index.
  class Ground {
    constructor(label, bands) {
      this.label = label;
      this.bands = bands;
    }
    paneViews() {
      const view = (zOrder, paint) => ({
        zOrder: () => zOrder,
        renderer: () => ({ draw: (target) => target.useBitmapCoordinateSpace(paint) }),
      });
      return [view("bottom", (space) => this.under(space)), view("top", (space) => this.over(space))];
    }
    under({ context, bitmapSize, horizontalPixelRatio: across, verticalPixelRatio: down }) {
      for (const [low, high, color] of this.bands?.() ?? []) {
        const [top, bottom] = [line.host.priceToCoordinate(high) * down, line.host.priceToCoordinate(low) * down];
        context.fillStyle = color;
        context.fillRect(0, top, bitmapSize.width, bottom - top);
      }
      const x = state.at < 0 ? null : chart.timeScale().logicalToCoordinate(state.at);
      if (x === null) return;
      context.fillStyle = fade(css("--accent"), 0.45);
      context.fillRect(Math.round(x * across) - across, 0, 2 * across, bitmapSize.height);
    }
    over({ context, horizontalPixelRatio: across, verticalPixelRatio: down }) {
      context.font = `${11 * down}px 'Qushi Sans SC', sans-serif`;
      context.textBaseline = "top";
      const words = this.label();
      context.fillStyle = css("--card");
      context.globalAlpha = 0.8;
      context.fillRect(4 * across, 3 * down, context.measureText(words).width + 8 * across, 16 * down);
      context.globalAlpha = 1;
      context.fillStyle = css("--soft");
      context.fillText(words, 8 * across, 5 * down);
    }
  }

  const number = (digits) => ({ type: "custom", minMove: 10 ** -digits, formatter: (v) => shown(v, digits) });
  const low = 100 - data.extreme;
  const span = () => (state.audience === DIVERGENCE ? [-100, 100] : [0, 100]);
  const line = broken(0, number(0), { width: 1.8, range: span });
  const strip = chart.addSeries(L.HistogramSeries, {
    ...plain, base: 0, priceFormat: { type: "custom", minMove: 1, formatter: () => "" },
    autoscaleInfoProvider: () => ({ priceRange: { minValue: 0, maxValue: 3 } }),
  }, 1);
  const counts = chart.addSeries(L.HistogramSeries, { ...plain, base: 0, priceFormat: number(0) }, 2);
  const two = (pane, format) => [broken(pane, format), broken(pane, format)];
  const effective = two(2, number(0));
  const attention = two(3, number(1));
  const agreement = two(4, number(2));
  let next = 5;
  const implied = data.implied.map(() => broken(next, number(0)));
  const impliedPane = implied.length ? next++ : -1;
  const candles = chart.addSeries(L.CandlestickSeries, plain, next);
  const closes = broken(next, number(2));
  const middle = line.host.createPriceLine({ price: 50, lineStyle: 2, lineWidth: 1, axisLabelVisible: false });
  const usual = attention[0].host.createPriceLine({ price: 0, lineStyle: 2, lineWidth: 1, axisLabelVisible: false });

  const narrow = by("panic-chart").clientWidth < 600;
  const heights = [210, 34, 92, 78, 70, ...(implied.length ? [96] : []), narrow ? 170 : 220];
  by("panic-chart").style.height = `${heights.reduce((sum, h) => sum + h, 0) + 28 + heights.length}px`;
  const labels = [
    () => word(state.audience === DIVERGENCE ? "pane_divergence" : "pane_panic"),
    () => word("pane_quality"),
    () => word("pane_effective"),
    () => word("pane_attention"),
    () => word("pane_agreement"),
    ...(implied.length ? [() => `${word("pane_implied")}: ${data.implied.map((one) => one.name).join(", ")}`] : []),
    () => (priceName() ? `${word("pane_price")}: ${priceName()}` : word("no_price")),
  ];
  const bands = () =>
    state.audience === DIVERGENCE
      ? []
      : [[data.extreme, 100, fade(css("--warn"), 0.14)], [0, low, fade(css("--good"), 0.14)]];
  chart.panes().forEach((pane, i) => {
    pane.setStretchFactor(heights[i]);
    pane.attachPrimitive(new Ground(labels[i], i === 0 ? bands : null));
  });
  strip.priceScale().applyOptions({ scaleMargins: { top: 0.5, bottom: 0 } });
  line.host.priceScale().applyOptions({ scaleMargins: { top: 0.1, bottom: 0.04 } });
  for (const [series] of [effective, attention, agreement]) series.host.priceScale().applyOptions({ scaleMargins: { top: 0.26, bottom: 0.1 } });
  candles.priceScale().applyOptions({ scaleMargins: { top: 0.14, bottom: 0.06 } });
  counts.priceScale().applyOptions({ scaleMargins: { top: 0.26, bottom: 0 } });

  function draw() {
    const inDivergence = state.audience === DIVERGENCE;
    const tones = inDivergence ? [css("--c0"), css("--c1")] : [css("--accent"), css("--accent")];
    by("panic-sides").hidden = !inDivergence;
    line.applyOptions({ color: css("--ink") });
    line.mark = (v) => (inDivergence ? null : v >= data.extreme ? css("--warn") : v <= low ? css("--good") : null);
    line.setData(onDays(all(index)));
    middle.applyOptions({ price: inDivergence ? 0 : 50, color: css("--faint") });
    usual.applyOptions({ color: css("--faint") });
    const stripes = { ok: [3, fade(css("--good"), 0.7)], thin: [2, fade(css("--warn"), 0.75)], none: [0.5, css("--faint")] };
    strip.setData(days.map((time, at) => ({ time, value: stripes[worst(at)][0], color: stripes[worst(at)][1] })));
    counts.setData(
      days.map((time, at) => ({ time, value: Math.max(...sides().map((side) => value(side, "texts", at) ?? 0)), color: fade(css("--soft"), 0.35) })),
    );
    for (const [column, pair] of [["effective", effective], ["attention", attention], ["agreement", agreement]]) {
      pair.forEach((series, i) => {
        series.applyOptions({ color: tones[i] });
        series.setData(onDays(all((at) => (sides()[i] ? value(sides()[i], column, at) : null))));
      });
    }
    implied.forEach((series, i) => {
      series.applyOptions({ color: css("--c" + ((i + 3) % 10)) });
      series.setData(onDays(all((at) => placed(data.implied[i], at))));
    });
    drawPrice();
  }
  function drawPrice() {
    const one = candlesOf();
    const [up, down] = data.up === "red" ? [css("--red"), css("--green")] : [css("--green"), css("--red")];
    candles.applyOptions({
      upColor: up, downColor: down, borderVisible: false, wickUpColor: up, wickDownColor: down, priceFormat: number(one?.digits ?? 2),
    });
    candles.setData(
      days.map((time, at) => {
        const close = one?.c[at] ?? null;
        return close === null ? { time } : { time, open: one.o[at], high: one.h[at], low: one.l[at], close };
      }),
    );
    closes.applyOptions({ color: css("--c0"), priceFormat: number(data.benchmark?.digits ?? 2) });
    closes.setData(onDays(all((at) => (one ? null : placed(data.benchmark, at)))));
  }

  // ---- reading a session --------------------------------------------------------------------------
  const known = (v, digits) => (v === null ? word("no_value") : shown(v, digits));
  const COLUMNS = [["z", 2], ["texts", 0], ["effective", 1], ["attention", 2], ["agreement", 3], ["bearishness", 2], ["session_bearishness", 2]];
  const ofSides = (column, digits, at) => sides().map((side) => known(value(side, column, at), digits)).join(" / ");
  const qualityOf = (at) => sides().map((side) => word("quality_" + quality(side, at))).join(" / ");
  const closeOf = (at) => {
    const one = candlesOf();
    const close = one ? one.c[at] : placed(data.benchmark, at);
    return close === null || close === undefined ? null : [close, one?.digits ?? data.benchmark.digits];
  };
  function read(at) {
    const box = by("panic-readout");
    box.replaceChildren();
    if (at < 0) return;
    const put = kit.putter(box);
    put("", days[at]);
    put(word(state.audience === DIVERGENCE ? "value_divergence" : "value_panic"), known(index(at), 1));
    if (sides().length > 1) put(word("value_panic"), ofSides("panic", 1, at));
    put(word("value_quality"), qualityOf(at));
    for (const [column, digits] of COLUMNS) put(word("value_" + column), ofSides(column, digits, at));
    for (const one of data.implied) put(one.name, known(placed(one, at), 2));
    const one = candlesOf();
    if (one && one.c[at] !== null) {
      for (const key of ["open", "high", "low", "close"]) put(word(key), shown(one[key[0]][at], one.digits));
    } else if (closeOf(at)) put(`${priceName()} ${word("close")}`, shown(...closeOf(at)));
  }

  // ---- the texts of a session ---------------------------------------------------------------------
  const bySession = new Map();
  for (const row of texts.rows ?? []) {
    if (!bySession.has(row[0])) bySession.set(row[0], []);
    bySession.get(row[0]).push(row);
  }
  const AUDIENCES = ["public", "institution"];
  function rowsOf(at) {
    const place = data.scopes.indexOf(state.scope);
    const side = AUDIENCES.indexOf(state.audience);
    const rows = (bySession.get(at) ?? []).filter((row) => row[5].includes(place) && (side < 0 || row[4] === side));
    return state.audience === DIVERGENCE ? rows : rows.slice(0, texts.per);
  }
  const element = (name, css, content) => {
    const made = document.createElement(name);
    if (css) made.className = css;
    if (content !== undefined) made.textContent = content;
    return made;
  };
  function card([at, time, from, source, audience, scopes, neg, neu, pos, weight, content, cut]) {
    const item = element("li", "text");
    const head = element("p", "meta");
    const put = kit.putter(head);
    put("", time);
    if (from) put("", word("counts_from").replace("{time}", from));
    put("", texts.sources[source]);
    put("", audienceName(AUDIENCES[audience]));
    scopes.map((i) => data.scopes[i]).filter((scope) => scope !== "market").forEach((scope) => put("", scopeName(scope)));
    if (weight !== 1) put("", word("weighs").replace("{weight}", weight));
    put("", word("counted_in").replace("{session}", days[at]));
    const bar = element("p", "odds");
    for (const [key, share] of [["p_neg", neg], ["p_neu", neu], ["p_pos", pos]]) {
      const part = element("span", key);
      part.style.setProperty("--share", share + "%");
      part.append(`${word(key)} ${share} %`);
      bar.append(part);
    }
    const words = element("p", "words", content);
    words.dir = "auto"; // a stranger's direction of writing ends with the paragraph
    item.append(head, words, bar);
    if (cut) words.append(element("small", "", word("cut_off").replace("{n}", cut)));
    return item;
  }
  function list() {
    const [title, list, note] = ["session-title", "session-texts", "session-note"].map(by);
    list.replaceChildren();
    title.textContent = state.at < 0 ? word("choose_session") : `${days[state.at]} · ${scopeName(state.scope)} · ${audienceName(state.audience)}`;
    note.textContent = "";
    if (state.at < 0) return;
    by("panic-date").value = days[state.at];
    const counted = sides().reduce((sum, side) => sum + (value(side, "texts", state.at) ?? 0), 0);
    const rows = rowsOf(state.at);
    rows.forEach((row) => list.append(card(row)));
    const told = rows.length ? "shown_of" : !texts.rows ? "no_texts" : counted ? "none_kept" : "none_written";
    note.textContent = word(told).replace("{shown}", rows.length).replace("{all}", counted.toLocaleString("en-US"));
  }
  function choose(at) {
    state.at = Math.max(0, Math.min(days.length - 1, at));
    const scale = chart.timeScale();
    const seen = scale.getVisibleLogicalRange();
    if (seen && (state.at < seen.from || state.at > seen.to)) {
      const half = (seen.to - seen.from) / 2;
      scale.setVisibleLogicalRange({ from: state.at - half, to: state.at + half });
    }
    chart.applyOptions({}); // draws the mark of the chosen session
    read(state.at);
    list();
  }
  chart.subscribeClick((e) => {
    if (e.logical !== undefined && days[Math.round(e.logical)]) choose(Math.round(e.logical));
  });
  chart.subscribeCrosshairMove((e) => read(e.logical !== undefined && days[Math.round(e.logical)] ? Math.round(e.logical) : state.at));
  const MONTH = 21;
  const steps = { ArrowLeft: -1, ArrowRight: 1, PageUp: -MONTH, PageDown: MONTH, Home: -Infinity, End: Infinity };
  by("panic-chart").addEventListener("keydown", (e) => {
    if (!(e.key in steps) || e.ctrlKey || e.altKey || e.metaKey) return;
    e.preventDefault();
    choose(state.at + steps[e.key]);
  });
  by("panic-earlier").onclick = () => choose(state.at - 1);
  by("panic-later").onclick = () => choose(state.at + 1);
  by("panic-date").onchange = (e) => {
    const at = days.findIndex((day) => day >= e.target.value);
    if (e.target.value) choose(at < 0 ? days.length - 1 : at);
  };

  // ---- the same as a table ------------------------------------------------------------------------
  const table = by("by-session");
  function tabulate() {
    if (!by("as-table").open) return;
    const rows = days.map((day, at) => {
      const row = document.createElement("tr");
      const put = (content, sorted) => {
        const cell = element("td", content === word("no_value") ? "soft" : "", content);
        if (sorted !== null && sorted !== undefined) cell.dataset.v = sorted;
        row.append(cell);
        return cell;
      };
      const first = put("", day);
      const go = element("button", "", day);
      go.type = "button";
      go.onclick = () => {
        choose(at);
        by("session").scrollIntoView();
        by("session-title").focus();
      };
      first.append(go);
      put(known(index(at), 1), index(at));
      put(qualityOf(at), QUALITIES.indexOf(worst(at)));
      for (const [column, digits] of COLUMNS.slice(0, 5)) put(ofSides(column, digits, at), value(sides()[0], column, at));
      for (const one of data.implied) put(known(placed(one, at), 2), placed(one, at));
      const close = closeOf(at);
      put(close ? shown(...close) : word("no_value"), close?.[0]);
      return row;
    });
    table.tBodies[0].replaceChildren(...rows.reverse());
    const second = table.tHead.rows[0].cells[1].firstElementChild;
    second.textContent = word(state.audience === DIVERGENCE ? "value_divergence" : "value_panic");
    table.querySelectorAll("[aria-sort]").forEach((head) => head.removeAttribute("aria-sort"));
  }
  by("as-table").addEventListener("toggle", tabulate);

  // ---- choosing scope and audience ----------------------------------------------------------------
  const option = (key, label) => {
    const made = element("option", "", label);
    made.value = key;
    return made;
  };
  function choices() {
    const kind = (scope) => (scope === "market" ? "group_all" : scope.startsWith("sector:") ? "group_sectors" : "group_symbols");
    const groups = new Map();
    for (const scope of data.scopes) {
      if (!groups.has(kind(scope))) groups.set(kind(scope), Object.assign(document.createElement("optgroup"), { label: word(kind(scope)) }));
      groups.get(kind(scope)).append(option(scope, scopeName(scope)));
    }
    by("panic-scope").replaceChildren(...groups.values());
    by("panic-scope").value = state.scope;
    const views = data.views[state.scope];
    if (!views.includes(state.audience)) state.audience = views[0];
    by("panic-audience").replaceChildren(...views.map((view) => option(view, audienceName(view))));
    by("panic-audience").value = state.audience;
  }
  const show = () => {
    choices();
    draw();
    read(state.at);
    list();
    tabulate();
  };
  by("panic-scope").onchange = (e) => {
    state.scope = e.target.value;
    show();
  };
  by("panic-audience").onchange = (e) => {
    state.audience = e.target.value;
    show();
  };
  // Thousands of sessions at once are a smear: a long index opens on its last two years.
  const MOST = 500;
  const opening = () => {
    const scale = chart.timeScale();
    if (days.length <= MOST * 1.2) scale.fitContent();
    else scale.setVisibleLogicalRange({ from: days.length - MOST, to: days.length + 2 });
  };
  by("panic-reset").onclick = () => chart.timeScale().fitContent();
  by("panic-year").onclick = () => chart.timeScale().setVisibleLogicalRange({ from: days.length - 251, to: days.length + 2 });
  const label = () => {
    by("panic-chart").setAttribute("aria-label", word("chart_label"));
    show();
  };
  relabels.push(label);
  restyles.push(() => {
    chart.applyOptions(kit.look());
    draw();
  });

  kit.frame();
  kit.ready(() => {
    // Something to read at once: the last session of which texts are kept.
    label();
    const last = days.findLastIndex((_, at) => rowsOf(at).length);
    choose(last < 0 ? days.length - 1 : last);
    return { panic: chart };
  }, opening);
})();
