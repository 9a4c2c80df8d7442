/** Pieces of the report's HTML. */

import { escapeHtml } from "../core/html.ts";

/** A part of the page under a heading. */
export function section(title: string, body: string): string {
  return `<section><h2>${escapeHtml(title)}</h2>\n${body}</section>`;
}

/** Cells are HTML; the first column is text, the others are numbers. */
export function table(head: readonly string[], rows: readonly (readonly string[])[], kind = "numbers"): string {
  const row = (cells: readonly string[], tag: string) =>
    `<tr>${cells.map((cell) => `<${tag}>${cell}</${tag}>`).join("")}</tr>`;
  return `<div class="scroll"><table class="${kind}"><thead>${row(head, "th")}</thead><tbody>${
    rows.map((cells) => row(cells, "td")).join("\n")
  }</tbody></table></div>`;
}

/** What stands where there is nothing to show. */
export function none(text: string): string {
  return `<p class="none">${escapeHtml(text)}</p>`;
}

/** Said beside a list that shows only its end. */
export function cut(shown: readonly unknown[], count: number): string {
  return shown.length < count ? `, the last ${shown.length} of them` : "";
}
