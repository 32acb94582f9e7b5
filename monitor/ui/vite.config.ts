// Builds the UI into dist/, which the monitor embeds. Everything is same-origin and relative, so
// that it works under any path and a strict Content-Security-Policy.
import { readFileSync } from "node:fs";
import { basename, resolve } from "node:path";
import vue from "@vitejs/plugin-vue";
import { ElementPlusResolver } from "unplugin-vue-components/resolvers";
import components from "unplugin-vue-components/vite";
import type { Plugin, Rollup } from "vite";
import { defineConfig } from "vitest/config";

const api = process.env.GLASSWAY_MONITOR ?? "http://127.0.0.1:8081";

/**
 * What a page and a language need beyond what all do, by the first part of the page's address
 * and by the language: public/before-paint.js asks for it before any script has come.
 */
function wants(): Plugin {
  return {
    name: "wants",
    transformIndexHtml: {
      order: "post",
      handler(html, { bundle }) {
        const chunks = Object.values(bundle ?? {}).filter((file) => file.type === "chunk");
        const needed = (chunk: Rollup.OutputChunk, known = new Set<Rollup.OutputChunk>()) => {
          if (known.has(chunk)) return known;
          known.add(chunk);
          for (const name of chunk.imports) chunks.filter((c) => c.fileName === name).forEach((c) => needed(c, known));
          return known;
        };
        const first = new Set(chunks.filter((c) => c.isEntry).flatMap((c) => [...needed(c)]));
        const files = (source: string) => {
          const chunk = chunks.find((c) => c.facadeModuleId === resolve("src", source));
          const own = chunk ? [...needed(chunk)].filter((c) => !first.has(c)) : [];
          return own.flatMap((c) => [c.fileName, ...(c.viteMetadata?.importedCss ?? [])]).map((name) => basename(name));
        };
        const pages = readFileSync("src/router.ts", "utf8").matchAll(/path: "\/([a-z-]+)[^"]*".*import\("\.\/([^"]+)"\)/g);
        const all = Object.fromEntries([
          ["en", files("i18n/en.ts")],
          ["zh-CN", files("i18n/zh.ts")],
          ...[...pages].map(([, page, source]) => [page, files(source ?? "")]),
        ]);
        const attribute = JSON.stringify(all).replaceAll("&", "&amp;").replaceAll('"', "&quot;");
        if (!bundle) return html;
        // The frame in index.html needs the sheet alone: scripts let it go first.
        return html
          .replace('src="./before-paint.js"', `$& data-wants="${attribute}"`)
          .replaceAll(/<(?:script type="module"|link rel="modulepreload")/g, '$& fetchpriority="low"');
      },
    },
  };
}

/** What uPlot makes of `Intl` as soon as it comes, for what we never ask of it; see src/format/time.ts. */
function withoutIntl(): Plugin {
  const made = [
    ["new Intl.NumberFormat(domEnv ? nav.language : 'en-US')", "{ format: String }"],
    ["new Intl.DateTimeFormat().resolvedOptions().timeZone", "undefined"],
  ] as const;
  return {
    name: "without-intl",
    transform(code, id) {
      if (!id.endsWith("/uPlot.esm.js")) return;
      for (const [from] of made) if (!code.includes(from)) this.error(`uPlot no longer says ${from}: see whether this is still needed`);
      return { code: made.reduce((text, [from, to]) => text.replace(from, to), code), map: null };
    },
  };
}

export default defineConfig({
  base: "./",
  plugins: [
    vue(),
    wants(),
    withoutIntl(),
    components({ resolvers: [ElementPlusResolver({ importStyle: false })], dirs: [], dts: "src/components.d.ts" }),
  ],
  build: {
    target: "es2022",
    // Inlined assets would need data: in the policy for fonts and scripts; there are none.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      output: {
        // Plain HTTP has six connections: what most pages need is one file, not twenty.
        codeSplitting: {
          groups: [
            { name: "vue", test: /node_modules\/(@vue|vue|vue-router)\// },
            { name: "common", test: /\/src\/(shell|format|live|api|roster|session|filters|keys|requests|i18n|providers|tokens|settings)\/.*\.(ts|vue)|plugin-vue/, minShareCount: 2 },
            { name: "charts", test: /\/src\/(charts|statistics|dashboard)\/.*\.ts|\/src\/charts\//, minShareCount: 2 },
          ],
        },
      },
    },
    reportCompressedSize: true,
  },
  server: {
    proxy: {
      "/api": { target: api, ws: true, changeOrigin: false },
      "/token": { target: api },
    },
  },
  test: { environment: "jsdom", setupFiles: ["src/tests.ts"], include: ["src/**/*.test.ts"] },
});
