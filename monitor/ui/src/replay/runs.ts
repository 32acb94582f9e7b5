// The answers that are shown, by their ids, in the address.

import { computed } from "vue";
import { useRoute, useRouter } from "vue-router";

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export function useRuns() {
  const route = useRoute();
  const router = useRouter();
  const ids = computed(() => [...new Set(String(route.query.runs ?? "").split(",").filter((id) => UUID.test(id)))]);
  const show = (next: string[]) => void router.replace({ query: { ...route.query, runs: next.length ? next.join(",") : undefined } });
  return {
    ids,
    /** The newest stand first. */
    add: (more: string[]) => show([...more, ...ids.value]),
    remove: (id: string) => show(ids.value.filter((one) => one !== id)),
    clear: () => show([]),
  };
}
