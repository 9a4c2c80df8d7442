/// <reference no-default-lib="true" />
/// <reference lib="dom" />
/// <reference lib="esnext" />
document.title = "quartz-edge";
