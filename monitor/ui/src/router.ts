// Addresses: the URL is the state. Pages load lazily; the sign-in guard lives in main.ts, which
// knows the session.

import { createRouter, createWebHashHistory } from "vue-router";

declare module "vue-router" {
  interface RouteMeta {
    /** The page's entry in the main menu. */
    page?: "requests";
    /** May be seen without a session. */
    open?: boolean;
  }
}

export const router = createRouter({
  history: createWebHashHistory(),
  routes: [
    { path: "/", redirect: { name: "requests" } },
    { path: "/sign-in", name: "sign-in", component: () => import("./session/SignIn.vue"), meta: { open: true } },
    // One record for list and detail, so that the list stays alive beneath the detail.
    { path: "/requests/:id?", name: "requests", component: () => import("./requests/RequestsPage.vue"), meta: { page: "requests" } },
    { path: "/:rest(.*)*", redirect: { name: "requests" } },
  ],
});
