"use strict";
(() => {
  const data = JSON.parse(document.getElementById("payload").textContent);
  const kit = pageKit(data);
  const { L, root, by, css, word, days, dark, fade, look, make, Broken, restyles, relabels } = kit;
  const audience = (key) => (data.words["audience_" + key] ? word("audience_" + key) : key);

  const line = (s) => s.v.map((v, i) => (v === null ? { time: days[s.start + i] } : { time: days[s.start + i], value: v }));
  const percent = (v, digits = 1) => (v * 100).toFixed(digits).replace("-", "\u2013") + " %";

  const PALETTE = {
    light: ["#2b5d7d", "#c26a3d", "#5b8c5a", "#8a5a8f", "#b08a2e", "#3f9190", "#a8505c", "#6a6fb0", "#7d6b55", "#4f7f3a"],
    dark: ["#7db4d8", "#e39a6d", "#8fc08d", "#c295c8", "#dcbd66", "#6fc4c2", "#df8b96", "#a5aae6", "#bba88f", "#9ac77f"],
  };
  const tint = (i) => PALETTE[dark() ? "dark" : "light"][i % 10];

  // ---- equity and drawdown ------------------------------------------------------------------------
  function equity() {
    const chart = make("equity-chart");
    const curves = data.strategies.map((name, i) => ({ name, i, ...data.equity[name] }));
    const last = (c) => c.v.filter((v) => v !== null).at(-1);
    const best = [...curves].sort((a, b) => last(b) - last(a));
    const hold = (name) => /^(buy[ _-]and[ _-]hold|买入持有)/i.test(name);
    // Shown at first: a handful of the best, no curve twice, and holding, which all are measured by.
    const shown = new Set(best.filter((c) => hold(c.name)).map((c) => c.name));
    const seen = new Set(best.filter((c) => hold(c.name)).map((c) => String(c.v)));
    for (const c of best) {
      if (shown.size >= 6 || seen.has(String(c.v))) continue;
      seen.add(String(c.v));
      shown.add(c.name);
    }
    // Colours go to the curves shown first; after ten the line is broken, after twenty dotted.
    [...best].filter((c) => !hold(c.name)).sort((a, b) => shown.has(b.name) - shown.has(a.name))
      .forEach((c, rank) => (c.i = rank));
    best.filter((c) => hold(c.name)).forEach((c) => (c.i = -1));
    const broken = (c) => (c.benchmark ? 2 : c.i < 10 ? 0 : c.i < 20 ? 3 : 1);
    if (data.benchmark) best.push({ ...data.benchmark, i: -1, benchmark: true });
    const plain = { priceLineVisible: false, lastValueVisible: false, crosshairMarkerRadius: 3 };
    for (const curve of best) {
      curve.on = curve.benchmark || shown.has(curve.name);
      const style = { ...plain, lineWidth: 2, lineStyle: broken(curve), visible: curve.on };
      // A run's own curves have no gaps, and the library draws them faster.
      const add = (...of) => (curve.v.includes(null) ? new Broken(chart, ...of) : chart.addSeries(L.LineSeries, ...of));
      curve.top = add({ ...style, priceFormat: { type: "price", precision: 3, minMove: 0.001 } }, 0);
      curve.top.setData(line(curve));
      let peak = 1;
      const under = { start: curve.start, v: curve.v.map((v) => (v === null ? null : ((peak = Math.max(peak, v)), v / peak - 1))) };
      const format = { type: "custom", minMove: 0.001, formatter: (v) => percent(v, 0) };
      curve.low = add({ ...style, lineWidth: 1, priceFormat: format }, 1);
      curve.low.setData(line(under));
      curve.value = new Map(curve.v.map((v, i) => [days[curve.start + i], v]));
      const chip = document.createElement("button");
      chip.type = "button";
      chip.append(document.createElement("span"), document.createElement("output"));
      chip.dataset.line = broken(curve);
      const label = () => (chip.firstChild.textContent = root.dataset.lang === "zh" ? (curve.name_zh ?? curve.name) : curve.name);
      label();
      relabels.push(label);
      chip.onclick = () => show(curve, !curve.on);
      curve.chip = chip;
      by("equity-legend").append(chip);
    }
    chart.panes()[0].setStretchFactor(3);
    chart.panes()[1].setStretchFactor(1.2);
    const show = (curve, on) => {
      curve.on = on;
      curve.top.applyOptions({ visible: on });
      curve.low.applyOptions({ visible: on });
      curve.chip.setAttribute("aria-pressed", String(on));
    };
    const read = (time) => {
      for (const c of best) {
        const v = time ? c.value.get(time) : last(c);
        c.chip.lastChild.textContent = v === undefined || v === null ? "n/a" : percent(v - 1);
      }
    };
    const restyle = () => {
      chart.applyOptions(look());
      for (const c of best) {
        const color = c.benchmark ? css("--faint") : c.i < 0 ? css("--ink") : tint(c.i);
        c.chip.style.setProperty("--swatch", color);
        c.top.applyOptions({ color });
        c.low.applyOptions({ color });
      }
    };
    best.forEach((c) => show(c, c.on));
    restyle();
    restyles.push(restyle);
    read();
    chart.subscribeCrosshairMove((e) => read(e.time));
    by("equity-log").onchange = (e) => chart.priceScale("right", 0).applyOptions({ mode: e.target.checked ? 1 : 0 });
    by("equity-all").onclick = () => best.forEach((c) => show(c, true));
    by("equity-none").onclick = () => best.forEach((c) => show(c, false));
    by("equity-reset").onclick = () => chart.timeScale().fitContent();
    chart.timeScale().fitContent();
    return chart;
  }

  // ---- price, trades, panic -----------------------------------------------------------------------
  function price() {
    const chart = make("price-chart");
    const symbols = Object.keys(data.symbols);
    const scopes = Object.keys(data.panic);
    const audiences = [...new Set(scopes.flatMap((s) => Object.keys(data.panic[s])))];
    const rank = { all: 0, public: 1, institution: 2 };
    audiences.sort((a, b) => (rank[a] ?? 9) - (rank[b] ?? 9));
    const candles = chart.addSeries(L.CandlestickSeries, { priceLineVisible: false }, 0);
    const volume = chart.addSeries(
      L.HistogramSeries,
      { priceScaleId: "", priceLineVisible: false, lastValueVisible: false, priceFormat: { type: "volume" } },
      0,
    );
    volume.priceScale().applyOptions({ scaleMargins: { top: 0.84, bottom: 0 } });
    candles.priceScale().applyOptions({ scaleMargins: { top: 0.06, bottom: 0.2 } });
    const panic = audiences.length
      ? chart.addSeries(
          L.HistogramSeries,
          {
            priceLineVisible: false,
            lastValueVisible: false,
            base: -4, // calm still shows a stub: only a session without information shows nothing
            priceFormat: { type: "price", precision: 0, minMove: 1 },
            autoscaleInfoProvider: () => ({ priceRange: { minValue: -4, maxValue: 100 } }),
          },
          1,
        )
      : null;
    if (panic) {
      panic.priceScale().applyOptions({ scaleMargins: { top: 0.06, bottom: 0 } });
      chart.panes()[0].setStretchFactor(3.2);
      chart.panes()[1].setStretchFactor(1);
    }
    const middle = panic ? panic.createPriceLine({ price: 50, lineStyle: 2, lineWidth: 1, axisLabelVisible: false }) : null;
    const markers = L.createSeriesMarkers(candles, []);
    const state = { symbol: symbols[0], strategy: data.strategies[0] ?? "", audience: audiences[0] };
    // The first chart shows something to see: the best strategy among those that really trade.
    const end = (s) => data.equity[s].v.filter((v) => v !== null).at(-1);
    const busy = data.strategies.filter((s) => data.trades[s].length > 10).sort((a, b) => end(b) - end(a));
    const most = [...data.strategies].sort((a, b) => data.trades[b].length - data.trades[a].length);
    state.strategy = busy[0] ?? most[0] ?? "";
    let rows = [];
    let known = new Map();

    const colors = () => {
      const up = css(data.up === "red" ? "--red" : "--green");
      const down = css(data.up === "red" ? "--green" : "--red");
      return { up, down };
    };
    function unpack(symbol) {
      const one = data.symbols[symbol];
      const at = one.at.flatMap(([start, n]) => Array.from({ length: n }, (_, i) => start + i));
      const adjust = by("price-adjusted").checked && one.factor.length > 1;
      const final = one.factor.at(-1)[1];
      let step = 0;
      return at.map((position, i) => {
        while (step + 1 < one.factor.length && one.factor[step + 1][0] <= i) step++;
        const k = adjust ? one.factor[step][1] / final : 1;
        return {
          at: position,
          time: days[position],
          open: one.o[i] * k,
          high: one.h[i] * k,
          low: one.l[i] * k,
          close: one.c[i] * k,
          volume: one.v[i] * one.v_scale,
        };
      });
    }
    function drawPrice() {
      const one = data.symbols[state.symbol];
      const { up, down } = colors();
      rows = unpack(state.symbol);
      known = new Map(rows.map((r) => [r.time, r]));
      candles.applyOptions({
        upColor: up, downColor: down, borderVisible: false, wickUpColor: up, wickDownColor: down,
        priceFormat: { type: "price", precision: one.digits, minMove: 10 ** -one.digits },
      });
      candles.setData(rows);
      volume.setData(rows.map((r) => ({ time: r.time, value: r.volume, color: fade(r.close >= r.open ? up : down, 0.28) })));
      by("price-adjusted-label").hidden = one.factor.length < 2;
      drawTrades();
    }
    function drawTrades() {
      const place = symbols.indexOf(state.symbol);
      const fills = (data.trades[state.strategy] ?? []).filter((f) => f[1] === place && known.has(days[f[0]]));
      markers.setMarkers(
        fills.map(([at, , quantity]) => ({
          time: days[at],
          position: quantity > 0 ? "belowBar" : "aboveBar",
          shape: quantity > 0 ? "arrowUp" : "arrowDown",
          color: quantity > 0 ? css("--accent") : css("--warn"),
          size: 1,
        })),
      );
    }
    const series = () => {
      const scope = data.panic[state.symbol]?.[state.audience] ? state.symbol : "market";
      return { scope, values: data.panic[scope]?.[state.audience] };
    };
    let fear = new Map();
    function drawPanic() {
      if (!panic) return;
      const { values } = series();
      fear = new Map((values?.v ?? []).map((v, i) => [days[values.start + i], v]));
      const color = css("--warn");
      panic.setData(
        values
          ? values.v.flatMap((v, i) =>
              v === null ? [] : [{ time: days[values.start + i], value: v, color: fade(color, 0.15 + (0.7 * v) / 100) }],
            )
          : [],
      );
      middle.applyOptions({ color: css("--faint") });
    }
    function read(time) {
      const row = time ? known.get(time) : rows.at(-1);
      const day = time ?? row?.time;
      const box = by("price-readout");
      box.replaceChildren();
      const put = (label, value) => {
        const item = document.createElement("span");
        const strong = document.createElement("b");
        strong.textContent = value;
        item.append(label ? label + " " : "", strong);
        box.append(item);
      };
      if (!day) return;
      put("", day);
      if (row) {
        const digits = data.symbols[state.symbol].digits;
        for (const key of ["open", "high", "low", "close"]) put(word(key), row[key].toFixed(digits));
        put(word("volume"), Math.round(row.volume).toLocaleString("en-US"));
      }
      if (panic) {
        const { scope } = series();
        const value = fear.get(day);
        const whose = scope === "market" ? word("scope_market") : scope;
        put(`${word("panic")} (${whose}, ${audience(state.audience)})`, value === undefined || value === null ? word("no_value") : value.toFixed(0));
      }
      const place = symbols.indexOf(state.symbol);
      for (const [at, which, quantity, paid] of data.trades[state.strategy] ?? []) {
        if (which === place && days[at] === day) {
          const price = paid === null ? "" : ` @ ${paid}`;
          put(word(quantity > 0 ? "buy" : "sell"), Math.abs(quantity).toLocaleString("en-US") + price);
        }
      }
    }
    const select = (id, entries, key) => {
      const box = by(id);
      if (!box) return;
      const fill = () => {
        box.replaceChildren(
          ...entries.map((value) => {
            const option = document.createElement("option");
            option.value = value;
            option.textContent = key === "audience" ? audience(value) : value === "" ? word("no_trades") : value;
            return option;
          }),
        );
        box.value = state[key];
      };
      fill();
      relabels.push(fill);
      box.onchange = () => {
        state[key] = box.value;
        if (key === "symbol") drawPrice();
        if (key === "strategy") drawTrades();
        drawPanic();
        read();
      };
    };
    select("price-symbol", symbols, "symbol");
    select("price-strategy", ["", ...data.strategies], "strategy");
    select("price-audience", audiences, "audience");
    by("price-adjusted").onchange = () => drawPrice();
    by("price-log").onchange = (e) => candles.priceScale().applyOptions({ mode: e.target.checked ? 1 : 0 });
    by("price-reset").onclick = () => chart.timeScale().fitContent();
    by("price-year").onclick = () => {
      const end = rows.length - 1;
      chart.timeScale().setVisibleLogicalRange({ from: end - 250, to: end + 3 });
    };
    const restyle = () => {
      chart.applyOptions(look());
      drawPrice();
      drawPanic();
    };
    restyle();
    restyles.push(restyle);
    relabels.push(() => read());
    read();
    chart.subscribeCrosshairMove((e) => read(e.time));
    chart.timeScale().fitContent();
    return chart;
  }

  kit.frame();
  kit.ready(() => {
    const charts = { price: price() };
    if (by("equity-chart")) charts.equity = equity();
    if (by("against-chart")) Object.assign(charts, forecastCharts({ ...kit, data }));
    return charts;
  });
})();
