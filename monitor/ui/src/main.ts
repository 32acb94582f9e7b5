// Starts the UI: takes a key out of the address bar before anything else, then session, router, app.

import { createApp, watch } from "vue";
import App from "./App.vue";
import { Failure, whenSignedOut, whenWarned } from "./api/client";
import { live } from "./live/store";
import { router } from "./router";
import { tellWarnings } from "./roster/tell";
import { check, keyFromLink, reason, signIn, standing } from "./session/session";
import { breath } from "./shell/drawing";
import { learnInstance } from "./shell/instance";
// The sheets of what Element Plus draws later, too: ours come after them.
import "element-plus/theme-chalk/base.css";
import "element-plus/es/components/dropdown/style/css";
import "element-plus/es/components/dropdown-menu/style/css";
import "element-plus/es/components/dropdown-item/style/css";
import "element-plus/es/components/message/style/css";
import "element-plus/theme-chalk/dark/css-vars.css";
import "./styles/tokens.css";
import "./styles/element.css";
import "./styles/base.css";
import "./styles/shell.css";
import "./styles/controls.css";
import "./styles/marks.css";

const linkKey = keyFromLink(location, history);
let taken = linkKey;

/** Only addresses of this UI: a crafted link must not send anyone elsewhere. */
const backTo = (back: unknown) => (typeof back === "string" && /^\/(?!\/)/.test(back) ? back : "/requests");

async function signInByLink(key: string) {
  await signIn(key).catch((cause: unknown) => {
    reason.value = cause instanceof Failure && cause.status !== 401 ? cause : "bad-link";
  });
}

/** Who cannot be told is taken for signed in: pages say themselves what does not answer. */
const known = () => check().catch(() => (standing.value = "in"));

router.beforeEach(async (to) => {
  // A sign-in link pasted into a tab that is already open only changes the hash.
  // It is no page, so the router has already turned it into the first one, replacing the entry.
  // The first one was taken out of the address before, and still stands in what the router saw.
  const late = /^\/key=(.+)$/.exec(to.redirectedFrom?.path ?? "")?.[1];
  if (late && late !== taken) await signInByLink(late);
  taken = null;
  if (standing.value === "unknown") await known();
  const signedIn = standing.value === "in";
  if (!signedIn && !to.meta.open) return { name: "sign-in", query: to.fullPath === "/requests" ? {} : { back: to.fullPath } };
  if (signedIn && to.name === "sign-in") return backTo(to.query.back);
  return true;
});

whenSignedOut(() => {
  if (standing.value !== "in") return;
  reason.value = "ended";
  standing.value = "out";
});

whenWarned((warnings) => tellWarnings(warnings));

watch(standing, (now) => {
  if (now === "in") {
    live.start();
    void learnInstance();
  } else live.stop();
  // Back to where one was, in both directions.
  const at = router.currentRoute.value;
  if (now === "out" && !at.meta.open) void router.replace({ name: "sign-in", query: { back: at.fullPath } });
  if (now === "in" && at.name === "sign-in") void router.replace(backTo(at.query.back));
});

/**
 * The router hears of other addresses only once it has come to the first one, and then writes that
 * one into the address bar; but the frame stands before, and somebody may be on the way elsewhere.
 */
function hearEarly() {
  const go = (event: HashChangeEvent) => void router.replace(new URL(event.newURL).hash.replace(/^#?\/?/, "/"));
  addEventListener("hashchange", go);
  // What was entered just before is told just after.
  const deaf = () => setTimeout(() => removeEventListener("hashchange", go), 100);
  router.isReady().then(deaf, deaf);
}

async function start() {
  if (linkKey !== null) await signInByLink(linkKey);
  // Until then the empty frame of index.html stands; then the frame, and the page when it is there.
  if (standing.value === "unknown") await known();
  await breath();
  const app = createApp(App);
  await breath();
  app.use(router);
  await breath();
  app.mount("#app");
  hearEarly();
}

void start();
