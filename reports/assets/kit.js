"use strict";
// What every page of ours shares: calendar, colours, the look of a chart, tables, language, theme.
const pageKit = (data) => {
  const L = LightweightCharts;
  const root = document.documentElement;
  const by = (id) => document.getElementById(id);
  const restyles = [];
  const relabels = [];
  const css = (name) => getComputedStyle(root).getPropertyValue(name).trim();
  const chinese = () => root.dataset.lang === "zh";
  const word = (key) => data.words[key][chinese() ? 1 : 0];

  // The calendar: every series is a position on it.
  const days = [data.sessions.first];
  for (let at = Date.parse(data.sessions.first), i = 0; i < data.sessions.steps.length; i++) {
    at += data.sessions.steps[i] * 864e5;
    days.push(new Date(at).toISOString().slice(0, 10));
  }
  const dark = () => {
    const chosen = root.dataset.theme;
    return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  };
  const fade = (color, alpha) => color + Math.round(alpha * 255).toString(16).padStart(2, "0");
  // A minus of ASCII is narrower than the digits of the page's font.
  const shown = (value, digits) => value.toFixed(digits).replace("-", "\u2013");

  const look = () => ({
    layout: {
      background: { type: "solid", color: "transparent" },
      textColor: css("--soft"),
      fontFamily: "'Qushi Sans SC', sans-serif",
      fontSize: 12,
      panes: { separatorColor: css("--line"), separatorHoverColor: css("--hair"), enableResize: true },
      attributionLogo: true,
    },
    grid: { vertLines: { color: css("--hair") }, horzLines: { color: css("--hair") } },
    rightPriceScale: { borderColor: css("--line") },
    timeScale: { borderColor: css("--line") },
    crosshair: {
      mode: 0,
      vertLine: { color: css("--faint"), labelBackgroundColor: css("--soft") },
      horzLine: { color: css("--faint"), labelBackgroundColor: css("--soft") },
    },
  });
  // The library's own labels would need a locale's words, which the page's font may lack.
  const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");
  const tick = (day, kind) => {
    const [year, month] = day.split("-");
    if (kind === 0) return year;
    if (kind > 1) return day.slice(5);
    return chinese() ? `${Number(month)}月` : MONTHS[month - 1];
  };
  const make = (id) => {
    const box = by(id);
    const chart = L.createChart(box, {
      autoSize: true,
      width: box.clientWidth,
      height: box.clientHeight,
      ...look(),
      localization: { dateFormat: "yyyy-MM-dd" },
      // A page scrolls: the wheel belongs to it, a drag and a pinch to the chart.
      handleScroll: { mouseWheel: false, vertTouchDrag: false },
      handleScale: { mouseWheel: false },
    });
    // Thousands of sessions must fit a narrow screen.
    chart.timeScale().applyOptions({ minBarSpacing: 0.02, rightOffset: 2, tickMarkFormatter: tick });
    relabels.push(() => chart.timeScale().applyOptions({ tickMarkFormatter: (...of) => tick(...of) }));
    return chart;
  };

  // The library's own line goes on across a gap.  This one ends there; a lone point is a dot.  Its host is
  // a series without a line: scale, formats, crosshair and point markers stay the library's.
  const DASHES = { 1: [1, 1], 2: [2, 2], 3: [6, 6], 4: [1, 4] }; // by lineStyle, in widths of the line
  class Broken {
    constructor(chart, options, pane) {
      this.chart = chart;
      this.points = [];
      this.mark = () => null; // colour of a dot on a value
      this.host = chart.addSeries(L.LineSeries, { ...options, lineVisible: false }, pane);
      this.host.attachPrimitive(this);
    }
    // Points as the library takes them; one without a value is a gap.
    setData(points) {
      this.points = points;
      this.host.setData(points);
    }
    applyOptions(options) {
      this.host.applyOptions(options);
    }
    paneViews() {
      return [this];
    }
    renderer() {
      return { draw: (target) => target.useBitmapCoordinateSpace((space) => this.paint(space)) };
    }
    // Where a point stands on the time scale, and the first and the last point in sight.
    places() {
      const scale = this.chart.timeScale();
      const seen = scale.getVisibleLogicalRange();
      const end = this.points.length - 1;
      if (!seen || end < 0) return null;
      const place = (i) => scale.timeToIndex(this.points[i].time);
      const first = place(0);
      if (place(end) - first !== end) return [place, 0, end]; // other series have sessions between its points
      const [from, to] = [Math.floor(seen.from) - 1 - first, Math.ceil(seen.to) + 1 - first];
      return [(i) => first + i, Math.max(0, from), Math.min(end, to)];
    }
    paint({ context, horizontalPixelRatio: across, verticalPixelRatio: down }) {
      const { color, lineWidth, lineStyle, visible } = this.host.options();
      const sight = visible && this.places();
      if (!sight) return;
      const [place, from, to] = sight;
      const scale = this.chart.timeScale();
      const value = (i) => this.points[i]?.value;
      const known = (i) => value(i) !== undefined;
      const point = (i) => [scale.logicalToCoordinate(place(i)) * across, this.host.priceToCoordinate(value(i)) * down];
      const dot = (i, radius, color) => {
        context.fillStyle = color;
        context.beginPath();
        context.arc(...point(i), radius * across, 0, 2 * Math.PI);
        context.fill();
      };
      const dashes = DASHES[lineStyle] ?? [];
      context.strokeStyle = color;
      context.lineWidth = lineWidth * across;
      context.lineJoin = "round";
      context.lineCap = dashes.length ? "butt" : "round"; // a round end would fill the space between dots
      context.setLineDash(dashes.map((length) => length * context.lineWidth));
      context.beginPath();
      for (let i = from; i <= to; i++) {
        if (!known(i)) continue;
        if (known(i - 1) && i > from) context.lineTo(...point(i));
        else context.moveTo(...point(i));
      }
      context.stroke();
      for (let i = from; i <= to; i++) {
        if (!known(i)) continue;
        const marked = this.mark(value(i));
        if (marked) dot(i, 2.6, marked);
        else if (!known(i - 1) && !known(i + 1)) dot(i, Math.max(1.5, lineWidth), color);
      }
    }
  }

  // Writes "label value" pairs into a box, as text.
  const putter = (box) => (label, value) => {
    const item = document.createElement("span");
    const strong = document.createElement("b");
    strong.textContent = value;
    item.append(label ? label + " " : "", strong);
    box.append(item);
  };

  // A table wider than the page says so, and by how many columns.
  const widen = (box) => {
    const hint = document.createElement("button");
    hint.type = "button";
    hint.className = "more";
    const heads = [...box.querySelectorAll("thead th")];
    const count = () => {
      const edge = box.getBoundingClientRect().right + 1;
      const hidden = heads.filter((head) => head.getBoundingClientRect().right > edge).length;
      hint.style.visibility = hidden ? "visible" : "hidden";
      hint.hidden = box.scrollWidth <= box.clientWidth + 1;
      hint.textContent = word("more_columns").replace("{n}", hidden);
    };
    hint.onclick = () => box.scrollBy({ left: box.clientWidth * 0.7, behavior: "smooth" });
    box.before(hint);
    box.addEventListener("scroll", count, { passive: true });
    const sizes = new ResizeObserver(count);
    [box, box.firstElementChild].forEach((part) => sizes.observe(part));
    relabels.push(count);
    count();
  };
  const sortable = (table) => {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      head.firstElementChild.onclick = () => {
        const down = head.getAttribute("aria-sort") !== "descending";
        heads.forEach((h) => h.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const value = (row) => row.cells[column].dataset.v;
        const compare = (a, b) => {
          const [x, y] = [value(a), value(b)];
          if (x === undefined || y === undefined) return (x === undefined) - (y === undefined);
          const numbers = [Number(x), Number(y)];
          const order = numbers.some(Number.isNaN) ? x.localeCompare(y) : numbers[0] - numbers[1];
          return down ? -order : order;
        };
        table.tBodies[0].append(...[...table.tBodies[0].rows].sort(compare));
      };
    });
  };

  // The page around the charts: wide tables, sorting, language, light and dark, paper.
  const frame = () => {
    document.querySelectorAll(".scroll").forEach(widen);
    document.querySelectorAll("table.sortable").forEach(sortable);
    addEventListener("beforeprint", () => document.querySelectorAll(".warnings details").forEach((d) => (d.open = true)));
    by("language").onclick = () => {
      root.dataset.lang = chinese() ? "en" : "zh";
      root.lang = chinese() ? "zh-CN" : "en";
      relabels.forEach((relabel) => relabel());
    };
    const restyle = () => restyles.forEach((again) => again());
    by("theme").onclick = () => {
      root.dataset.theme = dark() ? "light" : "dark";
      restyle();
    };
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", restyle);
  };
  // Charts are drawn on canvases: the font must be there first.
  const ready = (draw, fit = (chart) => chart.timeScale().fitContent()) =>
    document.fonts.load("12px 'Qushi Sans SC'", "趋a").finally(() => {
      const charts = draw();
      window.qushi = { charts, data };
      // The charts take their size in the next frame; only then does everything fit.
      requestAnimationFrame(() => requestAnimationFrame(() => {
        Object.values(charts).forEach(fit);
        root.dataset.ready = "true";
      }));
    });
  return { L, root, by, css, word, chinese, days, dark, fade, shown, look, make, Broken, putter, frame, ready, restyles, relabels };
};
