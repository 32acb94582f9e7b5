// Which page of the main menu one is on.

import { computed, type ComputedRef } from "vue";
import { useRoute, useRouter } from "vue-router";
import type { PageName } from "./pages";

/** That page; while the first one is still coming, the one in the address. */
export function useHere(): ComputedRef<PageName | undefined> {
  const route = useRoute();
  const router = useRouter();
  const first = router.resolve(router.options.history.location);
  return computed(() => (route.matched.length > 0 ? route : first).meta.page);
}
