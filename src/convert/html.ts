/** The few pieces of HTML that the conversion report is made of. */

import { escapeHtml } from "../core/html.ts";

/** A heading and what stands under it. */
export function section(title: string, body: string): string {
  return `<section><h2>${escapeHtml(title)}</h2>\n${body}</section>`;
}

/** A table of cells that are HTML already; rows whose place is in `marked` stand out. */
export function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  marked: ReadonlySet<number> = new Set(),
): string {
  const row = (cells: readonly string[], tag: string, mark = "") =>
    `<tr${mark}>${cells.map((cell) => `<${tag}>${cell}</${tag}>`).join("")}</tr>`;
  const first = head.some((text) => text !== "") ? row(head, "th") : "";
  const body = rows.map((cells, i) => row(cells, "td", marked.has(i) ? ` class="marked"` : "")).join("\n");
  return `<table>${first}${body}</table>`;
}

/** Items of plain text. */
export function list(items: readonly string[]): string {
  return `<ul>${items.map((item) => `<li>${escapeHtml(item)}</li>`).join("")}</ul>`;
}

/** The figures that matter most, large, each over a few words. Plain text. */
export function cards(items: readonly { readonly figure: string; readonly about: string }[]): string {
  const card = ({ figure, about }: { figure: string; about: string }) =>
    `<div class="card"><b>${escapeHtml(figure)}</b><span>${escapeHtml(about)}</span></div>`;
  return `<div class="cards">${items.map(card).join("")}</div>`;
}

/** A share as percent. */
export function percent(share: number): string {
  return `${(100 * share).toFixed(2)} %`;
}

/** A whole number with separators. */
export function count(value: number): string {
  return Math.round(value).toLocaleString("en");
}
