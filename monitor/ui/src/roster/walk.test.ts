// Addresses of entries: what is put together for every row is what the router would have written.

import { createApp, computed, h, nextTick } from "vue";
import { expect, test } from "vitest";
import { router } from "../router";
import { useWalk, type Walk } from "./walk";

test("a row's address is the router's, whatever the entry is called", async () => {
  const names = ["gpt-4o", "ai21.j2-mid-v1:0", "a/b c", "50%", "a?b#c", "[x]|{y}", "主号", "ID", "$&", "a+b&c=d"];
  let walk: Walk | undefined;
  router.addRoute({ path: "/prices/:id?", name: "prices", component: { render: () => h("i") } });
  await router.push({ name: "prices", query: { q: "ID sort", sort: "-input" } });
  const app = createApp({ setup: () => ((walk = useWalk("prices", () => "", computed(() => names), (n) => n)), () => h("i")) }).use(router);
  app.mount(document.createElement("div"));
  await nextTick();
  for (const name of names) {
    const put = walk!.href(name);
    const resolved = router.resolve({ name: "prices", params: { id: name }, query: { q: "ID sort", sort: "-input" } });
    expect(router.resolve(put.replace(/^#/, "")).params.id, put).toBe(name);
    expect(decodeURIComponent(put)).toBe(decodeURIComponent(resolved.href));
  }
  app.unmount();
});
