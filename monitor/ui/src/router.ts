// Addresses: the URL is the state. Pages load lazily; the sign-in guard lives in main.ts, which
// knows the session.

import { createRouter, createWebHashHistory } from "vue-router";
import { breath } from "./shell/drawing";
import type { PageName } from "./shell/pages";

declare module "vue-router" {
  interface RouteMeta {
    /** The page's entry in the main menu. */
    page?: PageName;
    /** May be seen without a session. */
    open?: boolean;
  }
}

/** A page is run in one task and drawn in another: a phone takes long for each. */
const page = <T>(load: () => Promise<T>) => () => load().then((module) => breath().then(() => module));

export const router = createRouter({
  history: createWebHashHistory(),
  routes: [
    { path: "/", redirect: { name: "requests" } },
    { path: "/sign-in", name: "sign-in", component: page(() => import("./session/SignIn.vue")), meta: { open: true } },
    { path: "/dashboard", name: "dashboard", component: page(() => import("./dashboard/DashboardPage.vue")), meta: { page: "dashboard" } },
    { path: "/statistics", name: "statistics", component: page(() => import("./statistics/StatisticsPage.vue")), meta: { page: "statistics" } },
    // One record for list and detail, so that the list stays alive beneath the detail.
    { path: "/requests/:id?", name: "requests", component: page(() => import("./requests/RequestsPage.vue")), meta: { page: "requests" } },
    { path: "/replay/:id", name: "replay", component: page(() => import("./replay/ReplayPage.vue")), meta: { page: "requests" } },
    { path: "/compare/:left/:right", name: "compare", component: page(() => import("./compare/ComparePage.vue")), meta: { page: "requests" } },
    { path: "/playground/:id?", name: "playground", component: page(() => import("./playground/PlaygroundPage.vue")), meta: { page: "playground" } },
    { path: "/setup/:client?", name: "setup", component: page(() => import("./setup/SetupPage.vue")), meta: { page: "setup" } },
    // The managed pages: a list, and beside it the entry that is open (`new` for one that is added).
    { path: "/keys/:id?", name: "keys", component: page(() => import("./keys/KeysPage.vue")), meta: { page: "keys" } },
    { path: "/providers/:id?", name: "providers", component: page(() => import("./providers/ProvidersPage.vue")), meta: { page: "providers" } },
    { path: "/models/:id?", name: "models", component: page(() => import("./models/ModelsPage.vue")), meta: { page: "models" } },
    { path: "/prices/:id?", name: "prices", component: page(() => import("./prices/PricesPage.vue")), meta: { page: "prices" } },
    { path: "/routes/:id?", name: "routes", component: page(() => import("./routes/RoutesPage.vue")), meta: { page: "routes" } },
    { path: "/client-tokens/:id?", name: "client-tokens", component: page(() => import("./tokens/TokensPage.vue")), meta: { page: "client-tokens" } },
    { path: "/traces/:id?", name: "traces", component: page(() => import("./traces/TracesPage.vue")), meta: { page: "traces" } },
    { path: "/settings", name: "settings", component: page(() => import("./settings/SettingsPage.vue")), meta: { page: "settings" } },
    { path: "/:rest(.*)*", redirect: { name: "requests" } },
  ],
});
