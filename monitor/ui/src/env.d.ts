// Vite's own modules, Element Plus's style entries, which come without types, and what the page's first script leaves.
/// <reference types="vite/client" />
declare module "element-plus/es/components/message/style/css";

interface Window {
  /** What was asked for ahead of all scripts (public/before-paint.js). */
  early?: { session: Promise<Response> };
}
