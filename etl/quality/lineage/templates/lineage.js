
// Pointing at a source or table dims all other edges of the diagram.
for (const svg of document.querySelectorAll("svg.lineage")) {
  for (const node of svg.querySelectorAll(".node")) {
    const side = "source" in node.dataset ? "source" : "table";
    const lit = [...svg.querySelectorAll(".edge")].filter((edge) => edge.dataset[side] === node.dataset[side]);
    const show = (on) => () => {
      svg.classList.toggle("active", on);
      for (const edge of lit) edge.classList.toggle("lit", on);
    };
    for (const event of ["pointerenter", "focus"]) node.addEventListener(event, show(true));
    for (const event of ["pointerleave", "blur"]) node.addEventListener(event, show(false));
  }
}
