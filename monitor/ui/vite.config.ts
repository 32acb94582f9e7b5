// Builds the UI into dist/, which the monitor embeds. Everything is same-origin and relative, so
// that it works under any path and a strict Content-Security-Policy.
import vue from "@vitejs/plugin-vue";
import { ElementPlusResolver } from "unplugin-vue-components/resolvers";
import components from "unplugin-vue-components/vite";
import { defineConfig } from "vitest/config";

const api = process.env.GLASSWAY_MONITOR ?? "http://127.0.0.1:8081";

export default defineConfig({
  base: "./",
  plugins: [
    vue(),
    components({ resolvers: [ElementPlusResolver({ importStyle: "css" })], dirs: [], dts: "src/components.d.ts" }),
  ],
  build: {
    target: "es2022",
    // Inlined assets would need data: in the policy for fonts and scripts; there are none.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: true,
  },
  server: {
    proxy: {
      "/api": { target: api, ws: true, changeOrigin: false },
      "/token": { target: api },
    },
  },
  test: { environment: "jsdom", include: ["src/**/*.test.ts"] },
});
