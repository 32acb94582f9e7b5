// Which requests of a list were converted, as far as a list can tell: the kinds of providers, loaded
// once, beside what conversion.ts decides.

import { computed } from "vue";
import type { Exchange } from "../api/types";
import { providers } from "../roster/roster";
import { conversionOf } from "./conversion";

export function useConversion() {
  const kinds = computed(() => new Map(providers.items.value?.map((p) => [p.name, p.kind])));
  if (!providers.items.value && !providers.loading.value) void providers.load();
  return (x: Exchange) => conversionOf(x, (name) => kinds.value.get(name));
}
