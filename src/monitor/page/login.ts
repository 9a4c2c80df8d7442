/// <reference no-default-lib="true" />
/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
/// <reference lib="esnext" />

/** The log-in says what was wrong. */

if (location.search === "?failed") document.getElementById("failed")!.hidden = false;
