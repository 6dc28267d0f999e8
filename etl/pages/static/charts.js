"use strict";
// Draws the tables that charts name: the first column is the place, columns with `data-series` are what is drawn.
// A row's `data-state` gives its colour. Without this file the tables stand alone.
(() => {
  if (!window.echarts) return;
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
  const font = getComputedStyle(document.body).fontFamily;
  const SERIES = ["mark", "warn-mark", "good-mark", "bad-mark", "quiet"];
  const TONES = {blocked: "warn-mark", waiting: "busy", failed: "bad-mark", lost: "bad-mark"};
  const percent = (value) => (100 * value).toFixed(1) + " %";
  const count = (value) => Number(value).toLocaleString("en-US");

  function read(table) {
    const heads = [...table.tHead.rows[0].cells];
    const columns = heads.map((head, at) => ({head, at})).filter((each) => each.head.dataset.series !== undefined);
    const rows = [...table.tBodies[0].rows];
    const number = (row, at) => {
      const value = row.cells[at].dataset.value;
      return value === undefined || value === "" ? null : Number(value);
    };
    return {rows, columns, number, place: (row) => row.cells[0].dataset.value ?? row.cells[0].textContent.trim()};
  }

  const text = () => ({color: colour("quiet"), fontFamily: font, fontSize: 12});
  const tip = (more) => ({
    renderMode: "richText", confine: true, backgroundColor: colour("card"), borderColor: colour("line"),
    textStyle: {color: colour("ink"), fontFamily: font, fontSize: 12}, ...more,
  });

  function trend(kind, {rows, columns, number, place}) {
    const shown = columns[0].head.dataset.format === "percent" ? percent : count;
    const oldestFirst = [...rows].reverse();
    const known = oldestFirst.map((row) => number(row, columns[0].at)).filter((value) => value !== null);
    const low = Math.min(...known), high = Math.max(...known), half = Math.max(high - low, 0.02) / 2;
    const zoom = shown === percent && known.length
      ? {min: Math.max(0, (low + high) / 2 - half * 1.15), max: Math.min(1, (low + high) / 2 + half * 1.15)} : {min: 0};
    return {
      grid: {left: 8, right: 12, top: columns.length > 1 ? 30 : 14, bottom: 4, outerBoundsMode: "same", outerBoundsContain: "axisLabel"},
      legend: columns.length > 1 ? {top: 0, left: 0, icon: "roundRect", itemWidth: 10, itemHeight: 10, textStyle: text()} : undefined,
      tooltip: tip({trigger: "axis", formatter: (points) => {
        const state = oldestFirst[points[0].dataIndex].dataset.says;
        return [points[0].name + (state ? " · " + state : ""),
          ...points.map((p) => (columns.length > 1 ? p.seriesName + "  " : "") + (p.value == null ? "–" : shown(p.value)))].join("\n");
      }}),
      xAxis: {type: "category", data: oldestFirst.map(place), axisLine: {lineStyle: {color: colour("line")}}, axisTick: {show: false},
        axisLabel: {...text(), hideOverlap: true, formatter: (day) => day.slice(5)}},
      yAxis: {type: "value", ...zoom, axisLabel: {...text(), showMinLabel: kind === "columns", showMaxLabel: kind === "columns", formatter: (value) => shown === percent ? percent(value) : value >= 1e6 ? value / 1e6 + " M" : value >= 1e3 ? value / 1e3 + " k" : value},
        splitLine: {lineStyle: {color: colour("line")}}, splitNumber: 4},
      series: columns.map((column, which) => ({
        name: column.head.textContent.trim(), type: kind === "columns" ? "bar" : "line", barMaxWidth: 28, symbolSize: 7, showAllSymbol: rows.length <= 60,
        symbol: "circle", lineStyle: {width: 2, color: colour(SERIES[which % 5])}, color: colour(SERIES[which % 5]),
        data: oldestFirst.map((row) => {
          const tone = TONES[row.dataset.state];
          return {value: number(row, column.at), itemStyle: {borderRadius: kind === "columns" ? 2 : 0, ...(tone && {color: colour(tone)})}};
        }),
      })),
    };
  }

  function flow({rows, columns, number, place}) {
    const used = columns.filter((column) => rows.some((row) => number(row, column.at)));
    const tones = {mapped: "mark", filtered: "quiet", quarantined: "warn-mark", rejected: "bad-mark"};
    const links = rows.flatMap((row) => used.filter((column) => number(row, column.at)).map((column) => ({
      source: place(row), target: "→ " + column.head.dataset.series, value: number(row, column.at),
      // what is lost stays to be seen beside a large table
      lineStyle: {color: colour(tones[column.head.dataset.kind]), opacity: column.head.dataset.kind === "mapped" ? 0.25 : 0.6},
    })));
    return {
      tooltip: tip({trigger: "item", formatter: (each) => each.dataType === "edge"
        ? each.data.source + " " + each.data.target + ": " + count(each.value) : each.name + ": " + count(each.value)}),
      series: [{
        type: "sankey", left: 4, right: 150, top: 8, bottom: 8, nodeWidth: 12, nodeGap: 14, draggable: false, emphasis: {focus: "adjacency"},
        nodeAlign: "left", label: {...text(), color: colour("ink"), formatter: (each) => each.name.replace("→ ", "")},
        data: [...rows.filter((row) => used.some((column) => number(row, column.at))).map((row) => ({name: place(row), itemStyle: {color: colour("quiet")}})),
          ...used.map((column) => ({name: "→ " + column.head.dataset.series, itemStyle: {color: colour(tones[column.head.dataset.kind])}}))],
        links,
      }],
    };
  }

  function draw(box) {
    const table = document.querySelector(box.dataset.table);
    if (!table) return;
    const kind = box.dataset.chart, read_ = read(table);
    if (!read_.rows.length || !read_.columns.length) return;
    box.classList.add("drawn");
    const chart = echarts.getInstanceByDom(box) || echarts.init(box, null, {devicePixelRatio: Math.max(2, devicePixelRatio)});
    chart.setOption({
      animation: false, textStyle: {fontFamily: font}, aria: {enabled: true, label: {enabled: true, description: box.getAttribute("aria-label")}},
      ...(kind === "flow" ? flow(read_) : trend(kind, read_)),
    }, true);
  }

  const all = () => document.querySelectorAll("[data-chart]").forEach(draw);
  all();
  document.addEventListener("htmx:after:swap", all);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", all);
  addEventListener("resize", () => document.querySelectorAll(".chart.drawn").forEach((box) => echarts.getInstanceByDom(box)?.resize()));
})();
