/// <reference no-default-lib="true" />
/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
/// <reference lib="esnext" />

/** The few things that every part of the page does to the document. */

/** The element of this id; the page is written with all of them. */
export function element<T extends HTMLElement = HTMLElement>(id: string): T {
  return document.getElementById(id) as T;
}

/** Sets a text, and only when it differs: what does not change is not announced again. */
export function setText(id: string, text: string): void {
  const target = element(id);
  if (target.textContent !== text) target.textContent = text;
}

/** An element with a class and text or children; text is never read as HTML. */
export function make(tag: string, className: string, ...children: (string | Node)[]): HTMLElement {
  const made = document.createElement(tag);
  if (className !== "") made.className = className;
  made.append(...children);
  return made;
}

/** A cell: a figure, or words, with a class of its own. */
export type Cell = string | { readonly text: string; readonly className: string };

/** Fills a table's body; the first cell of a row is its head. Cells are reused, so that a selection survives. */
export function setRows(id: string, rows: readonly (readonly Cell[])[]): void {
  const body = element<HTMLTableSectionElement>(id);
  while (body.rows.length > rows.length) body.deleteRow(-1);
  rows.forEach((cells, at) => {
    const row = body.rows[at] ?? body.insertRow();
    while (row.cells.length > cells.length) row.deleteCell(-1);
    cells.forEach((cell, column) => {
      let target = row.cells[column];
      if (target === undefined) {
        target = document.createElement(column === 0 ? "th" : "td") as HTMLTableCellElement;
        if (column === 0) target.scope = "row";
        row.append(target);
      }
      const { text, className } = typeof cell === "string" ? { text: cell, className: "" } : cell;
      if (target.textContent !== text) target.textContent = text;
      if (target.className !== className) target.className = className;
    });
  });
}

/** A colour of the style sheet as it is now. */
export function color(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/** A time of day, in this browser's zone. */
export function timeOfDay(iso: string): string {
  return new Date(iso).toLocaleTimeString([], { hour12: false });
}

/** Sizes a canvas to its place on the page, in real pixels; gives its context in units of the page. */
export function fitCanvas(canvas: HTMLCanvasElement, height: number): {
  readonly context: CanvasRenderingContext2D;
  readonly width: number;
} {
  const scale = devicePixelRatio || 1;
  const width = canvas.clientWidth;
  const [pixelsX, pixelsY] = [Math.round(width * scale), Math.round(height * scale)];
  if (canvas.width !== pixelsX || canvas.height !== pixelsY) {
    canvas.width = pixelsX;
    canvas.height = pixelsY;
  }
  const context = canvas.getContext("2d")!;
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
  return { context, width };
}
