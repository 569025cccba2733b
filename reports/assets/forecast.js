"use strict";
// The forecast charts.  `kit` holds what all charts of the page share; see report.js.
const forecastCharts = (kit) => {
  const { data, L, css, by, word, make, Broken, look, fade, restyles, relabels } = kit;
  const all = data.forecasts;
  const days = [all.sessions.first];
  for (let at = Date.parse(all.sessions.first), i = 0; i < all.sessions.steps.length; i++) {
    at += all.sessions.steps[i] * 864e5;
    days.push(new Date(at).toISOString().slice(0, 10));
  }
  const rising = (up) => css((data.up === "red") === up ? "--red" : "--green");
  const plain = { priceLineVisible: false, lastValueVisible: false, crosshairMarkerRadius: 3 };
  const places = (digits) => ({ type: "price", precision: digits, minMove: 10 ** -digits });
  // A minus of ASCII is narrower than the digits of the page's font.
  const shown = (value, digits) => value.toFixed(digits).replace("-", "\u2013");

  const putter = (box) => (label, value) => {
    const item = document.createElement("span");
    const strong = document.createElement("b");
    strong.textContent = value;
    item.append(label ? label + " " : "", strong);
    box.append(item);
  };
  const options = (id, entries, value, chosen) => {
    const box = by(id);
    if (!box) return;
    box.replaceChildren(
      ...entries.map(([key, label]) => {
        const option = document.createElement("option");
        option.value = key;
        option.textContent = label;
        return option;
      }),
    );
    box.value = value;
    box.onchange = () => chosen(Number(box.value));
  };
  const models = (found) => all.models.map((m, i) => [i, m.label]).filter(([i]) => found.some((one) => one === i));

  // ---- forecast against actual ----------------------------------------------------------------------
  function against() {
    const chart = make("against-chart");
    const lines = all.lines.filter(([, , , line]) => line.start !== undefined);
    const state = { model: lines[0]?.[0] ?? 0, symbol: lines[0]?.[1] ?? 0, step: lines[0]?.[2] ?? 1 };
    const bars = chart.addSeries(L.HistogramSeries, { ...plain, base: 0 }, 0);
    const real = new Broken(chart, { ...plain, lineWidth: 2 }, 0);
    const edge = { ...plain, lineWidth: 1, crosshairMarkerVisible: false };
    const [low, high] = [new Broken(chart, edge, 0), new Broken(chart, edge, 0)];
    const said = new Broken(chart, { ...plain, lineWidth: 2 }, 0);
    // Only models that state a probability have its pane.
    let chance = null;
    function drawChance() {
      if (chance) chart.removeSeries(chance.host);
      chance = null;
      if (!line.p) return;
      const format = { type: "custom", minMove: 0.1, formatter: (v) => v.toFixed(0) + " %" };
      chance = new Broken(chart, { ...plain, lineWidth: 2, color: css("--c3"), priceFormat: format }, 1);
      chance.host.createPriceLine({ price: 50, lineStyle: 2, lineWidth: 1, axisLabelVisible: false, color: css("--faint") });
      chance.setData(points(line.p));
      chart.panes()[0].setStretchFactor(3);
      chart.panes()[1].setStretchFactor(1);
    }
    let line = {};
    const points = (v) =>
      (v ?? []).map((value, i) => (value === null ? { time: days[line.start + i] } : { time: days[line.start + i], value }));
    const inPercent = () => line.unit === "return" || line.unit === "volatility";
    const digits = () => (line.unit === "level" ? 0 : 2);
    function draw() {
      line = lines.find(([m, s, step]) => m === state.model && s === state.symbol && step === state.step)?.[3] ?? {};
      const returns = line.unit === "return";
      const format = inPercent()
        ? { type: "custom", minMove: 0.01, formatter: (v) => shown(v, 2) + " %" }
        : line.unit === "level" ? { type: "volume" } : places(digits());
      for (const series of [bars, real, low, high, said]) series.applyOptions({ priceFormat: format });
      const wings = [rising(true), rising(false)];
      bars.setData(
        returns ? points(line.a).map((p) => (p.value === undefined ? p : { ...p, color: fade(wings[p.value < 0 ? 1 : 0], 0.5) })) : [],
      );
      real.setData(returns ? [] : points(line.a));
      said.setData(points(line.f));
      low.setData(points(line.lo));
      high.setData(points(line.hi));
      drawChance();
      read();
    }
    function read(time) {
      const box = by("against-readout");
      box.replaceChildren();
      if (line.start === undefined) return;
      const put = putter(box);
      const longest = Math.max(...["f", "a", "p"].map((key) => (line[key] ?? []).length));
      const at = time ? days.indexOf(time) - line.start : longest - 1;
      if (at < 0 || at >= longest) return;
      const unit = inPercent() ? " %" : "";
      const value = (key) => line[key]?.[at] ?? null;
      put("", days[line.start + at]);
      if (line.f) put(word("forecast"), value("f") === null ? "n/a" : shown(value("f"), digits()) + unit);
      put(word("actual"), value("a") === null ? "n/a" : shown(value("a"), digits()) + unit);
      if (value("lo") !== null) put(word("interval"), `${shown(value("lo"), digits())} ~ ${shown(value("hi"), digits())}${unit}`);
      if (value("p") !== null) put(word("p_up"), value("p").toFixed(1) + " %");
    }
    function choose() {
      const of = lines.filter(([m]) => m === state.model);
      const symbols = [...new Set(of.map(([, s]) => s))];
      if (!symbols.includes(state.symbol)) state.symbol = symbols[0];
      const steps = [...new Set(of.filter(([, s]) => s === state.symbol).map(([, , step]) => step))];
      if (!steps.includes(state.step)) state.step = steps.at(-1);
      const set = (key) => (value) => {
        state[key] = value;
        choose();
      };
      options("against-model", models(lines.map(([m]) => m)), state.model, set("model"));
      options("against-symbol", symbols.map((s) => [s, all.symbols[s]]), state.symbol, set("symbol"));
      options("against-step", steps.map((step) => [step, step]), state.step, set("step"));
      draw();
    }
    const restyle = () => {
      chart.applyOptions(look());
      real.applyOptions({ color: css("--soft") });
      said.applyOptions({ color: css("--c3") });
      low.applyOptions({ color: fade(css("--c3"), 0.6) });
      high.applyOptions({ color: fade(css("--c3"), 0.6) });
      draw();
    };
    choose();
    restyle();
    restyles.push(restyle);
    relabels.push(() => read());
    chart.subscribeCrosshairMove((e) => read(e.time));
    by("against-reset").onclick = () => chart.timeScale().fitContent();
    return chart;
  }

  // ---- the newest forecast on candles ---------------------------------------------------------------
  function newest() {
    const chart = make("newest-chart");
    const found = all.next.filter((one) => one.path || one.o || one.p);
    const drawable = found.find((one) => one.o) ?? found.find((one) => one.path) ?? found[0];
    const state = { model: drawable?.m ?? 0, symbol: drawable?.s ?? 0 };
    const candles = chart.addSeries(L.CandlestickSeries, { priceLineVisible: false, lastValueVisible: false }, 0);
    const ahead = chart.addSeries(L.CandlestickSeries, { priceLineVisible: false, lastValueVisible: false }, 0);
    const edge = { ...plain, lineWidth: 1, lineStyle: 2, crosshairMarkerVisible: false };
    const [low, high] = [new Broken(chart, edge, 0), new Broken(chart, edge, 0)];
    const path = new Broken(chart, { ...plain, lineWidth: 2, pointMarkersVisible: true, pointMarkersRadius: 3 }, 0);
    let one;
    let known = new Map();
    function draw() {
      one = found.find((next) => next.m === state.model && next.s === state.symbol);
      const seen = all.candles[state.symbol];
      const [up, down] = [rising(true), rising(false)];
      candles.applyOptions({
        upColor: up, downColor: down, borderVisible: false, wickUpColor: up, wickDownColor: down, priceFormat: places(seen.digits),
      });
      const clear = css("--card");
      ahead.applyOptions({
        upColor: clear, downColor: clear, borderUpColor: up, borderDownColor: down, wickUpColor: up, wickDownColor: down,
        priceFormat: places(seen.digits),
      });
      const rows = seen.days.map((time, i) => ({ time, open: seen.o[i], high: seen.h[i], low: seen.l[i], close: seen.c[i] }));
      known = new Map(rows.map((row) => [row.time, row]));
      candles.setData(rows);
      const stated = (v) => v.map((value, i) => (value === null ? { time: one.days[i] } : { time: one.days[i], value }));
      const from = (v) => (v && one ? [{ time: one.at, value: one.close }, ...stated(v)] : []);
      ahead.setData(one?.o ? one.days.map((time, i) => ({ time, open: one.o[i], high: one.h[i], low: one.l[i], close: one.c[i] })) : []);
      path.setData(one && !one.o ? from(one.path) : []);
      low.setData(one ? from(one.lo) : []);
      high.setData(one ? from(one.hi) : []);
      read();
    }
    function read(time) {
      const box = by("newest-readout");
      box.replaceChildren();
      if (!one) return;
      const put = putter(box);
      const digits = all.candles[state.symbol].digits;
      const row = known.get(time);
      const at = one.days.indexOf(time);
      if (row) {
        put("", time);
        for (const key of ["open", "high", "low", "close"]) put(word(key), row[key].toFixed(digits));
      }
      if (row && at < 0) return;
      const step = at < 0 ? one.steps.length - 1 : at;
      if (!row) put("", one.days[step]);
      if (one.o) for (const [key, v] of [["open", one.o], ["high", one.h], ["low", one.l], ["close", one.c]]) put(`${word("forecast")} ${word(key)}`, v[step].toFixed(digits));
      else if (one.path && one.path[step] !== null) put(`${word("forecast")}, ${word("of_" + one.of)}`, one.path[step].toFixed(digits));
      if (one.lo && one.lo[step] !== null) put(word("interval"), `${one.lo[step].toFixed(digits)} ~ ${one.hi[step].toFixed(digits)}`);
      if (one.p && one.p[step] !== null) put(word("p_up"), one.p[step].toFixed(1) + " %");
    }
    function choose() {
      const symbols = [...new Set(found.filter((next) => next.m === state.model).map((next) => next.s))];
      if (!symbols.includes(state.symbol)) state.symbol = symbols[0];
      const set = (key) => (value) => {
        state[key] = value;
        choose();
        chart.timeScale().fitContent();
      };
      options("newest-model", models(found.map((next) => next.m)), state.model, set("model"));
      options("newest-symbol", symbols.map((s) => [s, all.symbols[s]]), state.symbol, set("symbol"));
      draw();
    }
    const restyle = () => {
      chart.applyOptions(look());
      for (const series of [path, low, high]) series.applyOptions({ color: css("--c3") });
      draw();
    };
    if (found.length) {
      choose();
      restyle();
      restyles.push(restyle);
      relabels.push(() => read());
      chart.subscribeCrosshairMove((e) => read(e.time));
    }
    return chart;
  }
  return { against: against(), newest: newest() };
};
